"""The files that hold a dataset's rows, each with its layout, its columns and the numbers of its rows.

Everything here blocks: call it from a worker thread.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

import pyarrow as pa

from hfsvc.errors import BadParquet
from hfsvc.models import DownloadedDataset, ReadOptions
from hfsvc.trajectories.files.base import RowFile, RowGroup
from hfsvc.trajectories.files.open import open_rows
from hfsvc.trajectories.files.splits import choose_files
from hfsvc.trajectories.layouts.base import Layout
from hfsvc.trajectories.layouts.detect import layout_of


class DataFile(NamedTuple):
    """A file of a dataset as it was when its rows were counted. Whatever is made of it later is tied to `content`.

    Attributes:
        path: Below the dataset's folder.
        first: Number of its first row in the dataset.
        stop: The row after its last.
        content: Stands for what it held, see `content_of`.
        layout: How its rows are stored.
        schema: Its columns.
        leaves: As `RowFile.leaves`.
        groups: As `RowFile.groups`.
    """

    path: str
    first: int
    stop: int
    content: str
    layout: Layout
    schema: pa.Schema
    leaves: list[str]
    groups: tuple[RowGroup, ...]


OpenFile = Callable[[DataFile], AbstractContextManager[RowFile]]


def find_data_files(dataset: DownloadedDataset, options: ReadOptions) -> Iterator[DataFile]:
    """The files to read, in order, each opened to count its rows.

    Raises:
        BadParquet: A file is damaged, or has no layout that is known.
        NotDownloaded: One is gone.
        SplitNotFound: There is no such configuration or split.
    """
    first = 0
    for path in choose_files(dataset.repo, dataset.files, dataset.configs, config=options.config, split=options.split):
        with open_rows(dataset.local_path, path, dataset.repo) as rows:
            content = content_of(dataset, path) or ""
            layout = _layout(rows, path, options)
            if layout is None:
                continue
            yield DataFile(path, first, first + rows.rows, content, layout, rows.schema, rows.leaves, rows.groups)
            first += rows.rows


def _layout(rows: RowFile, path: str, options: ReadOptions) -> Layout | None:
    """The layout of a file; None for an empty one without the columns of any."""
    try:
        return layout_of(rows, path, options)
    except BadParquet:
        if rows.rows:
            raise
        return None


def content_of(dataset: DownloadedDataset, file: str) -> str | None:
    """Stands for what a file holds: by the hash that it was verified against, and what the disk says of it since.

    None where it is gone.
    """
    try:
        status = (dataset.local_path / file).stat()
    except OSError:
        return None
    known = f"{dataset.checksums.get(file)} {status.st_size} {status.st_mtime_ns}"
    return hashlib.blake2b(known.encode(), digest_size=10).hexdigest()
