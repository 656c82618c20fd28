import ntpath
import os
import posixpath
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.errors import StoreNotWritable, UnsafePath
from hfsvc.store.safe_paths import (
    check_dataset_folder,
    check_names,
    check_path,
    check_together,
    find_unportable,
    fold,
    inside,
    parents,
)

DANGEROUS = st.sampled_from([
    "..",
    ".",
    "/",
    "\\",
    "C:",
    "con",
    "nul.txt",
    ".hfsvc",
    "a",
    "b.txt",
    " ",
    "\n",
    "\x00",
    "~",
    ":",
])
anything = st.one_of(
    st.text(max_size=20), st.lists(DANGEROUS, max_size=6).map("".join), st.lists(DANGEROUS, max_size=4).map("/".join)
)


def accepted(path: str) -> bool:
    try:
        return check_path(path) == path
    except UnsafePath:
        return False


FOREIGN = ["con.parquet", "aux/x.json", "a/nul.json", "prn", "com1.csv", "lpt\u00b9.txt", "CONOUT$", "a:b.json", "C:/x"]
FOREIGN += ["x/a:b.json", "ends.", "ends /x", "what?.json", "a<b", "a|b", 'say "hi".txt', "star*.txt"]


@given(anything)
def test_an_accepted_path_stays_below_its_folder(path: str) -> None:
    if not accepted(path):
        return
    assert posixpath.normpath(posixpath.join("/store/x", path)) == f"/store/x/{path}"
    assert "\\" not in path
    if path in find_unportable([path]):
        # Windows itself refuses these.
        return
    assert not ntpath.isabs(path)
    assert ntpath.splitdrive(path)[0] == ""
    joined = ntpath.normpath(ntpath.join("C:\\store\\x", path))
    assert joined.startswith("C:\\store\\x\\")
    assert joined.count("\\") == path.count("/") + 3


@given(anything)
def test_an_accepted_path_is_never_the_stores_own(path: str) -> None:
    if accepted(path):
        assert ".hfsvc" not in [part.casefold() for part in path.split("/")]


@given(st.lists(st.text("abcé日 .#?%+()[]{}&'-_=", min_size=1, max_size=8), min_size=1, max_size=4))
def test_harmless_names_are_accepted(parts: list[str]) -> None:
    path = "/".join(parts)
    assert accepted(path) or {".", ".."} & set(parts)


@pytest.mark.parametrize(
    "path",
    [
        *FOREIGN,
        "console.txt",
        "auxiliary/x",
        "nullable",
        "com10",
        "com",
        "ab:c",
        "ends.",
        "x..y",
        ".git/config",
        "\u202etxt",
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows reads some of these as other names")
def test_names_that_only_look_dangerous_are_accepted(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize("repo", ["index.json", "INDEX.JSON", ".hfsvc", "../x", ""])
def test_a_dataset_folder_that_would_harm_the_store_is_refused(repo: str) -> None:
    with pytest.raises(UnsafePath):
        check_dataset_folder(repo)


@pytest.mark.parametrize(
    ("paths", "case_sensitive"),
    [
        (["a", "a/b"], True),
        (["x/a/b", "x/a"], True),
        (["a", "A"], False),
        (["Data/x", "data/X"], False),
        (["A", "a/b"], False),
        (["\u00e9", "e\u0301"], False),
        (["straße", "STRASSE"], False),
    ],
)
def test_paths_that_need_one_place_are_refused(paths: list[str], case_sensitive: bool) -> None:
    with pytest.raises(UnsafePath):
        check_together(paths, case_sensitive=case_sensitive)


@pytest.mark.parametrize("paths", [["a", "A"], ["\u00e9", "e\u0301"], ["a", "a"], ["a/b", "a/c"], ["ab", "a/b"], []])
def test_paths_with_places_of_their_own_pass(paths: list[str]) -> None:
    check_together(paths, case_sensitive=True)


def test_folders_of_one_name_in_another_case_may_be_shared() -> None:
    check_together(["Data/x", "data/y"], case_sensitive=False)


@pytest.mark.parametrize("path", FOREIGN)
def test_names_that_other_systems_cannot_hold_are_found(path: str) -> None:
    assert find_unportable(["fine/name.txt", path]) == (path,)


def test_names_that_other_systems_take_for_one_are_found() -> None:
    assert find_unportable(["a/X", "a/x", "b/\u00e9", "b/e\u0301", "c"]) == ("a/x", "b/e\u0301")


def test_names_that_this_disk_holds_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "nul.json").write_text("mine")
    check_names(tmp_path, ["nul.json", "a:b/c?d", "x" * 255])
    assert [path.name for path in tmp_path.iterdir()] == ["nul.json"]


@pytest.mark.skipif(os.name == "nt", reason="no name is too long for the check, and refused by the disk")
def test_a_name_that_this_disk_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafePath, match="cannot hold"):
        check_names(tmp_path, ["ok", "a/" + "x" * 256])


@given(st.text(max_size=10))
def test_folding_is_done_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_parents_are_told_outermost_first() -> None:
    assert list(parents("a/b/c.txt")) == ["a", "a/b"]
    assert list(parents("c.txt")) == []


@given(
    path=st.lists(st.sampled_from(["link", "file", "folder", "new", "..", ""]), min_size=1, max_size=3).map("/".join)
)
def test_a_place_inside_is_inside(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    base = tmp_path_factory.mktemp("inside")
    root = base / "root"
    (root / "folder").mkdir(parents=True)
    (root / "file").touch()
    (root / "link").symlink_to(base)
    try:
        found = inside(root, path)
    except UnsafePath:
        return
    assert found.parent.resolve().is_relative_to(root)
    assert not found.is_dir() or found.is_symlink()


def test_a_link_in_the_middle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "link").symlink_to("/")
    with pytest.raises(UnsafePath, match="link"):
        inside(tmp_path, "a/link/etc/passwd")


def test_a_place_that_the_disk_does_not_tell_of_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(StoreNotWritable):
        inside(tmp_path, "/".join(["a" * 200] * 30))
