import glob
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.datasets.globs import make_matcher
from hfsvc.errors import InvalidPattern

FILES = [
    "a.parquet",
    "B.parquet",
    ".hidden.parquet",
    "data/a.parquet",
    "data/.hidden/a.parquet",
    "data/deep/er/a.parquet",
    "data/a.txt",
    "data [1]/x.txt",
    "star*.txt",
    "README.md",
]


def matched(*patterns: str) -> list[str]:
    matches = make_matcher(patterns)
    return [path for path in FILES if matches(path)]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.parquet", ["a.parquet", "B.parquet", ".hidden.parquet"]),
        ("**", FILES),
        ("**/*.txt", ["data/a.txt", "data [1]/x.txt", "star*.txt"]),
        ("data/*", ["data/a.parquet", "data/a.txt"]),
        ("data/", ["data/a.parquet", "data/.hidden/a.parquet", "data/deep/er/a.parquet", "data/a.txt"]),
        ("data/**", ["data/a.parquet", "data/.hidden/a.parquet", "data/deep/er/a.parquet", "data/a.txt"]),
        ("data", []),
        ("./a.parquet", ["a.parquet"]),
        ("/a.parquet", []),
        ("[ab].parquet", ["a.parquet"]),
        ("[!a].parquet", ["B.parquet"]),
        ("?.parquet", ["a.parquet", "B.parquet"]),
        ("b.parquet", []),
        ("{a,B}.parquet", ["a.parquet", "B.parquet"]),
        ("data/**/a.parquet", ["data/a.parquet", "data/.hidden/a.parquet", "data/deep/er/a.parquet"]),
        ("star*.txt", ["star*.txt"]),
        ("data [1]/x.txt", ["data [1]/x.txt"]),
        ("data [1]/", ["data [1]/x.txt"]),
        ("README.md", ["README.md"]),
        ("**/README.md", ["README.md"]),
        ("!README.md", []),
        ("README.md|a.parquet", []),
    ],
)
def test_globs_are_as_in_a_shell(pattern: str, found: list[str]) -> None:
    assert matched(pattern) == found


NAMES = st.sampled_from(["a", "b", "ab", "a.txt", "b.txt", ".a", "a b"])
PATTERNS = st.lists(st.sampled_from(["a", "b", "*", "?", "/", ".txt", "**/", "[ab]", "."]), min_size=1, max_size=5).map(
    "".join
)


@given(st.lists(NAMES, min_size=1, max_size=3).map("/".join), PATTERNS)
def test_globs_agree_with_pythons_own(tmp_path_factory: pytest.TempPathFactory, path: str, pattern: str) -> None:
    shaped = pattern.split("/")
    if "" in shaped or {".", ".."} & set(shaped) or any("**" in part and part != "**" for part in shaped):
        return
    root = tmp_path_factory.mktemp("globs")
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch()
    real = glob.glob(pattern, root_dir=root, recursive=True, include_hidden=True)  # noqa: PTH207
    files = {found for found in real if Path(root, found).is_file()}
    assert make_matcher([pattern])(path) == (path in files)


def test_no_pattern_matches_nothing() -> None:
    assert matched() == []


@pytest.mark.parametrize("pattern", ["", "{1..9}" * 6, "{" + ",".join("abcdefgh") + "}" + "{a,b,c,d}" * 6])
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        make_matcher([pattern])


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.text(max_size=30))
def test_any_pattern_matches_or_is_refused(pattern: str, path: str) -> None:
    try:
        matches = make_matcher([pattern])
    except InvalidPattern:
        return
    assert matches(pattern)
    assert matches(path) in {True, False}


# ---- selection and plan ----------------------------------------------------------------------------------------------
