"""Parquet files from rows, and sources over them."""

import io
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from hfsvc.atif import Trajectory
from hfsvc.models import ReadOptions, Style
from hfsvc.protocols import TrajectorySource
from hfsvc.testing import FakeDatasetService
from hfsvc.testing.samples import rows_table, sample_messages, sample_row, sample_rows
from hfsvc.trajectories.layouts.base import Layout
from hfsvc.trajectories.layouts.conversation import RowLocation, Unreadable
from hfsvc.trajectories.layouts.detect import fitting_layouts, judge_layouts, refusal_of
from hfsvc.trajectories.source import FileTrajectorySource
from hfsvc.trajectories.styles.convert import STYLES, convert

from ..builders import REPO, everything

T = TypeVar("T")
E = TypeVar("E", bound=Exception)
MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
MESSAGES = pa.list_(MESSAGE)
DATE = "2025-11-12T22:22:17.361875"
talk, row, rows = sample_messages, sample_row, sample_rows


def table_of(conversations: pa.Array | Sequence[Any], **columns: Any) -> pa.Table:
    """A table of `conversations` and other columns, as they are given."""
    if not isinstance(conversations, pa.Array):
        conversations = pa.array(conversations, MESSAGES)
    return pa.table({"conversations": conversations, **columns})


def broken_text(*values: bytes) -> pa.Array:
    """A column that says it is text, whatever its bytes are."""
    return pa.Array.from_buffers(pa.string(), len(values), pa.array(values, pa.binary()).buffers())


def parquet(table: pa.Table | Sequence[Mapping[str, Any]], **options: Any) -> bytes:
    """The bytes of a parquet file."""
    made = table if isinstance(table, pa.Table) else rows_table(table)
    written = io.BytesIO()
    pq.write_table(made, written, **options)
    return written.getvalue()


async def open_source(root: Path, files: Mapping[str, bytes], **options: Any) -> FileTrajectorySource:
    """A source over files that are on disk."""
    datasets = FakeDatasetService(root, {REPO: files})
    await datasets.download(everything())
    return FileTrajectorySource(REPO, datasets=datasets, options=ReadOptions(**options))


async def numbers(source: TrajectorySource, **where: Any) -> list[int]:
    """The row numbers of a stream."""
    return [each.row async for each in source.stream_rows(**where)]


async def until(kind: type[E], stream: AsyncIterator[T]) -> tuple[list[T], E]:
    """What a stream gives before it raises, and what it raises."""
    seen: list[T] = []
    try:
        async for each in stream:
            seen.append(each)
    except kind as error:
        return seen, error
    raise AssertionError(f"no {kind.__name__}")


def choose_layout(schema: pa.Schema, options: ReadOptions, head: pa.RecordBatch | None = None) -> Layout:
    """The layout of a file with these columns, as `explain_layout` finds it of one whose first rows are `head`."""
    candidates, ruled_out = fitting_layouts(schema, "a.parquet", options)
    choice = judge_layouts(candidates, ruled_out, head, options)
    if choice.layout is None:
        raise refusal_of(choice, schema, "a.parquet")
    return choice.layout


def trajectories_of(
    batch: pa.RecordBatch, repo: str, first_row: int, style: Style = "messages"
) -> Iterator[Trajectory | Unreadable]:
    """What the rows of a batch become, in whatever layout it is."""
    layout = choose_layout(batch.schema, ReadOptions(style=style))
    place = RowLocation(repo, "0" * 40, "data/a.parquet", first_row, first_row)
    for _, found in convert(batch, place, layout, STYLES[style]):
        yield found if isinstance(found, Unreadable) else found.trajectory
