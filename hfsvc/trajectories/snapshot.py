"""A dataset as it was when its rows were counted, and all that is known of it since."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from hfsvc.errors import BadParquet
from hfsvc.models import DownloadedDataset, ReadOptions, SummaryField, ValueCounts
from hfsvc.trajectories.cursor import Numbering, number_rows
from hfsvc.trajectories.files.open import open_rows
from hfsvc.trajectories.files.parquet import DataFile, FileFacts
from hfsvc.trajectories.files.splits import choose_files
from hfsvc.trajectories.index.episodes import EpisodeRow, superseded
from hfsvc.trajectories.index.outcomes import is_wanted
from hfsvc.trajectories.index.row_cache import RowCache
from hfsvc.trajectories.index.sidecars import Sidecars, content_of
from hfsvc.trajectories.index.summary_index import SummaryIndex
from hfsvc.trajectories.layouts.opening import Layouts
from hfsvc.trajectories.selection import RowSelection

T = TypeVar("T")


class FilesReplaced(Exception):
    """A file is another one than when its rows were counted; they must be counted again."""


class Snapshot:
    """Every method blocks: call it from a worker thread.

    Args:
        dataset: What is on disk.
        options: How to read it.

    Attributes:
        files: The files that hold rows, in order.
        numbering: What gives rows their numbers.
        store: For single rows.
        index: For lists and look-ups.
    """

    def __init__(self, dataset: DownloadedDataset, options: ReadOptions) -> None:
        self.dataset = dataset
        self.files = list(_count_rows(dataset, options))
        self.numbering = _numbering(dataset, self.files)
        sidecars = Sidecars(dataset)
        sidecars.prune(file.facts.content for file in self.files)
        self.store = RowCache(dataset, sidecars)
        variant = f"{options.layout} {sorted(options.columns.items())}"
        self.index = SummaryIndex(self.files, self.store.open_data, sidecars, variant)
        self._options = options
        self._selection: RowSelection | None = None

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.files[-1].stop

    def read(self, read: Callable[["Snapshot"], T]) -> T:
        """What `read` makes of this snapshot.

        Raises:
            FilesReplaced: It is out of date.
        """
        if not self.is_fresh():
            raise FilesReplaced
        return read(self)

    def is_fresh(self) -> bool:
        """Whether no file has been replaced since its rows were counted. One that is gone is missed when it is read."""
        return all(content_of(self.dataset, each.file) in {each.facts.content, None} for each in self.files)

    def files_with(self, first: int, last: int) -> list[DataFile]:
        """The files that hold rows from `first` to `last`."""
        return [each for each in self.files if max(each.first, first) < min(each.stop, last)]

    def rows_matching(self, query: str | None) -> Sequence[int]:
        """Numbers of the rows that filters keep and that answer to a query, in order."""
        return self.index.rows_matching(query, self._chosen())

    def count_values(self, field: SummaryField, query: str | None) -> ValueCounts:
        """How many of the rows that filters keep and that answer to a query have which value in a field."""
        return self.index.count_values(field, query, self._chosen())

    def _chosen(self) -> RowSelection | None:
        return self.select() if self._options.filters else None

    def rows_with(self, column: str, value: str) -> tuple[int, ...]:
        """Numbers of the rows that filters keep and that have this value in this column."""
        rows = self.index.rows_with(column, value)
        return tuple(self.select().among(rows)) if self._options.filters else rows

    def select(self) -> RowSelection:
        """The rows that the options' filters keep."""
        if self._selection is None:
            self._selection = RowSelection(self.rows, self._left_out())
        return self._selection

    def _left_out(self) -> Iterator[int]:
        wanted = self._options.result
        if wanted != "all":
            for first, block in self.index.blocks("result"):
                for row, result in enumerate(block.column("result").to_pylist(), first):
                    if not is_wanted(result, wanted):
                        yield row
        if self._options.episodes == "last":
            yield from superseded(self._episodes())

    def _episodes(self) -> Iterator[EpisodeRow]:
        names = EpisodeRow._fields[1:]
        for first, block in self.index.blocks(*names):
            columns = (block.column(name).to_pylist() for name in names)
            for row, values in enumerate(zip(*columns, strict=True), first):
                yield EpisodeRow(row, *values)


def _count_rows(dataset: DownloadedDataset, options: ReadOptions) -> Iterator[DataFile]:
    layouts = Layouts(options)
    first = 0
    for file in choose_files(dataset.repo, dataset.files, dataset.configs, config=options.config, split=options.split):
        with open_rows(dataset.local_path, file, dataset.repo) as rows:
            content = content_of(dataset, file) or ""
            facts = FileFacts(content, layouts.find(rows, file), rows.schema, rows.leaves, rows.groups)
            yield DataFile(file, first, first + rows.rows, facts)
            first += rows.rows


def _numbering(dataset: DownloadedDataset, files: list[DataFile]) -> Numbering:
    if not files:
        raise BadParquet(file=dataset.repo, reason="none of its files on disk holds rows: parquet, JSON Lines or JSON")
    counts = ((each.file, each.stop - each.first) for each in files)
    return number_rows(dataset.repo, dataset.commit, counts)
