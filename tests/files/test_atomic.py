import os
import subprocess
import sys
from pathlib import Path

import pytest

from hfsvc.files.atomic import free_bytes, prune_empty, scratch_name, size_of, write_whole


def test_a_reader_of_the_old_content_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")
    with path.open("rb") as reader:
        write_whole(path, b"new content")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new content"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "folder", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_free_room_is_asked_of_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    assert (free_bytes(tmp_path / "a" / "b" / "c") or 0) > 0


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no file system here tells 0 of 0 bytes")
def test_room_that_is_told_as_0_of_0_is_unknown() -> None:
    assert free_bytes(Path("/proc/self")) is None


@pytest.mark.parametrize("name", ["a" * 250, "ü" * 120, "画" * 80, "a"])
def test_a_name_in_the_making_is_no_longer_than_names_may_be(name: str) -> None:
    scratch = scratch_name(name, ".part")
    assert len(scratch.encode()) <= 255
    assert scratch.startswith(f".{name[:40]}")
    assert scratch != scratch_name(name, ".part")


def test_only_empty_folders_are_pruned_and_never_the_last(tmp_path: Path) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "a/mine.txt").touch()
    prune_empty(tmp_path / "a/b/c", tmp_path)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["mine.txt"]
    prune_empty(tmp_path, tmp_path)
    prune_empty(tmp_path.parent, tmp_path)
    assert tmp_path.exists()


def test_only_a_regular_file_has_a_size(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"123")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    sizes = {name: size_of(tmp_path / name) for name in ("file", "link", "gone", ".", "file/below")}
    assert sizes == {"file": 3, "link": None, "gone": None, ".": None, "file/below": None}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the encoding of names is UTF-8 whatever the locale says")
@pytest.mark.parametrize("name", ["grüße".encode(), b"lat\xe9", "画".encode() * 80])
def test_a_name_in_the_making_can_be_written_in_a_locale_that_knows_ascii_alone(tmp_path: Path, name: bytes) -> None:
    code = "import pathlib, sys; from hfsvc.files.atomic import scratch_name; pathlib.Path(scratch_name(sys.argv[1])).touch()"
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", code, name], cwd=tmp_path, env={**os.environ, **locale}, check=True)
    (made,) = tmp_path.iterdir()
    assert os.fsencode(made.name).startswith(b"." + name[:40])
