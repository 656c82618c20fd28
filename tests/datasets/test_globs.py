import glob
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.datasets.globs import covers, exactly, leaving_out, make_matcher
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


# ---- one pattern within another --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wider", "narrower"),
    [
        ("**", "data/*.parquet"),
        ("**", "data/"),
        ("**/*.parquet", "a.parquet"),
        ("**/*.parquet", "data/**/x-*.parquet"),
        ("**/*.parquet", "{train,test}-?.parquet"),
        ("data/", "data/a.txt"),
        ("data/*", "data/[ab].txt"),
        ("*.{txt,md}", "a.txt"),
        ("?.txt", "[ab].txt"),
        ("*a*.txt", "aab.txt"),
    ],
)
def test_a_pattern_covers_what_lies_within_it(wider: str, narrower: str) -> None:
    assert covers(wider, narrower)
    assert covers(wider, wider)


@pytest.mark.parametrize(
    ("wider", "narrower"),
    [
        ("**/*.parquet", "**"),
        ("*.parquet", "**/*.parquet"),
        ("*.parquet", "data/a.parquet"),
        ("a.txt", "[ab].txt"),
        ("{a,b}.txt", "{a,b,c}.txt"),
        ("data/*", "data/**"),
        ("A.txt", "a.txt"),
    ],
)
def test_a_pattern_does_not_cover_what_may_lie_beside_it(wider: str, narrower: str) -> None:
    assert not covers(wider, narrower)


pieces = st.sampled_from(["*", "?", "a", "b", "[ab]", "{a,b}", ".txt", "/", "**/", "/**"])
patterns = st.lists(pieces, min_size=1, max_size=5).map("".join)
names = st.lists(st.sampled_from(["a", "b", "ab", "a.txt", ".txt"]), min_size=1, max_size=3).map("/".join)


@given(patterns, patterns, st.lists(names, max_size=20))
def test_whatever_the_narrower_matches_the_wider_one_does(wider: str, narrower: str, paths: list[str]) -> None:
    if covers(wider, narrower):
        wide, narrow = make_matcher([wider]), make_matcher([narrower])
        assert [path for path in paths if narrow(path) and not wide(path)] == []


@pytest.mark.parametrize(
    ("path", "other"), [("a\\b.json", "ab.json"), ("a*b.json", "axb.json"), ("[x].json", "x.json"), ("{a,b}", "a")]
)
def test_the_pattern_of_one_path_means_no_other(path: str, other: str) -> None:
    for pattern in (exactly(path), leaving_out(path)):
        matches = make_matcher([pattern])
        assert matches(path)
        assert not matches(other)
