"""The parts folder of a dataset: large files in part files with a journal, small ones in memory until they are whole."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import from_thread, to_thread

from hfsvc.aio.batching import ThreadBatcher
from hfsvc.disk import disk_error, disk_errors
from hfsvc.files.checksum import checksum_of, kind_of
from hfsvc.models import ByteRange, RemoteDataset, RemoteFile
from hfsvc.transfer.part_file import PartFile
from hfsvc.transfer.part_paths import PartPaths, adopt_whole, part_name
from hfsvc.transfer.ranges import RangeSet

T = TypeVar("T")
SMALL_FILE_BYTES = 1 << 20
HASH_BYTES = 4 << 20
SYNC_BYTES = 64 << 20


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

    async def write(self, offset: int, data: Sequence[bytes]) -> None:
        content = b"".join(data)
        self._content[offset : offset + len(content)] = content
        self.received.add(ByteRange(start=offset, stop=offset + len(content)))

    async def catch_up(self) -> None:
        """Nothing to gain: hashing a small file takes no time, and nothing of it is on disk yet."""

    async def finish(self) -> str:
        return await self._finish.submit(self)

    def write_whole(self) -> str:
        """The checksum of the content; where it is right, it lies on disk. Blocks."""
        found = checksum_of(kind_of(self._checksum), bytes(self._content))
        if found == self._checksum:
            scratch = self._whole.with_suffix(".scratch")
            with disk_errors(self._whole.parent, needed=len(self._content)), scratch.open("wb") as file:
                file.write(self._content)
                file.flush()
                os.fsync(file.fileno())
                scratch.replace(self._whole)
        return found

    async def reset(self) -> None:
        self.received = RangeSet()

    def close(self) -> None:
        self._content = bytearray()


class DiskPart:
    """A large file in its part file. All of it belongs to the event loop.

    Args:
        file: Open.
        folder: The parts folder.
        size: Bytes of the whole file.
    """

    def __init__(self, file: PartFile, folder: Path, size: int) -> None:
        self.received = file.kept
        self._file = file
        self._folder = folder
        self._size = size
        self._hashing = anyio.Lock()
        self._syncing = anyio.Lock()
        self._synced = file.kept.total

    async def write(self, offset: int, data: Sequence[bytes]) -> None:
        self.received.add(await self._in_thread(self._file.write, offset, data))

    async def catch_up(self) -> None:
        await self._hash_received()
        await self._sync_received()

    async def _hash_received(self) -> None:
        """Hash in file order, unless somebody else is at it or it is not worth the while yet."""
        stop = self.received.prefix
        if stop - self._file.hashed >= HASH_BYTES and not self._hashing.locked():
            async with self._hashing:
                await self._in_thread(self._file.hash_up_to, stop)

    async def _sync_received(self) -> None:
        """Let the disk catch up now and then, beside the transfer instead of at its end."""
        total = self.received.total
        if total - self._synced >= SYNC_BYTES and not self._syncing.locked():
            async with self._syncing:
                self._synced = total
                await self._in_thread(self._file.sync)

    async def finish(self) -> str:
        async with self._hashing, self._syncing:
            return await self._in_thread(self._file.finish)

    async def reset(self) -> None:
        await self._in_thread(self._file.reset)
        self.received = self._file.kept

    def close(self) -> None:
        self._file.close()

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        try:
            return await to_thread.run_sync(work, *args)
        except OSError as error:
            # Only now: other ranges have come in meanwhile.
            raise disk_error(error, self._folder, self._size - self.received.total) from error


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

    def paths(self, file: RemoteFile) -> PartPaths:
        """Where the part of a file lies, as it was listed."""
        name = part_name(self._dataset.repo, self._dataset.commit, file.path, file.checksum)
        return PartPaths(self._folder, self._digests, name)

    async def open(self, file: RemoteFile, checksum: str) -> MemoryPart | DiskPart | None:
        """A file's part, with what an earlier run left of it; None where it lies verified at `PartPaths.whole`."""
        paths = self.paths(file)
        with disk_errors(self._folder, needed=file.size):
            # Most names are new, and a thread for each of thousands of small files costs more than their bytes.
            if paths.name in self._left_behind and await self._adopt(paths, checksum):
                return None
            if file.size <= SMALL_FILE_BYTES:
                return MemoryPart(paths.whole, file.size, checksum, self._small)
            part = await to_thread.run_sync(PartFile, paths, file.size, checksum, from_thread.check_cancelled)
        return DiskPart(part, self._folder, file.size)

    async def _adopt(self, paths: PartPaths, checksum: str) -> Path | None:
        return await to_thread.run_sync(adopt_whole, paths, checksum, from_thread.check_cancelled)
