"""What of a row goes along with its trajectory on request: its columns, fields of its summary, where it comes from. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from hfsvc.errors import InvalidArgument
from hfsvc.models import SUMMARY_FIELDS
from hfsvc.trajectories.data_file import DataFile
from hfsvc.trajectories.files.arrow_values import values_of
from hfsvc.trajectories.files.json import DOCUMENT, read_row, read_value
from hfsvc.trajectories.layouts.conversation import RowLocation
from hfsvc.trajectories.layouts.metadata import columns_read

PLACES: dict[str, Callable[[RowLocation], str | int]] = {
    "row": lambda place: place.row,
    "file": lambda place: place.file,
    "dataset": lambda place: place.repo,
    "commit": lambda place: place.commit,
}
STEPS = "steps"
_PLAIN = str | int | float | bool | None


def check_kept(names: Sequence[str], files: Sequence[DataFile]) -> None:
    """Refuse names that no file knows.

    Raises:
        InvalidArgument: One of them is neither a column, nor a field of summaries, nor a place.
    """
    columns = dict.fromkeys(name for file in files for name in file.schema.names)
    known = [*PLACES, STEPS, *SUMMARY_FIELDS, *columns]
    for name in names:
        if name not in known:
            raise InvalidArgument(
                name="keep", given=repr(name), reason="no file has it", known=tuple(dict.fromkeys(known))
            )


def columns_kept(names: Sequence[str], file: DataFile) -> list[str]:
    """The columns that are read for these names."""
    known = file.layout.metadata
    own = [name for name in names if name in file.schema.names and name not in PLACES]
    if own and DOCUMENT in file.schema.names:
        own = [DOCUMENT]
    return [*dict.fromkeys([*columns_read(known, names), *own])]


def kept_of(batch: pa.RecordBatch, first: RowLocation, file: DataFile, names: Sequence[str]) -> list[dict[str, Any]]:
    """What every row of a batch has of these names; None where it has nothing."""
    objects = _objects(batch) if DOCUMENT in file.schema.names and DOCUMENT in batch.schema.names else None
    columns = [_values(name, batch, first, file, objects) for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _objects(batch: pa.RecordBatch) -> list[Mapping[str, Any]]:
    """The rows of a JSON file as objects: its columns are texts, and no longer say what a number was."""
    rows = (read_row(text) for text in batch.column(DOCUMENT).view(pa.large_binary()).to_pylist() if text is not None)
    found = (row if isinstance(row, Mapping) else {} for row in rows)
    return [next(found) if there else {} for there in batch.column(DOCUMENT).is_valid().to_pylist()]


def _values(
    name: str, batch: pa.RecordBatch, first: RowLocation, file: DataFile, objects: list[Mapping[str, Any]] | None
) -> list[Any]:
    if name in PLACES:
        places = (first._replace(row=first.row + row, file_row=first.file_row + row) for row in range(batch.num_rows))
        return list(map(PLACES[name], places))
    if name == STEPS and name not in file.schema.names:
        return file.layout.count(batch)
    if name in file.schema.names:
        if objects is not None and name != DOCUMENT:
            return [read_value(bytes(each[name])) if name in each else None for each in objects]
        return list(map(_plain, values_of(batch.column(name))))
    return file.layout.metadata.texts(batch, [name]).get(name) or [None] * batch.num_rows


def _plain(value: Any) -> Any:
    """A value as JSON has it: what is no plain value as the text of its JSON, where it is no list or object."""
    if isinstance(value, _PLAIN):
        return value
    return msgspec.to_builtins(value, enc_hook=str)
