"""A stream whose pieces are read elsewhere: what they are, and the count of what came of their rows."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from hfsvc.errors import BadParquet, BadRow, InvalidArgument, NotDownloaded
from hfsvc.models import StreamRecord
from hfsvc.trajectories.chooser import Chosen
from hfsvc.trajectories.cursor import Reading
from hfsvc.trajectories.data_file import DataFile
from hfsvc.trajectories.divided_reading import ReadingPiece, divide, piece_of, uncut
from hfsvc.trajectories.positions import Positions
from hfsvc.trajectories.row_stream import StreamTally
from hfsvc.trajectories.snapshot import Snapshot
from hfsvc.trajectories.worker_results import results_of

J = TypeVar("J")
R = TypeVar("R")


class DividedStream:
    """What one stream reads, in pieces; told what came of them in order, it counts as the stream does.

    Args:
        snapshot: Of the dataset.
        chosen: Rows of it.
        reading: What of them is read.
        skip: Leaves a bad row out, or raises it.
        check_unchanged: Raises when the dataset is another one by now.

    Attributes:
        begins: The place at which each piece begins.
        reading: What is read, without its places: what cursors are made of.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        chosen: Chosen,
        reading: Reading,
        *,
        skip: Callable[[BadRow], None],
        check_unchanged: Callable[[], Awaitable[None]],
    ) -> None:
        self._snapshot = snapshot
        self.reading = reading._replace(left=Positions(()))
        self._ordered = chosen.ordered
        self._skip = skip
        self.check_unchanged = check_unchanged
        self._window = snapshot.window_rows
        self._uncut = partial(uncut, chosen, reading.left)
        self._stretches = divide(chosen, reading.left, snapshot.files, self._window)
        self.begins = [each.before for each in self._stretches]
        self._tally = StreamTally()
        self._tally.begin(chosen, reading)

    @property
    def files(self) -> list[DataFile]:
        """The files that hold the rows of the dataset, in order."""
        return self._snapshot.files

    @property
    def is_remote(self) -> bool:
        """As `Snapshot.is_remote`."""
        return self._snapshot.is_remote

    def pieces(self, *, cut: bool = True) -> Iterator[ReadingPiece]:
        """The pieces, in order, each made when it is asked for; where they are not `cut`, as few and as long as can be."""
        folder = self._snapshot.row_cache.sidecars.folder
        for stretch in self._stretches if cut else self._uncut():
            yield piece_of(
                stretch,
                self._snapshot.dataset,
                self._snapshot.files,
                stored=self._snapshot.stored,
                sidecars=str(folder) if folder else None,
                ordered=self._ordered,
                window=self._window,
            )

    @asynccontextmanager
    async def results(
        self, work: Callable[[J], R], jobs: Iterable[J], *, workers: int
    ) -> AsyncIterator[AsyncIterator[tuple[J, R]]]:
        """What processes make of pieces, in order; as `results_of`.

        Raises:
            InvalidArgument: The source is remote.
            DatasetChanged: A file is damaged or gone, and the dataset another one by now.
        """
        if self.is_remote:
            reason = "a remote source is read by one process: others would have connections of their own"
            raise InvalidArgument(name="workers", given="more than 1", reason=reason)
        try:
            async with results_of(work, jobs, workers=workers) as results:
                yield results
        except (BadParquet, NotDownloaded):
            await self.check_unchanged()
            raise

    def came_out(self, rows: int, seen: int) -> str:
        """Rows came out, and so many places lie behind; the cursor after them."""
        # Bad rows after them may have been told before.
        self._tally.came_out(rows, max(seen, self._tally.seen))
        return self.reading.cursor_after(seen)

    def was_bad(self, bad: BadRow, seen: int) -> None:
        """A row was bad, and so many places lie behind.

        Raises:
            BadRow: It is not to be left out.
        """
        self._skip(bad)
        self._tally.was_bad(seen)

    def end(self) -> StreamRecord:
        """What became of all rows, when no more of them are wanted."""
        self._tally.end()
        return self._tally.record()

    @property
    def written(self) -> int:
        """How many rows came out."""
        return self._tally.written

    @property
    def bad_rows(self) -> int:
        """How many bad rows were left out."""
        return self._tally.record().left_out.get("bad", 0)
