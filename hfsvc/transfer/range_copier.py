"""The copier of ranges: what a new version of a file shares with files that are in place goes into its part from there."""

from collections.abc import Iterator, Sequence

from hfsvc.models import ByteRange, CopiedRange, Delta
from hfsvc.transfer.interfaces import Destination, Part
from hfsvc.transfer.progress import Progress
from hfsvc.transfer.ranges import RangeSet

COPY_BYTES = 1 << 20


class RangeCopier:
    """Copies into the part of one file what a delta says, but for what is there already.

    Args:
        delta: What is copied from where; None for nothing.
        part: Open.
        destination: Has the files that are copied from.
        progress: Observes the run.

    Attributes:
        ranges: Everything that the delta says, also what an earlier run has copied.
        left: Bytes to copy.
    """

    def __init__(self, delta: Delta | None, part: Part, destination: Destination, progress: Progress) -> None:
        self.ranges: Sequence[CopiedRange] = delta.copies if delta else ()
        self._part = part
        self._destination = destination
        self._progress = progress
        self._to_copy = list(_missing(self.ranges, part.received))
        self.left = sum(each.length for each in self._to_copy)

    def left_to_fetch(self, size: int) -> list[ByteRange]:
        """What of the file is neither there nor copied."""
        return RangeSet([*self._part.received, *self._to_copy]).gaps(size)

    async def run(self) -> list[ByteRange]:
        """Copy, and give what could not be."""
        failed: list[ByteRange] = []
        for each in self._to_copy:
            for start in range(each.start, each.stop, COPY_BYTES):
                piece = ByteRange(start=start, stop=min(start + COPY_BYTES, each.stop))
                if not await self._copy(piece, each.donor, each.source + start - each.start):
                    failed.append(piece)
        return failed

    async def _copy(self, piece: ByteRange, donor: str, source: int) -> bool:
        data = await self._destination.read(donor, ByteRange(start=source, stop=source + piece.length))
        if len(data) < piece.length:
            return False
        await self._part.write(piece.start, [data])
        self._progress.copied(piece.length)
        return True


def _missing(copies: Sequence[CopiedRange], received: RangeSet) -> Iterator[CopiedRange]:
    for each in copies:
        here = (ByteRange(start=max(each.start, part.start), stop=min(each.stop, part.stop)) for part in received)
        for gap in RangeSet([ByteRange(start=0, stop=each.start), *here]).gaps(each.stop):
            source = each.source + gap.start - each.start
            yield CopiedRange(start=gap.start, stop=gap.stop, source=source, donor=each.donor)
