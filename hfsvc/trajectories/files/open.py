"""The one place that opens a file of rows by its format, which its name tells. Everything here blocks: call it from a worker thread."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pyarrow as pa

from hfsvc.errors import BadParquet, NotDownloaded
from hfsvc.models.file_kinds import ARROW, PARQUET, TABLES, kind_of
from hfsvc.trajectories.files.arrow_ipc import ArrowRowFile
from hfsvc.trajectories.files.base import RowFile, bad_parquet, damage_hint
from hfsvc.trajectories.files.dataset_files import DatasetFiles, OpenedFile
from hfsvc.trajectories.files.delimited import DelimitedRowFile
from hfsvc.trajectories.files.json import JsonRowFile
from hfsvc.trajectories.files.pages.base import local_ranges
from hfsvc.trajectories.files.parquet import ParquetRowFile, open_parquet
from hfsvc.trajectories.files.ranged_parquet import RangedParquetRowFile
from hfsvc.trajectories.files.run_results import with_result
from hfsvc.trajectories.files.session_logs import SessionRowFile, is_session
from hfsvc.trajectories.files.turn_rows import TurnRowFile, session_column

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_POINTER = b"version https://git-lfs.github.com/spec/"
WillRead = Callable[[int, int], bool]
"""Whether any of a file's rows is going to be read, from the first one to the one before the last."""


@contextmanager
def open_rows(files: DatasetFiles, file: str, will_read: WillRead | None = None) -> Iterator[RowFile]:
    """A file of a dataset, by the ending of its name: parquet, Arrow, CSV, else JSON. Rows that are turns come by session.

    Args:
        files: Of the dataset.
        file: Its path.
        will_read: Which rows come next, so that they can be fetched ahead; None where few rows are read.

    Raises:
        BadParquet: It is damaged, or cut.
        NotDownloaded: It is gone.
    """
    with ExitStack() as opened:
        try:
            rows = opened.enter_context(_opened(files, file, will_read))
        except BadParquet as error:
            if files.is_remote or not error.hint:
                error.hint = damage_hint(files.repo, is_verified=files.is_verified)
            raise
        session = session_column(rows.schema)
        yield with_result(rows, files.read, file) if session is None else TurnRowFile(rows, session)


def _check_fetched(opened: OpenedFile, file: str) -> None:
    """Refuse what Git leaves in the place of a large file. What else is wrong with a file, opening it tells."""
    try:
        head = opened.stream().read(len(_POINTER))
    except OSError:
        return
    if head == _POINTER:
        raise BadParquet(file=file, reason="it is a pointer of Git LFS, and not the file that it stands for")


@contextmanager
def _forgetting_damage(opened: OpenedFile) -> Iterator[None]:
    """Hold no bytes that were damaged on their way: who opens the file again has them fetched again."""
    try:
        yield
    except BadParquet:
        if opened.ranges:
            opened.ranges.forget()
        raise


@contextmanager
def _opened(files: DatasetFiles, file: str, will_read: WillRead | None) -> Iterator[RowFile]:
    kind = kind_of(file)
    with files.open(file) as opened:
        if not files.is_remote:
            # The Hub gives the files that pointers stand for.
            _check_fetched(opened, file)
        if kind is PARQUET:
            with _forgetting_damage(opened), open_parquet(opened, file, files.repo) as parquet:
                if opened.ranges is None:
                    yield ParquetRowFile(parquet, file, opened.size, local_ranges(opened.stream()))
                else:
                    yield RangedParquetRowFile(parquet, file, opened.size, opened.ranges, will_read)
            return
        try:
            if kind is ARROW:
                yield ArrowRowFile(opened)
            else:
                yield DelimitedRowFile(opened, file) if kind is TABLES else _json_or_session(opened, file)
        except FileNotFoundError as error:
            raise NotDownloaded(repo=files.repo, missing=(file,)) from error
        except (OSError, pa.ArrowException) as error:
            raise bad_parquet(file, error, files.repo) from error


def _json_or_session(opened: OpenedFile, file: str) -> RowFile:
    rows = JsonRowFile(opened, file)
    if rows.rows > 1 and is_session(rows.documents()):
        return SessionRowFile(rows.documents, opened.size)
    return rows
