import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from threading import Event

import anyio
import pytest
from anyio.abc import TaskGroup

from hfsvc.models import ByteRange, RemoteDataset, RemoteFile
from hfsvc.transfer import part_folder
from hfsvc.transfer.file_transfer import WRITE_PIECES
from hfsvc.transfer.part_file import PartFile
from hfsvc.transfer.part_folder import SMALL_FILE_BYTES, DiskPart, MemoryPart, PartFolder
from hfsvc.transfer.recent_blocks import BlockBudget, FileBlock
from tests.builders import COMMIT, REPO, MiB, noise, sha256

SMALL = b"abcde"
LARGE = noise(2 * SMALL_FILE_BYTES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("parts", "digests"):
        (tmp_path / name).mkdir()
    return tmp_path / "parts"


@pytest.fixture
async def beside() -> AsyncIterator[TaskGroup]:
    opened: asyncio.Future[TaskGroup] = asyncio.Future()
    done = anyio.Event()

    async def hold() -> None:
        async with anyio.create_task_group() as group:
            opened.set_result(group)
            await done.wait()

    # A fixture begins and ends in different tasks, and no group may.
    holder = asyncio.create_task(hold())
    yield await opened
    done.set()
    await holder


def open_folder(folder: Path) -> PartFolder:
    remote = RemoteDataset(repo=REPO, hub_id=None, revision="main", commit=COMMIT)
    return PartFolder(remote, folder, folder.parent / "digests", frozenset(path.stem for path in folder.iterdir()))


def listed(content: bytes) -> RemoteFile:
    return RemoteFile(path="x", size=len(content), checksum=sha256(content))


async def open_large(folder: Path, beside: TaskGroup, content: bytes = LARGE) -> DiskPart:
    part = await open_folder(folder).open(listed(content), sha256(content), beside)
    assert isinstance(part, DiskPart)
    return part


async def test_a_small_part_gathers_in_memory_and_in_any_order(folder: Path, beside: TaskGroup) -> None:
    parts, file = open_folder(folder), listed(SMALL)
    part = await parts.open(file, sha256(SMALL), beside)
    assert isinstance(part, MemoryPart)
    for start, data in ((3, [b"d", b"e"]), (0, [b"abc"])):
        await part.write(start, data)
    assert part.received.gaps(5) == []
    assert list(folder.iterdir()) == []
    assert await part.finish() == sha256(SMALL)
    assert parts.paths(file).whole.read_bytes() == SMALL


async def test_a_small_part_that_is_wrong_is_not_written(folder: Path, beside: TaskGroup) -> None:
    part = await open_folder(folder).open(listed(SMALL), sha256(SMALL), beside)
    assert part
    await part.write(0, [b"abcdE"])
    assert await part.finish() == sha256(b"abcdE")
    assert list(folder.iterdir()) == []


async def test_a_large_part_resumes_after_its_last_write(folder: Path, beside: TaskGroup) -> None:
    part = await open_large(folder, beside)
    await part.write(0, [LARGE[:1000]])
    part.close()
    again = await open_large(folder, beside)
    assert again.received.total == 1000
    await again.write(1000, [LARGE[1000:]])
    assert await again.finish() == sha256(LARGE)


async def test_a_part_that_was_reset_has_nothing_and_hashes_anew(
    folder: Path, beside: TaskGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_folder, "HASH_BYTES", 1)
    part = await open_large(folder, beside)
    await part.write(0, [bytes(len(LARGE))])
    await part.forget([ByteRange(start=0, stop=len(LARGE))])
    assert part.received.total == 0
    await part.write(0, [LARGE])
    assert await part.finish() == sha256(LARGE)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
async def test_a_file_that_an_earlier_run_verified_has_no_part(folder: Path, beside: TaskGroup, content: bytes) -> None:
    file = listed(content)
    open_folder(folder).paths(file).whole.write_bytes(content)
    assert await open_folder(folder).open(file, sha256(content), beside) is None


def test_a_write_of_more_pieces_than_the_system_takes_at_once_is_cut_before() -> None:
    assert os.sysconf("SC_IOV_MAX") > WRITE_PIECES


# ---- hashed beside its ranges ---------------------------------------------------------------------------------------


@pytest.fixture
def read_back(monkeypatch: pytest.MonkeyPatch) -> list[ByteRange]:
    """What is read from any file by its offset."""
    found: list[ByteRange] = []
    real = os.pread

    def pread(descriptor: int, count: int, offset: int) -> bytes:
        found.append(ByteRange(start=offset, stop=offset + count))
        return real(descriptor, count, offset)

    monkeypatch.setattr(os, "pread", pread)
    return found


async def write_blocks(part: DiskPart, content: bytes, starts: Sequence[int]) -> None:
    for start in starts:
        await part.write(start, [content[start : start + MiB]])


async def test_what_is_in_memory_is_not_read_back(folder: Path, beside: TaskGroup, read_back: list[ByteRange]) -> None:
    content = noise(12 * MiB)
    part = await open_large(folder, beside, content)
    await write_blocks(part, content, [*range(6 * MiB, 12 * MiB, MiB), *range(0, 6 * MiB, MiB)])
    assert await part.finish() == sha256(content)
    assert read_back == []


async def test_what_has_no_room_in_memory_is_read_back_once(
    folder: Path, beside: TaskGroup, read_back: list[ByteRange], tmp_path: Path
) -> None:
    content = noise(12 * MiB)
    paths = open_folder(folder).paths(listed(content))
    file = PartFile(paths, len(content), sha256(content), lambda: None)
    part = DiskPart(file, folder, len(content), BlockBudget(4 * MiB), beside)
    await write_blocks(part, content, range(11 * MiB, -1, -MiB))
    assert await part.finish() == sha256(content)
    assert sum(each.length for each in read_back) == 8 * MiB
    assert len({each.start for each in read_back}) == len(read_back)


async def test_memory_is_free_again_after_the_hash_and_after_a_part_that_is_given_up(
    folder: Path, beside: TaskGroup
) -> None:
    budget, paths = BlockBudget(3 * MiB), open_folder(folder).paths(listed(LARGE))
    for give_up in (True, False):
        file = PartFile(paths, len(LARGE), sha256(LARGE), lambda: None)
        part = DiskPart(file, folder, len(LARGE), budget, beside)
        await write_blocks(part, LARGE, [0, MiB])
        if give_up:
            part.close()
        else:
            await part.finish()
        assert budget.take(3 * MiB)
        budget.give_back(3 * MiB)


async def test_ranges_land_while_the_hash_is_held_up(
    folder: Path, beside: TaskGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, begun, may_go_on = noise(16 * MiB), Event(), Event()
    real = PartFile.hash

    def hash_later(file: PartFile, blocks: Sequence[FileBlock]) -> None:
        begun.set()
        assert may_go_on.wait(30)
        real(file, blocks)

    monkeypatch.setattr(PartFile, "hash", hash_later)
    part = await open_large(folder, beside, content)
    await write_blocks(part, content, range(0, 16 * MiB, MiB))
    assert await anyio.to_thread.run_sync(begun.wait, 30)
    assert part.received.prefix == len(content)
    may_go_on.set()
    assert await part.finish() == sha256(content)


async def test_a_part_that_is_closed_while_it_is_hashed_is_let_go_of_afterwards(
    folder: Path, beside: TaskGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, begun, may_go_on, ended = noise(16 * MiB), Event(), Event(), Event()
    real = PartFile.hash

    def hash_later(file: PartFile, blocks: Sequence[FileBlock]) -> None:
        begun.set()
        assert may_go_on.wait(30)
        real(file, blocks)
        ended.set()

    monkeypatch.setattr(PartFile, "hash", hash_later)
    part = await open_large(folder, beside, content)
    await write_blocks(part, content, range(4 * MiB, -1, -MiB))
    assert await anyio.to_thread.run_sync(begun.wait, 30)
    part.close()
    still_open = part._file.is_open
    may_go_on.set()
    assert await anyio.to_thread.run_sync(ended.wait, 30)
    # Whoever hashes gives the file back to the loop first.
    async with part._hashing:
        assert (still_open, part._file.is_open) == (True, False)
