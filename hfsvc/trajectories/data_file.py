"""A file that holds rows of a dataset: its layout, its columns and the numbers of its rows.

Everything here blocks: call it from a worker thread.
"""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

import pyarrow as pa

from hfsvc.models import DownloadedDataset
from hfsvc.models.file_kinds import result_file
from hfsvc.trajectories.files.base import RowFile, RowGroup
from hfsvc.trajectories.layouts.base import Layout


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


def content_of(dataset: DownloadedDataset, file: str) -> str | None:
    """Stands for what a file holds: by the hash that it was verified against, and what the disk says of it since.

    The result of a run that stands beside its document belongs to it. None where the file is gone.
    """
    known = _known_of(dataset, file)
    if known is None:
        return None
    beside = result_file(file)
    known += f" {result}" if beside and (result := _known_of(dataset, beside)) else ""
    return hashlib.blake2b(known.encode(), digest_size=10).hexdigest()


def _known_of(dataset: DownloadedDataset, file: str) -> str | None:
    try:
        status = (dataset.local_path / file).stat()
    except OSError:
        return None
    return f"{dataset.checksums.get(file)} {status.st_size} {status.st_mtime_ns}"
