import errno
from pathlib import Path

import pytest

from hfsvc.disk import disk_error, disk_errors
from hfsvc.errors import NoSpace, StoreNotWritable
from hfsvc.files.atomic import write_whole


def test_a_file_that_cannot_be_made_is_named_and_not_its_scratch_file(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "file"
    with pytest.raises(StoreNotWritable) as raised, disk_errors(path):
        write_whole(path, b"new")
    assert raised.value.path == str(tmp_path / "gone" / "file")
    elsewhere = OSError(errno.EACCES, "no", "/other/folder/lock")
    assert "/other/folder/lock" in str(disk_error(elsewhere, tmp_path / "file", 0))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_with_the_numbers(tmp_path: Path, number: int) -> None:
    error = disk_error(OSError(number, "full"), tmp_path / "not" / "there", 5)
    assert isinstance(error, NoSpace)
    assert (error.needed, (error.free or 0) > 0) == (5, True)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EFBIG, errno.EIO, errno.ENAMETOOLONG])
def test_any_other_refusal_names_the_path_and_the_reason(tmp_path: Path, number: int) -> None:
    error = disk_error(OSError(number, "refused"), tmp_path, 0)
    assert isinstance(error, StoreNotWritable)
    assert str(tmp_path) in str(error)
    assert "refused" in str(error)


def test_errors_of_ours_pass_through_unchanged(tmp_path: Path) -> None:
    with pytest.raises(NoSpace), disk_errors(tmp_path):
        raise NoSpace(path="x", needed=1, free=0)
