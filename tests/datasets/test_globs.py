import glob
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.datasets.globs import make_matcher
from hfsvc.datasets.plan import OnDisk, Selection, check_room, make_plan, nothing_selected, select
from hfsvc.errors import InvalidPattern, NoSpace
from tests.builders import dataset, lfs

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


def test_a_selection_is_sorted_by_bytes_and_has_each_path_once() -> None:
    listing = [lfs(name) for name in ("b", "ä", "B", "a/b", "a", "b")]
    assert [file.path for file in select(listing, [Selection(("**",))])] == ["B", "a", "a/b", "b", "ä"]


def test_what_one_selection_leaves_out_another_may_mean() -> None:
    listing = [lfs(name) for name in ("a.txt", "b.txt", "c.md")]
    chosen = select(listing, [Selection(("*.txt",), ("b*",)), Selection(("b.txt",))])
    assert [file.path for file in chosen] == ["a.txt", "b.txt"]


def test_the_plan_covers_every_selected_file_and_counts_every_byte_once() -> None:
    files = [lfs("a", b"a" * 10), lfs("b", b"b" * 20), lfs("c", b"b" * 20), lfs("d", b"d" * 40), lfs("e", b"")]
    here = OnDisk(frozenset({"a"}), {}, {"b": 5, "c": 5}, free_bytes=1000)
    plan = make_plan(dataset(), files, here, recorded=["a", "z", "y"])
    assert [file.path for file in plan.files] == ["a", "b", "c", "d", "e"]
    assert (plan.total_bytes, plan.present_bytes, plan.kept_bytes, plan.fetch_bytes) == (90, 10, 5, 55)
    assert plan.files[2].copy_of == "b"
    assert plan.removed == ("y", "z")
    assert plan.hub_requests == 2


def test_room_is_needed_for_what_is_fetched_and_for_what_is_copied() -> None:
    files = [lfs("a", b"a" * 10), lfs("b", b"a" * 10)]
    check_room(make_plan(dataset(), files, OnDisk(frozenset(), {}, {}, 20)), "/")
    with pytest.raises(NoSpace) as caught:
        check_room(make_plan(dataset(), files, OnDisk(frozenset(), {}, {}, 19)), "/")
    assert (caught.value.needed, caught.value.free) == (20, 19)


def test_no_match_shows_some_of_what_is_there() -> None:
    listing = [lfs(f"{number:02}.txt") for number in range(25)]
    error = nothing_selected(dataset(), listing, Selection(("*.parquet",)))
    assert (len(error.available), error.total) == (10, 25)
    assert "15 more" in str(error)
    assert os.linesep not in str(error)
