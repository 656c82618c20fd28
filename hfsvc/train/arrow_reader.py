"""An Arrow reader over a dataset for scripts and worker processes that run no event loop."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import anyio
import msgspec
import pyarrow as pa

from hfsvc.containers import open_container
from hfsvc.models import RowForm
from hfsvc.settings import Settings, load_settings


class _Asked(TypedDict):
    columns: Sequence[str] | str | None
    form: RowForm
    cursor_column: str | None
    limit: int | None
    start: int
    stop: int | None
    shard: tuple[int, int] | None
    cursor: str | None
    stripe: bool


def open_reader(
    name: str | os.PathLike[str],
    *,
    columns: Sequence[str] | str | None = None,
    form: RowForm = "stored",
    cursor_column: str | None = None,
    start: int = 0,
    stop: int | None = None,
    shard: tuple[int, int] | None = None,
    cursor: str | None = None,
    stripe: bool = False,
    limit: int | None = None,
    root: str | Path | None = None,
    settings: Settings | None = None,
    **reading: Any,
) -> pa.RecordBatchReader:
    """An Arrow reader over the rows of a dataset, as `BatchSource.to_reader` gives it, without an event loop of the caller's.

    Args:
        name: As ``container.source`` takes it.
        columns: As for `BatchSource.to_reader`, like the next two.
        form: What rows are.
        cursor_column: A name for one more column, of cursors.
        start: As for `TrajectorySource.stream_rows`, like the next five.
        stop: Row to stop before.
        shard: A part of the rows.
        cursor: Go on after its row.
        stripe: Parts are every n-th row.
        limit: Most rows.
        root: Of the store, instead of the settings' own.
        settings: From the environment, unless given.
        reading: As for ``container.source``, ``where`` among them.

    Raises:
        HfsvcError: As `BatchSource.to_reader`.
    """
    given = settings or load_settings(os.environ)
    chosen = given if root is None else msgspec.structs.replace(given, root=Path(root))
    asked = _Asked(
        columns=columns,
        form=form,
        cursor_column=cursor_column,
        limit=limit,
        start=start,
        stop=stop,
        shard=shard,
        cursor=cursor,
        stripe=stripe,
    )
    # A loop may be running in this thread.
    with ThreadPoolExecutor(1, thread_name_prefix="hfsvc-open-reader") as thread:
        return thread.submit(anyio.run, partial(_open, chosen, name, asked, reading)).result()


async def _open(
    settings: Settings, name: str | os.PathLike[str], asked: _Asked, reading: dict[str, Any]
) -> pa.RecordBatchReader:
    async with open_container(settings) as container:
        return await container.source(name, **reading).to_reader(**asked)
