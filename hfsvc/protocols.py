"""The two protocols of the service layer. They say what is guaranteed, not how; implementations and fakes fit both."""

from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, Unpack

from hfsvc.atif import Trajectory
from hfsvc.models import (
    DatasetRequest,
    DatasetStatistics,
    DatasetUpdate,
    DatasetUsage,
    DownloadedDataset,
    DownloadPlan,
    FileLayout,
    KeyColumn,
    LeftFiles,
    OnEvent,
    RangeArguments,
    RowForm,
    StreamRecord,
    SummaryField,
    SummaryPage,
    TrajectoryRow,
    ValueCounts,
    VerifyReport,
)

if TYPE_CHECKING:
    import pyarrow as pa

T_co = TypeVar("T_co", covariant=True)


class DatasetService(Protocol):
    """Brings datasets onto disk and knows which are there.

    Only `download`, `plan`, `check_update` and `verify` with ``repair=True`` touch the network. Concurrent calls for one dataset, from
    any task or process of this machine, do the work once: they queue, and a cancelled or killed one hands over. Every
    ``repo`` may be given in any form that `DatasetRequest` takes.
    """

    async def download(self, request: DatasetRequest, *, on_event: OnEvent | None = None) -> DownloadedDataset:
        """Bring a dataset onto disk, or up to date.

        When it returns, every file that it names is complete, verified against the Hub's hash, and in place. A second
        call costs one request when the commit has not moved, and keeps `DownloadedDataset.downloaded_at`. Other globs
        at the same commit add files. A new commit is selected by all globs asked for so far; only files whose hash
        changed are fetched, and recorded files that are gone are removed. Readers see the old commit or the new one.

        A cancelled call stops its streams, keeps what was fetched for the next call, and leaves nothing running.

        Args:
            request: What to bring.
            on_event: Called on the event loop with what happens, in order; where it is asynchronous, it is awaited beside
                the transfer, and for the last time before this returns. An exception of its ends the download.

        Raises:
            DownloadFailed: Several files failed; the others are kept. A single failure is raised as itself.
            FileNotFound: No file matches.
            HfsvcError: See `hfsvc.errors`.
        """
        ...

    async def plan(self, request: DatasetRequest) -> DownloadPlan:
        """What `download` would do now. Writes nothing."""
        ...

    async def check_update(self, repo: str) -> DatasetUpdate:
        """What the Hub has of a recorded dataset now, of the revision that it was downloaded from. Changes nothing.

        One request where the commit has not moved; else the listing too. ``download`` of that revision, without globs,
        is the update.

        Raises:
            NotDownloaded: Nothing is recorded.
            Offline: The network must not be used.
            FileNotFound: Of what was asked for before, the new commit has nothing.
        """
        ...

    async def is_downloaded(self, repo: str) -> bool:
        """Whether every recorded file is on disk with its recorded size."""
        ...

    async def get_local_path(self, repo: str) -> Path | None:
        """The folder of a recorded dataset."""
        ...

    async def get_download_info(self, repo: str) -> DownloadedDataset | None:
        """What is recorded of a dataset; None where nothing is, or while its files are being exchanged."""
        ...

    async def list_downloaded(self) -> list[DownloadedDataset]:
        """All recorded datasets, by id."""
        ...

    async def verify(self, repo: str, *, repair: bool = False, on_event: OnEvent | None = None) -> VerifyReport:
        """Hash every recorded file; with `repair`, fetch the damaged ones again at the recorded commit.

        Args:
            repo: The dataset.
            repair: Whether to.
            on_event: Called on the event loop with `BytesHashed`, and with what happens while damaged files are fetched.

        Raises:
            NotDownloaded: Nothing is recorded.
        """
        ...

    async def disk_usage(self) -> list[DatasetUsage]:
        """What every dataset takes of the disk, by id, those of which only an unfinished download is there included."""
        ...

    async def prune(self, repo: str | None = None) -> list[DatasetUsage]:
        """Remove what unfinished downloads have left, of one dataset or of all.

        What a download needs that is under way is left alone.

        Returns:
            The datasets of which something was removed, as they were before.
        """
        ...

    async def delete(self, repo: str) -> None:
        """Forget a dataset and remove its recorded files; other files in its folder stay.

        Raises:
            NotDownloaded: Nothing is recorded.
        """
        ...


class RowStream(Protocol[T_co]):
    """An asynchronous iterator over what rows of a dataset became, with a record of all that it left out."""

    @property
    def record(self) -> StreamRecord:
        """What became of the dataset's rows so far; of all of them once the stream has ended."""
        ...

    @property
    def cursor(self) -> str | None:
        """Opaque text; a stream that is given it goes on after what came out of this one. None before it has begun."""
        ...

    def __aiter__(self) -> AsyncIterator[T_co]: ...

    def __anext__(self) -> Awaitable[T_co]: ...

    def aclose(self) -> Awaitable[object]:
        """End the stream now, and leave nothing running."""
        ...


