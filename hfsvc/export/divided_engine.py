"""The engine ``local`` with several processes: they read and encode pieces, and one writes those in order.

What is written is what one process alone would write: that ends its chunks where pieces end.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from anyio import to_thread

from hfsvc.errors import InvalidArgument, InvalidExport
from hfsvc.export.atomic_output import is_device, scratch_folder
from hfsvc.export.formats import Target
from hfsvc.export.models import Exported
from hfsvc.export.piece_worker import EncodedChunk, PieceJob, PieceResult, encode_piece, read_chunks
from hfsvc.export.writers import FormatWriter, Writer
from hfsvc.protocols import TrajectorySource
from hfsvc.trajectories.divided_stream import DividedStream
from hfsvc.trajectories.selection import RowRange
from hfsvc.trajectories.source import FileTrajectorySource


def check_divisible(
    source: TrajectorySource, writer: Writer, workers: int, *, fits: bool
) -> tuple[FileTrajectorySource, FormatWriter]:
    """The same, where several processes can share the work.

    Raises:
        InvalidArgument: The source lies in no files, or the writer is the caller's own.
        InvalidExport: Rows have to fit, or become tokens.
    """
    if not isinstance(source, FileTrajectorySource):
        reason = "only a dataset or files of one's own can be divided among processes, and no mix of several"
        raise InvalidArgument(name="workers", given=str(workers), reason=reason)
    if not isinstance(writer, FormatWriter):
        reason = "a writer of one's own takes rows, which are made in one process"
        raise InvalidArgument(name="workers", given=str(workers), reason=reason)
    if fits or writer.target.format == "tokens":
        raise InvalidExport(
            target=str(writer.target.path), reason="tokens are counted by one process: leave workers out"
        )
    return source, writer


class DividedExport:
    """An export by several processes.

    Args:
        source: Where the rows are.
        writer: Takes what they became.
        rows: Which ones.
        one_call: As `PieceJob.one_call`.
        chunk_bytes: As `PieceJob.chunk_bytes`.
    """

    def __init__(
        self, source: FileTrajectorySource, writer: FormatWriter, rows: RowRange, *, one_call: bool, chunk_bytes: int
    ) -> None:
        self._source = source
        self._writer = writer
        self._rows = rows
        self._one_call = one_call
        self._chunk_bytes = chunk_bytes
        self._done = Exported(cursor=rows.cursor)

    async def run(self, workers: int, report: Callable[[Exported], None]) -> Exported:
        """Write all rows.

        Args:
            workers: How many processes.
            report: Told what is written so far, after every chunk.

        Raises:
            WorkerLost: A worker died over a piece, and so did the next one.
        """
        stream = await self._source.divide(self._rows)
        with _results_folder(self._writer.target) as folder:
            async with stream.results(encode_piece, self._jobs(stream, folder), workers=workers) as results:
                async for job, result in results:
                    await self._place(stream, job, await self._within_limit(stream, job, result), report)
                    if self._left(stream) == 0:
                        break
        record = stream.end()
        return msgspec.structs.replace(self._done, skipped_rows=stream.bad_rows, record=record)

    def _jobs(self, stream: DividedStream, folder: Path) -> Iterator[PieceJob]:
        for number, piece in enumerate(stream.pieces()):
            left = self._left(stream)
            if left == 0:
                return
            yield PieceJob(
                piece,
                self._source.options,
                self._writer.target,
                self._one_call,
                self._chunk_bytes,
                left,
                str(folder / str(number)),
            )

    def _left(self, stream: DividedStream) -> int | None:
        """How many more rows may be written; None for any number."""
        return None if self._rows.limit is None else self._rows.limit - stream.written

    async def _within_limit(self, stream: DividedStream, job: PieceJob, result: PieceResult) -> PieceResult:
        """A piece as far as the limit goes: nobody knew what the pieces before would write when it was begun."""
        left = self._left(stream)
        if left is None or result.rows < left or job.limit == left:
            return result
        async with stream.results(encode_piece, [job._replace(limit=left)], workers=1) as results:
            _, exact = await anext(aiter(results))
            return exact

    async def _place(
        self, stream: DividedStream, job: PieceJob, result: PieceResult, report: Callable[[Exported], None]
    ) -> None:
        await stream.check_unchanged()
        with closing(self._written(Path(job.result))) as chunks:
            while chunk := await to_thread.run_sync(next, chunks, None):
                self._count(stream, chunk)
                report(self._done)
        if result.failure:
            raise result.failure

    def _written(self, result: Path) -> Generator[EncodedChunk, None, None]:
        """The chunks of a file, each written, and without what was."""
        with result.open("rb") as file:
            for chunk in read_chunks(file):
                if chunk.rows:
                    self._writer.add(chunk.content)
                yield chunk._replace(content=None)
        result.unlink()

    def _count(self, stream: DividedStream, chunk: EncodedChunk) -> None:
        for bad, seen in chunk.bad:
            stream.was_bad(bad, seen)
        if chunk.rows:
            cursor = stream.came_out(chunk.rows, chunk.seen)
            rows = self._done.rows + chunk.rows
            self._done = Exported(rows=rows, skipped_rows=stream.bad_rows, written=self._writer.written, cursor=cursor)


@contextmanager
def _results_folder(target: Target) -> Iterator[Path]:
    """A folder for what workers write: beside the target, since there it must have room in the end."""
    beside: AbstractContextManager[Path | str] = (
        TemporaryDirectory(prefix="hfsvc-")
        if target.store or target.path == Path("-") or is_device(target.path)
        else scratch_folder(target.path)
    )
    with beside as folder:
        yield Path(folder)
