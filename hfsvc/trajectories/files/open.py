"""The one place that opens a file of rows by its format, which its name tells. Everything here blocks: call it from a worker thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hfsvc.errors import BadParquet, NotDownloaded
from hfsvc.trajectories.files.base import RowFile
from hfsvc.trajectories.files.json import JsonRowFile
from hfsvc.trajectories.files.parquet import ParquetRowFile, open_parquet


@contextmanager
def open_rows(folder: Path, file: str, repo: str) -> Iterator[RowFile]:
    """A file of a dataset, by the ending of its name: parquet, else JSON.

    Raises:
        BadParquet: It is damaged, or cut.
        NotDownloaded: It is gone.
    """
    if file.endswith(".parquet"):
        with open_parquet(folder, file, repo) as parquet:
            yield ParquetRowFile(parquet)
        return
    try:
        with (folder / file).open("rb", buffering=0) as content:
            yield JsonRowFile(content, str(folder / file))
    except FileNotFoundError as error:
        raise NotDownloaded(repo=repo, missing=(file,)) from error
    except OSError as error:
        raise BadParquet(file=str(folder / file), reason=error.strerror or str(error)) from error