class TrajectorySource(Protocol):
    """The trajectories of one dataset.

    Rows have numbers from 0 over all its files, in byte order of their paths; skipping a bad row renumbers nothing.
    Only `ensure_downloaded` may touch the network.

    Every other method raises NotDownloaded where the dataset is not on disk, DatasetChanged when it moved to another
    commit in the meantime, BadParquet for a file that is damaged, or where no file has columns of a known layout, and BadRow for a
    row that cannot be converted, unless the source was told to skip those. What cannot be asked
    for (a negative row, a field that there is not) raises InvalidArgument, streams at the call.
    """

    @property
    def skipped_rows(self) -> int:
        """Bad rows that streams of this source left out."""
        ...

    @property
    def left_out(self) -> tuple[FileLayout, ...]:
        """Files that hold something and are not read, and why, as of the last call that opened them."""
        ...

    @property
    def left(self) -> LeftFiles | None:
        """What limits of downloads left of the dataset, as of the last call that opened it: rows there are not read."""
        ...

    async def ensure_downloaded(self) -> Path | None:
        """The dataset's folder, None in an object store; downloads it first when it is not there.

        Those that may hold rows, as a `DatasetRequest` that names none means them.
        """
        ...

    async def count(self, *, where: str | None = None) -> int:
        """Rows that are read, bad ones included; all of them from the files' footers.

        Args:
            where: Only those that answer to these words, as for `list_summaries`.
        """
        ...

    def stream_trajectories(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
        stripe: bool = False,
        limit: int | None = None,
        where: str | None = None,
    ) -> RowStream[Trajectory]:
        """Every trajectory, in row order, in bounded memory.

        The iterator can be dropped at any time and leaves nothing running; `contextlib.aclosing` does so at once.

        Args:
            start: First row.
            stop: Row to stop before; None for the end.
            shard: ``(i, n)``, ``0 <= i < n``: the i-th of n parts, disjoint and together whole, of the rows that are read.
                Their sizes differ by one at most.
            cursor: Go on after the row that this cursor of `stream_rows` came with, within the same shard. With the cursor
                of a whole run, or of one that `hfsvc.join_cursors` made, a shard is a part of what that run has left.
            stripe: Shards are every n-th row, not stretches.
            limit: Most rows that come out.
            where: Words as for `list_summaries`: only rows that answer to them, beside what the source chooses.

        Raises:
            CursorMismatch: The cursor is of another dataset or commit, of other files of it, of another choice of rows or
                another shard.
            InvalidArgument: The source chooses rows by what there is not.
        """
        ...

    def stream_rows(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
        stripe: bool = False,
        limit: int | None = None,
        where: str | None = None,
    ) -> RowStream[TrajectoryRow]:
        """The same stream, every trajectory with its row number and cursor."""
        ...

    async def get_trajectory(self, key: int | str) -> Trajectory | None:
        """One trajectory; None where no row answers.

        Args:
            key: A row number, or a text: the first row whose `key` is it (the dataset's own, where one is known),
                else whose `trial_name`, else whose `run_id`, else whose `task`. A `run_id` is shared by many rows;
                `find_rows` tells how many.
        """
        ...

    async def find_rows(self, key: str, *, by: KeyColumn | None = None) -> tuple[int, ...]:
        """Numbers of all rows that answer to a text.

        Args:
            key: Compared as a whole, case counts.
            by: The column to look at; None for the first of `key`, `trial_name`, `run_id`, `task` in which any row has it.
        """
        ...

    async def get_trajectories(self, offset: int, limit: int) -> list[Trajectory]:
        """The trajectories of rows `offset` to ``offset + limit``, fewer at the end."""
        ...

    async def list_summaries(self, offset: int, limit: int, query: str | None = None) -> SummaryPage:
        """Rows without their messages.

        Args:
            offset: Matches to leave out.
            limit: Longest page.
            query: Words that must all occur, ignoring case, somewhere in a row's summary; ``field:word`` looks at one
                field of `hfsvc.models.SUMMARY_FIELDS`, and ``field:"whole value"`` for nothing less; ``field:""`` finds
                rows without a value, and ``"any text"`` also a text with blanks or colons.
        """
        ...

    async def count_values(self, field: SummaryField, query: str | None = None, *, limit: int = 100) -> ValueCounts:
        """Which values a field of the summaries has, and how many rows have each.

        Memory is bounded: of more than 10,000 different values those that come first are told apart, and a value of
        more than 200 characters never is; all others are counted together. A narrower query tells more.

        Args:
            field: Of `TrajectorySummary`.
            query: As for `list_summaries`: counts the rows that answer to it.
            limit: Most values to name, 1,000 at most.
        """
        ...

    async def statistics(self, *, where: str | None = None) -> DatasetStatistics:
        """Counts of rows, messages and who speaks, over all rows; bad rows are counted, and never raised."""
        ...


