import errno
from pathlib import Path

import pytest

from hfsvc.errors import NoSpace, StoreNotWritable
from hfsvc.files.atomic import disk_error, disk_errors, free_bytes, prune_empty, size_of, write_whole
from hfsvc.files.checksum import checksum_file, checksum_of

from .builders import git_sha1, noise, sha256


def nothing() -> None:
    return


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
    with pytest.raises(StoreNotWritable):
        write_whole(tmp_path / "folder", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_file_that_cannot_be_made_is_named_and_not_its_scratch_file(tmp_path: Path) -> None:
    with pytest.raises(StoreNotWritable) as raised:
        write_whole(tmp_path / "gone" / "file", b"new")
    assert raised.value.path == str(tmp_path / "gone" / "file")
    elsewhere = OSError(errno.EACCES, "no", "/other/folder/lock")
    assert "/other/folder/lock" in str(disk_error(elsewhere, tmp_path / "file", 0))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_with_the_numbers(tmp_path: Path, number: int) -> None:
    error = disk_error(OSError(number, "full"), tmp_path / "not" / "there", 5)
    assert isinstance(error, NoSpace)
    assert (error.needed, error.free > 0) == (5, True)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EFBIG, errno.EIO, errno.ENAMETOOLONG])
def test_any_other_refusal_names_the_path_and_the_reason(tmp_path: Path, number: int) -> None:
    error = disk_error(OSError(number, "refused"), tmp_path, 0)
    assert isinstance(error, StoreNotWritable)
    assert str(tmp_path) in str(error)
    assert "refused" in str(error)


def test_errors_of_ours_pass_through_unchanged(tmp_path: Path) -> None:
    with pytest.raises(NoSpace), disk_errors(tmp_path):
        raise NoSpace(path="x", needed=1, free=0)


def test_free_room_is_asked_of_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "a" / "b" / "c") > 0


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


@pytest.mark.parametrize("size", [0, 1, 5 << 20])
def test_a_file_has_the_hashes_that_git_and_lfs_give_it(tmp_path: Path, size: int) -> None:
    content = noise(size)
    (tmp_path / "file").write_bytes(content)
    for kind, expected in (("sha256", sha256(content)), ("git-sha1", git_sha1(content))):
        assert checksum_file(tmp_path / "file", kind, on_block=nothing) == checksum_of(kind, content) == expected


def test_an_empty_blob_has_gits_well_known_id() -> None:
    assert checksum_of("git-sha1", b"") == "git-sha1:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def test_hashing_can_be_stopped_between_blocks(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(noise(9 << 20))
    blocks: list[int] = []

    def stop_at_two() -> None:
        blocks.append(1)
        if len(blocks) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checksum_file(tmp_path / "file", "sha256", on_block=stop_at_two)
    assert len(blocks) == 2
