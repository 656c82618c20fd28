"""Structs about exports: the request, the progress, the result."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import force_setattr

from hfsvc.arguments import check_fields
from hfsvc.export.formats import Format
from hfsvc.models import Model, StreamRecord, Workers
from hfsvc.settings import check_address, expand_home, is_address
from hfsvc.trajectories.positions import Shard
from hfsvc.trajectories.selection import RowRange


class ExportRequest(Model, frozen=True):
    """A request to write a dataset's trajectories into a file or folder.

    Attributes:
        path: A file or folder; a text does as well, also the address of an object such as ``s3://bucket/runs.jsonl``. ``.zst`` and ``.gz`` behind the name of a file of lines compress it.
        format: What to write; None to go by the ending of the name.
        start: First row.
        stop: Row to stop before; None for the end.
        shard: ``(i, n)``, as for `TrajectorySource.stream_rows`; the name gets ``-0000i-of-0000n`` before its ending.
        cursor: Go on after the row that this cursor came with.
        stripe: Shards are every n-th row.
        limit: Most rows to write.
        where: Words that rows must answer to.
        resume: Do nothing where the file or folder is there already.
        one_call_a_step: Steps of several calls become steps of one call each.
        workers: How many processes read and encode, while one writes; 0 for one a core. What is written is the same.
        job: For ``atif-dir``, what Harbor's viewer calls the job: the folder inside `path`.
        store: Set by an address: what is before the last name in it, which `path` is then.

    Raises:
        InvalidArgument: A field has a value that it cannot have.
    """

    path: Path
    format: Format | None = None
    start: int = 0
    stop: int | None = None
    shard: Shard | None = None
    cursor: str | None = None
    stripe: bool = False
    limit: int | None = None
    where: str | None = None
    resume: bool = False
    one_call_a_step: bool = False
    job: str = "trajectories"
    workers: Workers = 1
    store: str | None = None

    def __post_init__(self) -> None:
        path: Any = self.path
        if is_address(path):
            store, _, name = path.strip().rpartition("/")
            check_address(store, setting="path")
            force_setattr(self, "store", store)
            force_setattr(self, "path", Path(name))
        elif path and isinstance(path, (str, Path)):
            force_setattr(self, "path", expand_home(path))
        check_fields(self)
        self.rows.check()

    @property
    def rows(self) -> RowRange:
        """Which rows to write."""
        return RowRange(self.start, self.stop, self.shard, self.cursor, self.stripe, self.limit, self.where)


class Exported(Model, frozen=True, kw_only=True):
    """The result of an export.

    Attributes:
        target: The file or folder; None for a writer of the caller's own; ``path`` in JSON.
        format: What it holds; None likewise.
        rows: Trajectories written.
        skipped_rows: Bad rows left out.
        written: Bytes, before compression.
        cursor: Goes on after the last row; None where there was none.
        kept: Whether it was there already, and nothing was done.
        record: What became of all rows, written or not.
    """

    target: str | None = msgspec.field(default=None, name="path")
    format: Format | None = None
    rows: int = 0
    skipped_rows: int = 0
    written: int = 0
    cursor: str | None = None
    kept: bool = False
    record: StreamRecord = StreamRecord()

    @property
    def path(self) -> Path | None:
        """`target` as a path; None for an object."""
        return None if self.target is None or is_address(self.target) else Path(self.target)


class RowsExported(Model, frozen=True, kw_only=True, tag_field="event", tag="rowsExported"):
    """Progress, told at most ten times a second, and in the end.

    Attributes:
        done: Rows that are behind, bad ones included.
        total: Rows to do, as far as they can be known: fewer where a cursor is gone on from, or rows are filtered.
        written: Bytes, before compression.
        cursor: Goes on after what is written; None where nothing is yet.
    """

    done: int
    total: int
    written: int
    cursor: str | None


OnExport = Callable[[RowsExported], Awaitable[None] | None]
"""A listener; what it returns is awaited, where it is asynchronous."""