class ReadTask(Protocol):
    """Rows of a dataset that any process can read on its own, as record batches: what a source gives to an engine's workers.

    It can be pickled, and is read wherever the dataset's files are at the same paths; of a remote source wherever the Hub is
    reached, with the token of that process's own environment: none is pickled.
    """

    @property
    def schema(self) -> "pa.Schema":
        """Of the batches."""
        ...

    @property
    def rows(self) -> int:
        """How many rows it reads, bad ones included."""
        ...

    @property
    def size(self) -> int:
        """About how many bytes they take when decoded, going by the files' footers."""
        ...

    @property
    def row_groups(self) -> Sequence[tuple[str, range]]:
        """Where they lie: paths of files, each with numbers of its row groups; of none where a file has no groups."""
        ...

    def batches(self) -> Iterator["pa.RecordBatch"]:
        """The rows, in order, in batches of about four megabytes. Blocks, and needs no event loop.

        Raises:
            BadRow: A row is bad; where those are skipped, the log tells them.
            BadParquet, NotDownloaded: A file is another one by now, damaged, or gone.
            HfsvcError: Of a remote source, as its streams raise; where no token is found and one is needed, NoAccess or
                DatasetNotFound.
        """
        ...


class BatchSource(TrajectorySource, Protocol):
    """A `TrajectorySource` that gives its rows as they are stored, too: what a container's `source` makes."""

    def stream_batches(
        self,
        *,
        columns: Sequence[str] | str | None = None,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
        stripe: bool = False,
        limit: int | None = None,
        where: str | None = None,
    ) -> "RowStream[pa.RecordBatch]":
        """The rows as they are stored, in Arrow record batches of at most eight megabytes, or one row.

        Args:
            columns: Names of columns; None for those that trajectories are made of.
            start: First row.
            stop: Row to stop before; None for the end.
            shard: As for `stream_trajectories`, like all others.
            cursor: Of `stream_rows`; goes on after its row.
            stripe: Shards are every n-th row.
            limit: Most rows.
            where: Words that rows must answer to.

        Raises:
            InvalidArgument: There is no such column.
        """
        ...

    async def to_reader(
        self,
        *,
        columns: Sequence[str] | str | None = None,
        form: RowForm = "stored",
        cursor_column: str | None = None,
        limit: int | None = None,
        **rows: Unpack[RangeArguments],
    ) -> "pa.RecordBatchReader":
        """An Arrow reader over the rows, for synchronous code: DuckDB, Polars, Daft, and whatever else reads Arrow.

        It reads a batch of about four megabytes when it is asked for one, in the thread that asks, and needs neither an event
        loop nor the container from then on. Files that have other columns get nulls for those they lack. Over a remote source it
        has connections of its own, until it is at its end or let go of.

        Args:
            columns: Names of columns; None for all.
            form: What rows are.
            cursor_column: A name for one more column: the cursor with which a reading goes on after the row.
            limit: Most rows.
            rows: As for `stream_rows`: ``start``, ``stop``, ``shard``, ``cursor``, ``stripe``, ``where``.

        Raises:
            InvalidArgument: There is no such column, or files have it in types that no single one holds. What the reader raises is
                as for `stream_rows`, but for DatasetChanged, which is BadParquet there where files are on disk.
        """
        ...

    async def read_tasks(
        self,
        *,
        columns: Sequence[str] | str | None = None,
        form: RowForm = "atif",
        cursor_column: str | None = None,
        **rows: Unpack[RangeArguments],
    ) -> Sequence[ReadTask]:
        """The tasks that `to_ray` and `to_daft` are made of, in order, for any other engine.

        They are cut by the files' row groups, as for processes of our own, and depend on what is read alone: who reads makes no
        difference. Arguments and errors are those of `to_reader`.
        """
        ...

    async def to_ray(
        self,
        *,
        columns: Sequence[str] | str | None = None,
        form: RowForm = "atif",
        cursor_column: str | None = None,
        address: str | None = None,
        **rows: Unpack[RangeArguments],
    ) -> Any:
        """A lazy ``ray.data.Dataset`` of the rows: workers of Ray read them, from files on a disk that all of them see, or from the Hub.

        Args:
            columns: As for `to_reader`, like all others.
            form: What rows are.
            cursor_column: A name for one more column, of cursors.
            address: Of the cluster to join; None for that of ``RAY_ADDRESS``, else for one of this machine alone.
            rows: Which of them.

        Raises:
            MissingExtra: Ray is not installed.
            InvalidArgument: As for `to_reader`; no cluster answers.
        """
        ...

    async def to_daft(
        self,
        *,
        columns: Sequence[str] | str | None = None,
        form: RowForm = "atif",
        cursor_column: str | None = None,
        **rows: Unpack[RangeArguments],
    ) -> Any:
        """A lazy ``daft.DataFrame`` of the rows, whose tasks are read where Daft runs them.

        Args:
            columns: As for `to_reader`, like all others.
            form: What rows are.
            cursor_column: A name for one more column, of cursors.
            rows: Which of them.

        Raises:
            MissingExtra: Daft is not installed.
            InvalidArgument: As for `to_reader`.
        """
        ...
