import os
from pathlib import Path

import pytest

from hfsvc.models import RemoteDataset, RemoteFile
from hfsvc.transfer.file_transfer import WRITE_PIECES
from hfsvc.transfer.part_folder import SMALL_FILE_BYTES, DiskPart, MemoryPart, PartFolder
from tests.builders import COMMIT, REPO, noise, sha256

SMALL = b"abcde"
LARGE = noise(2 * SMALL_FILE_BYTES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("parts", "digests"):
        (tmp_path / name).mkdir()
    return tmp_path / "parts"


def open_folder(folder: Path) -> PartFolder:
    remote = RemoteDataset(repo=REPO, hub_id=None, revision="main", commit=COMMIT)
    return PartFolder(remote, folder, folder.parent / "digests", frozenset(path.stem for path in folder.iterdir()))


def listed(content: bytes) -> RemoteFile:
    return RemoteFile(path="x", size=len(content), checksum=sha256(content))


async def test_a_small_part_gathers_in_memory_and_in_any_order(folder: Path) -> None:
    parts, file = open_folder(folder), listed(SMALL)
    part = await parts.open(file, sha256(SMALL))
    assert isinstance(part, MemoryPart)
    for start, data in ((3, [b"d", b"e"]), (0, [b"abc"])):
        await part.write(start, data)
    assert part.received.gaps(5) == []
    assert list(folder.iterdir()) == []
    assert await part.finish() == sha256(SMALL)
    assert parts.paths(file).whole.read_bytes() == SMALL


async def test_a_small_part_that_is_wrong_is_not_written(folder: Path) -> None:
    part = await open_folder(folder).open(listed(SMALL), sha256(SMALL))
    assert part
    await part.write(0, [b"abcdE"])
    assert await part.finish() == sha256(b"abcdE")
    assert list(folder.iterdir()) == []


async def test_a_large_part_resumes_after_its_last_write(folder: Path) -> None:
    part = await open_folder(folder).open(listed(LARGE), sha256(LARGE))
    assert isinstance(part, DiskPart)
    await part.write(0, [LARGE[:1000]])
    part.close()
    again = await open_folder(folder).open(listed(LARGE), sha256(LARGE))
    assert isinstance(again, DiskPart)
    assert again.received.total == 1000
    await again.write(1000, [LARGE[1000:]])
    await again.catch_up()
    assert await again.finish() == sha256(LARGE)


async def test_a_part_that_was_reset_has_nothing_and_hashes_anew(folder: Path) -> None:
    part = await open_folder(folder).open(listed(LARGE), sha256(LARGE))
    assert part
    await part.write(0, [bytes(len(LARGE))])
    await part.catch_up()
    await part.reset()
    assert part.received.total == 0
    await part.write(0, [LARGE])
    assert await part.finish() == sha256(LARGE)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
async def test_a_file_that_an_earlier_run_verified_has_no_part(folder: Path, content: bytes) -> None:
    file = listed(content)
    open_folder(folder).paths(file).whole.write_bytes(content)
    assert await open_folder(folder).open(file, sha256(content)) is None


def test_a_write_of_more_pieces_than_the_system_takes_at_once_is_cut_before() -> None:
    assert os.sysconf("SC_IOV_MAX") > WRITE_PIECES
