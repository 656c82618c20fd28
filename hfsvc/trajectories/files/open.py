"""The one place that opens a file of rows by its format, which its name tells. Everything here blocks: call it from a worker thread."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from hfsvc.errors import BadParquet, NotDownloaded
from hfsvc.models.file_kinds import ARROW, PARQUET, TABLES, kind_of
from hfsvc.trajectories.files.arrow_ipc import open_arrow
from hfsvc.trajectories.files.base import RowFile, bad_parquet, damage_hint
from hfsvc.trajectories.files.delimited import DelimitedRowFile
from hfsvc.trajectories.files.json import JsonRowFile
from hfsvc.trajectories.files.parquet import ParquetRowFile, open_parquet
from hfsvc.trajectories.files.run_results import with_result
from hfsvc.trajectories.files.session_logs import SessionRowFile, is_session
from hfsvc.trajectories.files.turn_rows import TurnRowFile, session_column

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_POINTER = b"version https://git-lfs.github.com/spec/"


@contextmanager
def open_rows(folder: Path, file: str, repo: str) -> Iterator[RowFile]:
    """A file of a dataset, by the ending of its name: parquet, Arrow, CSV, else JSON. Rows that are turns come by session.

    Raises:
        BadParquet: It is damaged, or cut.
        NotDownloaded: It is gone.
    """
    with ExitStack() as opened:
        try:
            rows = opened.enter_context(_opened(folder, file, repo))
        except BadParquet as error:
            error.hint = error.hint or damage_hint(repo)
            raise
        session = session_column(rows.schema)
        yield with_result(rows, folder, file) if session is None else TurnRowFile(rows, session)


def _check_fetched(path: Path, file: str) -> None:
    """Refuse what Git leaves in the place of a large file. What else is wrong with a file, opening it tells."""
    try:
        with path.open("rb") as content:
            head = content.read(len(_POINTER))
    except OSError:
        return
    if head == _POINTER:
        raise BadParquet(file=file, reason="it is a pointer of Git LFS, and not the file that it stands for")


@contextmanager
def _opened(folder: Path, file: str, repo: str) -> Iterator[RowFile]:
    _check_fetched(folder / file, file)
    kind = kind_of(file)
    if kind is PARQUET:
        with open_parquet(folder, file, repo) as parquet:
            yield ParquetRowFile(parquet)
        return
    try:
        if kind is ARROW:
            with open_arrow(folder / file) as rows:
                yield rows
            return
        with (folder / file).open("rb", buffering=0) as content:
            yield DelimitedRowFile(content, file) if kind is TABLES else _json_or_session(content, file)
    except FileNotFoundError as error:
        raise NotDownloaded(repo=repo, missing=(file,)) from error
    except (OSError, pa.ArrowException) as error:
        raise bad_parquet(file, error, repo) from error


def _json_or_session(content: BinaryIO, file: str) -> RowFile:
    rows = JsonRowFile(content, file)
    if rows.rows > 1 and is_session(rows.documents()):
        return SessionRowFile(rows.documents, os.fstat(content.fileno()).st_size)
    return rows
