"""Blocks that were written to a part file and are kept in memory until its hash comes to them. No I/O."""

from collections.abc import Sequence
from typing import NamedTuple

# All that 8 streams bring of their ranges of 8 MiB while the first range of them is not complete.
KEPT_BYTES = 64 << 20


class FileBlock(NamedTuple):
    """A stretch of a file, from `start` (inclusive) to `stop` (exclusive); `data` is None where it lies on disk only."""

    start: int
    stop: int
    data: Sequence[bytes | memoryview] | None

    @property
    def memory(self) -> int:
        """Bytes of memory that it holds. A view keeps all of the buffer it is a view of."""
        buffers = (piece.obj if isinstance(piece, memoryview) else piece for piece in self.data or ())
        return sum(memoryview(each).nbytes for each in {id(each): each for each in buffers}.values())


class BlockBudget:
    """Memory for blocks that all files of one run share.

    Args:
        most: Bytes.
    """

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._left = most

    def take(self, count: int) -> bool:
        """Whether there is room for `count` more bytes; they are counted then."""
        if count > self._left:
            return False
        self._left -= count
        return True

    def give_back(self, count: int) -> None:
        """So many bytes are kept no more."""
        self._left += count


class RecentBlocks:
    """Blocks of one file that its hash has not come to. What finds no room in the budget is read back from disk later."""

    def __init__(self, budget: BlockBudget) -> None:
        self._budget = budget
        self._blocks: dict[int, FileBlock] = {}

    def keep(self, block: FileBlock) -> None:
        """Keep a block that was written, where there is room for it."""
        if self._budget.take(block.memory):
            self._blocks[block.start] = block

    def take(self, start: int, stop: int, most: int) -> list[FileBlock]:
        """What covers the file from `start` to `stop`, in order, as far as it is kept; stretches of the disk between.

        What is kept still counts until it is given to `forget`.

        Args:
            start: First byte.
            stop: The one after the last.
            most: End after the block that reaches so many bytes.
        """
        taken: list[FileBlock] = []
        stop = min(stop, start + most)
        while start < stop:
            block = self._blocks.pop(start, None) or self._on_disk(start, stop)
            taken.append(block)
            start = block.stop
        return taken

    def _on_disk(self, start: int, stop: int) -> FileBlock:
        return FileBlock(start, min((kept for kept in self._blocks if start < kept < stop), default=stop), None)

    def forget(self, blocks: Sequence[FileBlock]) -> None:
        """Blocks that were taken are not used any more."""
        self._budget.give_back(sum(block.memory for block in blocks))

    def clear(self) -> None:
        """Keep nothing any more."""
        self.forget(list(self._blocks.values()))
        self._blocks.clear()
