"""Rows for scripts and worker processes that run no event loop: one of its own, in a thread of its own."""

import atexit
import os
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import (
    AbstractAsyncContextManager,
    ExitStack,
    aclosing,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any
from weakref import WeakSet

import anyio
import msgspec
from anyio.from_thread import BlockingPortal

from hfsvc.containers import open_container
from hfsvc.errors import OtherProcess
from hfsvc.models import StreamRecord, TrajectoryRow
from hfsvc.protocols import RowStream
from hfsvc.settings import Settings, load_settings
from hfsvc.trajectories.columns.row_chunks import weight_of
from hfsvc.trajectories.selection import RowRange

CHUNK_ROWS = 64
CHUNK_BYTES = 4 << 20
Rows = RowStream[TrajectoryRow]
_open_iterators: "WeakSet[RowIterator]" = WeakSet()


def iter_rows(
    name: str,
    *,
    start: int = 0,
    stop: int | None = None,
    shard: tuple[int, int] | None = None,
    cursor: str | None = None,
    stripe: bool = False,
    limit: int | None = None,
    where: str | None = None,
    root: str | Path | None = None,
    settings: Settings | None = None,
    **reading: Any,
) -> "RowIterator":
    """The rows of a dataset, one after the other, without an event loop of the caller's.

    A loop in a thread of its own reads on while the caller works. Both end with the iterator: when it is exhausted, closed,
    or let go of, as a ``break`` does, and with the program.

    Args:
        name: As ``container.source`` takes it.
        start: As for `TrajectorySource.stream_rows`, like the next six.
        stop: Row to stop before.
        shard: A part of the rows.
        cursor: Go on after its row.
        stripe: Parts are every n-th row.
        limit: Most rows.
        where: Words that rows must answer to.
        root: Of the store, instead of the settings' own.
        settings: From the environment, unless given.
        reading: As for ``container.source``.

    Raises:
        HfsvcError: What the source raises, when the first row is asked for.
        OtherProcess: A row is asked for in a process that was forked meanwhile.
    """
    given = settings or load_settings(os.environ)
    chosen = given if root is None else msgspec.structs.replace(given, root=Path(root))
    rows = RowRange(start, stop, shard, cursor, stripe, limit, where)
    return RowIterator(_open_stream(chosen, name, rows, reading))


class RowIterator(Iterator[TrajectoryRow]):
    """An iterator over the rows of a stream that is read in another thread.

    Args:
        stream: The stream, opened and closed in that thread.
    """

    def __init__(self, stream: AbstractAsyncContextManager[Rows]) -> None:
        self._opened: list[Rows] = []
        self._rows = _read(stream, self._opened)
        self._process = os.getpid()
        _open_iterators.add(self)

    @property
    def record(self) -> StreamRecord:
        """What became of the dataset's rows; of all of them, once the last one was given."""
        return self._opened[0].record if self._opened else StreamRecord()

    def __next__(self) -> TrajectoryRow:
        if os.getpid() != self._process:
            raise OtherProcess
        return next(self._rows)

    def close(self) -> None:
        """End the thread, and close what it opened; in a forked process they are left to the one that began."""
        if os.getpid() == self._process:
            self._rows.close()

    def __enter__(self) -> "RowIterator":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read(opening: AbstractAsyncContextManager[Rows], opened: list[Rows]) -> Generator[TrajectoryRow, None, None]:
    # No method: an iterator that knows itself would not be let go of by a ``break``.
    process, begun = os.getpid(), ExitStack()
    try:
        portal = begun.enter_context(_own_loop())
        stream = begun.enter_context(portal.wrap_async_context_manager(opening))
        opened.append(stream)
        ahead: Future[list[TrajectoryRow]] = portal.start_task_soon(_next_chunk, stream)
        # A stream is not closed under whoever reads it; a chunk is small.
        begun.callback(lambda: wait([ahead]))
        while chunk := ahead.result():
            ahead = portal.start_task_soon(_next_chunk, stream)
            yield from chunk
    finally:
        if os.getpid() == process:
            begun.close()


@contextmanager
def _own_loop() -> Iterator[BlockingPortal]:
    """An event loop in a thread, for which the interpreter does not wait where nobody ends it."""
    process, begun = os.getpid(), Future[BlockingPortal]()

    async def serve() -> None:
        async with BlockingPortal() as portal:
            begun.set_result(portal)
            await portal.sleep_until_stopped()

    # Threads that it starts are of its kind.
    thread = Thread(target=anyio.run, args=(serve,), name="hfsvc rows", daemon=True)
    thread.start()
    portal = begun.result()
    try:
        yield portal
    finally:
        # A forked process has the object, and not the thread.
        if os.getpid() == process:
            portal.start_task_soon(portal.stop)
            thread.join()


@asynccontextmanager
async def _open_stream(
    settings: Settings, name: str, rows: RowRange, reading: Mapping[str, Any]
) -> AsyncIterator[Rows]:
    async with open_container(settings) as container:
        source = container.source(name, **reading)
        async with aclosing(source.stream_rows(**rows.asked)) as stream:
            yield stream


async def _next_chunk(stream: Rows) -> list[TrajectoryRow]:
    """Some rows at once: the way from thread to thread costs as much as a row."""
    chunk: list[TrajectoryRow] = []
    weight = 0
    async for row in stream:
        chunk.append(row)
        weight += weight_of(row.trajectory)
        if len(chunk) >= CHUNK_ROWS or weight >= CHUNK_BYTES:
            break
    return chunk


@atexit.register
def _close_open_iterators() -> None:
    # While the interpreter is whole: threads must not meet a dying one.
    for each in list(_open_iterators):
        # Another thread may be in the middle of it.
        with suppress(ValueError):
            each.close()
