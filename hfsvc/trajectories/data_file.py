"""A file that holds rows of a dataset: its layout, its columns and the numbers of its rows."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

import pyarrow as pa

from hfsvc.trajectories.files.base import RowFile, RowGroup
from hfsvc.trajectories.layouts.base import Layout


class DataFile(NamedTuple):
    """A file of a dataset as it was when its rows were counted. Whatever is made of it later is tied to `content`.

    Attributes:
        path: Below the dataset's folder.
        first: Number of its first row in the dataset.
        stop: The row after its last.
        content: Stands for what it held, see `DatasetFiles.content`.
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
