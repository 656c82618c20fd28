"""The parts folder of a dataset: large files in part files with a journal, small ones in memory until they are whole."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import from_thread, to_thread
from anyio.abc import TaskGroup

from hfsvc.aio.batching import ThreadBatcher
from hfsvc.disk import disk_error, disk_errors
from hfsvc.files.checksum import checksum_of, kind_of
from hfsvc.models import ByteRange, RemoteDataset, RemoteFile
from hfsvc.transfer.part_file import PartFile
from hfsvc.transfer.part_paths import PartPaths, adopt_whole, part_name
from hfsvc.transfer.ranges import RangeSet
from hfsvc.transfer.recent_blocks import BlockBudget, FileBlock, RecentBlocks

T = TypeVar("T")
SMALL_FILE_BYTES = 1 << 20
HASH_BYTES = 4 << 20
HASH_AT_ONCE_BYTES = 32 << 20
SYNC_BYTES = 32 << 20


class MemoryPart:
    """A small file, gathered in memory: no journal, since a rerun fetches it in one request anyway.

    Args:
        whole: Where it goes when it is complete.
        size: Bytes of the whole file.
        checksum: What the whole must have.
        finish: Finishes it, in a worker thread that many small files share.
    """

    def __init__(self, whole: Path, size: int, checksum: str, finish: "ThreadBatcher[MemoryPart, str]") -> None:
        self.received = RangeSet()
        self._whole = whole
        self._checksum = checksum
        self._content = bytearray(size)
        self._finish = finish

    def admits(self, wanted: ByteRange) -> bool:
        return True

    async def write(self, offset: int, data: Sequence[bytes]) -> None:
        content = b"".join(data)
        self._content[offset : offset + len(content)] = content
        self.received.add(ByteRange(start=offset, stop=offset + len(content)))

    async def finish(self) -> str:
        return await self._finish.submit(self)

    def write_whole(self) -> str:
        """The checksum of the content; where it is right, it lies on disk. Blocks."""
        content = bytes(self._content)
        found = checksum_of(kind_of(self._checksum), content)
        if found == self._checksum:
            # Under its last name at once: should a crash cut it, whoever adopts it finds another checksum.
            with disk_errors(self._whole.parent, needed=len(content)), self._whole.open("wb", buffering=0) as file:
                file.write(content)
                os.fsync(file.fileno())
        return found

    async def forget(self, ranges: Sequence[ByteRange]) -> None:
        self.received = self.received.without(ranges)

    def close(self) -> None:
        self._content = bytearray()


class DiskPart:
    """A large file in its part file: written by its ranges, hashed in file order and synced beside them.

    All of it belongs to the event loop. What a range waits for is its own write and those that were under way, never the hash nor the rest of another range.

    Args:
        file: Open.
        folder: The parts folder.
        size: Bytes of the whole file.
        budget: Memory for what was written and is not hashed yet.
        beside: Where it is hashed and synced while it comes in.
    """

    def __init__(self, file: PartFile, folder: Path, size: int, budget: BlockBudget, beside: TaskGroup) -> None:
        self.received = file.kept
        self._file = file
        self._folder = folder
        self._size = size
        self._recent = RecentBlocks(budget)
        self._beside = beside
        # One at a time: the system lets one thread write into a file, and others that want to spin meanwhile.
        self._writes = ThreadBatcher(self._write, at_once=1)
        self._hashing = anyio.Lock()
        self._hash_begun = False
        self._syncing = anyio.Lock()
        self._synced = file.kept.total
        self._at_work = 0
        self._closed = False

    def admits(self, wanted: ByteRange) -> bool:
        return True

    async def write(self, offset: int, data: Sequence[bytes]) -> None:
        with self._busy():
            written = await self._writes.submit((offset, data))
        self.received.add(written)
        self._recent.keep(FileBlock(written.start, written.stop, data))
        self._begin_to_hash()
        self._begin_to_sync()

    def _write(self, placed: tuple[int, Sequence[bytes]]) -> ByteRange:
        return self._file.write(*placed)

    def _begin_to_hash(self) -> None:
        # A thread for every megabyte would cost more than the bytes that `finish` is left with.
        if not self._hash_begun and self.received.prefix - self._file.hashed >= HASH_BYTES:
            self._hash_begun = True
            self._beside.start_soon(self._hash_what_is_there)

    async def _hash_what_is_there(self) -> None:
        async with self._hashing:
            while not self._closed and self.received.prefix - self._file.hashed >= HASH_BYTES:
                blocks = self._recent.take(self._file.hashed, self.received.prefix, HASH_AT_ONCE_BYTES)
                await self._in_thread(self._file.hash, blocks)
                self._recent.forget(blocks)
            self._hash_begun = False

    def _begin_to_sync(self) -> None:
        """Let the disk catch up now and then, beside the transfer instead of at its end."""
        total = self.received.total
        if total - self._synced >= SYNC_BYTES or total == self._size:
            self._synced = total
            self._beside.start_soon(self._sync)

    async def _sync(self) -> None:
        async with self._syncing:
            # The whole was synced when it was finished.
            if not self._closed and self._file.is_open:
                await self._in_thread(self._file.sync)

    async def finish(self) -> str:
        async with self._hashing:
            rest = self._recent.take(self._file.hashed, self._size, self._size)
            await self._in_thread(self._file.hash, rest)
            self._recent.forget(rest)
            # The last bytes are synced while they are hashed.
            async with self._syncing:
                return await self._in_thread(self._file.finish)

    async def forget(self, ranges: Sequence[ByteRange]) -> None:
        async with self._hashing, self._syncing:
            self._recent.clear()
            await self._in_thread(self._file.forget, ranges)
            self.received = self._file.kept
            self._synced = self.received.total

    def close(self) -> None:
        self._closed = True
        self._recent.clear()
        self._close_when_idle()

    def _close_when_idle(self) -> None:
        # Under a thread that reads or writes, the number of a closed file may be another file's.
        if self._closed and not self._at_work:
            self._file.close()

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        with self._busy():
            return await to_thread.run_sync(work, *args)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        self._at_work += 1
        try:
            yield
        except OSError as error:
            # Only now: other ranges have come in meanwhile.
            raise disk_error(error, self._folder, self._size - self.received.total) from error
        finally:
            self._at_work -= 1
            self._close_when_idle()


class PartFolder:
    """The parts of one dataset at one commit, in its parts folder.

    Args:
        dataset: At its commit.
        folder: Exists, and nobody else uses it now.
        digests: Where the journals of finished files stay; exists.
        left_behind: Names of which earlier runs left anything there.
    """

    def __init__(self, dataset: RemoteDataset, folder: Path, digests: Path, left_behind: frozenset[str]) -> None:
        self._dataset = dataset
        self._folder = folder
        self._digests = digests
        self._left_behind = left_behind
        self._small = ThreadBatcher(MemoryPart.write_whole)
        self._budget = BlockBudget()

    def paths(self, file: RemoteFile) -> PartPaths:
        """Where the part of a file lies, as it was listed."""
        name = part_name(self._dataset.repo, self._dataset.commit, file.path, file.checksum)
        return PartPaths(self._folder, self._digests, name)

    async def open(self, file: RemoteFile, checksum: str, beside: TaskGroup) -> MemoryPart | DiskPart | None:
        """A file's part, with what an earlier run left of it; None where it lies verified at `PartPaths.whole`.

        Args:
            file: As it was listed.
            checksum: What the whole must have.
            beside: Where a large part is hashed while it comes in.
        """
        paths = self.paths(file)
        with disk_errors(self._folder, needed=file.size):
            # Most names are new, and a thread for each of thousands of small files costs more than their bytes.
            if paths.name in self._left_behind and await self._adopt(paths, checksum):
                return None
            if file.size <= SMALL_FILE_BYTES:
                return MemoryPart(paths.whole, file.size, checksum, self._small)
            part = await to_thread.run_sync(PartFile, paths, file.size, checksum, from_thread.check_cancelled)
        return DiskPart(part, self._folder, file.size, self._budget, beside)

    async def _adopt(self, paths: PartPaths, checksum: str) -> Path | None:
        return await to_thread.run_sync(adopt_whole, paths, checksum, from_thread.check_cancelled)
