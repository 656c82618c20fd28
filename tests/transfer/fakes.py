"""A source and a destination in memory, and a clock that only waits pass."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from hfsvc.errors import HubUnavailable
from hfsvc.files.checksum import checksum_of
from hfsvc.models import ByteRange, Location, RemoteFile
from hfsvc.transfer.ranges import RangeSet
from tests.builders import REPO, sha256


class FakeClock:
    """Stands still but for waits, which end at once."""

    def __init__(self) -> None:
        self.time = 100.0
        self.slept: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.slept.append(seconds)
        self.on_sleep()
        await checkpoint()


async def _at_once(_: int, __: int) -> None:
    await checkpoint()


class FakeSource:
    """Serves contents in pieces. What is in `failures` is raised first, in order, by path.

    `before_piece` is awaited before every piece, with the number of the stream (from 1) and the piece's place in it.
    """

    def __init__(self, contents: Mapping[str, bytes], *, piece: int = 7) -> None:
        self.repo = REPO
        self.contents = dict(contents)
        self.masked: set[str] = set()
        self.asked: list[str] = []
        self.opened: list[tuple[str, ByteRange | None]] = []
        self.streams = 0
        self.most_streams = 0
        self.locate_failures: dict[str, list[Exception]] = {}
        self.open_failures: dict[str, list[Exception]] = {}
        self.cuts: dict[str, list[int]] = {}
        self.on_open: Callable[[ByteRange | None], None] = lambda _: None
        self.before_piece: Callable[[int, int], Awaitable[None]] = _at_once
        self._piece = piece

    def files(self) -> list[RemoteFile]:
        return [
            RemoteFile(path=path, size=len(content), checksum=None if path in self.masked else sha256(content))
            for path, content in self.contents.items()
        ]

    async def locate(self, file: RemoteFile) -> Location:
        await checkpoint()
        self.asked.append(file.path)
        if failures := self.locate_failures.get(file.path):
            raise failures.pop(0)
        return Location(url=f"memory:{file.path}", checksum=sha256(self.contents[file.path]))

    @asynccontextmanager
    async def open(
        self, location: Location, file: RemoteFile, wanted: ByteRange | None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        self.opened.append((file.path, wanted))
        number = len(self.opened)
        self.on_open(wanted)
        if failures := self.open_failures.get(file.path):
            raise failures.pop(0)
        self.streams += 1
        self.most_streams = max(self.most_streams, self.streams)
        try:
            yield self._pieces(file.path, wanted, number)
        finally:
            self.streams -= 1

    async def _pieces(self, path: str, wanted: ByteRange | None, number: int) -> AsyncIterator[bytes]:
        content = self.contents[path][wanted.start : wanted.stop] if wanted else self.contents[path]
        cuts = self.cuts.get(path)
        stop = cuts.pop(0) if cuts else len(content)
        for start in range(0, min(stop, len(content)), self._piece):
            await self.before_piece(number, start)
            yield content[start : min(start + self._piece, stop)]
        if stop < len(content):
            raise HubUnavailable(reason="the connection broke")


class FakePart:
    """A part in memory; what was written stays in the destination."""

    def __init__(self, content: bytearray, checksum: str, received: RangeSet) -> None:
        self.received = received
        self.closed = False
        self._content = content
        self._checksum = checksum

    def admits(self, wanted: ByteRange) -> bool:
        return True

    async def write(self, offset: int, data: Sequence[bytes]) -> None:
        await checkpoint()
        whole = b"".join(data)
        self._content[offset : offset + len(whole)] = whole
        before = self.received.total
        self.received.add(ByteRange(start=offset, stop=offset + len(whole)))
        assert self.received.total == before + len(whole), "bytes are written twice"

    async def finish(self) -> str:
        assert self.received.gaps(len(self._content)) == []
        return checksum_of(self._checksum.partition(":")[0], bytes(self._content))

    async def forget(self, ranges: Sequence[ByteRange]) -> None:
        self.received = self.received.without(ranges)

    def close(self) -> None:
        self.closed = True


class FakeDestination:
    """Keeps parts and accepted files by path."""

    def __init__(self) -> None:
        self.accepted: dict[str, bytes] = {}
        self.here: set[str] = set()
        self.verified: dict[str, bytes] = {}
        self.kept: dict[str, tuple[bytes, list[ByteRange]]] = {}
        self.donors: dict[str, bytes] = {}
        self.parts: dict[str, FakePart] = {}
        self._contents: dict[str, bytearray] = {}

    async def contains(self, file: RemoteFile) -> bool:
        return file.path in self.here

    async def open(self, file: RemoteFile, checksum: str, beside: TaskGroup) -> FakePart | None:
        if file.path in self.verified:
            self._contents[file.path] = bytearray(self.verified[file.path])
            return None
        content, ranges = self.kept.get(file.path, (bytes(file.size), []))
        self._contents[file.path] = bytearray(content)
        self.parts[file.path] = FakePart(self._contents[file.path], checksum, RangeSet(ranges))
        return self.parts[file.path]

    async def read(self, donor: str, wanted: ByteRange) -> bytes:
        await checkpoint()
        return self.donors.get(donor, b"")[wanted.start : wanted.stop]

    async def accept(self, file: RemoteFile) -> None:
        self.accepted[file.path] = bytes(self._contents[file.path])
