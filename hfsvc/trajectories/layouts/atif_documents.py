"""ATIF documents out of columns: whole in one of them, or a column a field, nested or as JSON texts. Pure.

Source: what `hfsvc export` writes as parquet, and what `datasets` makes of files of documents.
"""

from typing import Any

import msgspec
import pyarrow as pa

from hfsvc.atif import Trajectory
from hfsvc.trajectories.files.arrow_values import is_binary, values_of, written_texts
from hfsvc.trajectories.files.lenient_json import read_json

# What holds the whole document, where columns cannot: see `hfsvc.trajectories.columns.atif_columns`.
WHOLE = "document"
_FIELDS = frozenset(Trajectory.__struct_fields__)
COLUMNS = _FIELDS | {WHOLE}
"""The columns that are read where a column is a field."""

# Texts under these names are meant as texts.
_TEXTS = frozenset({"message", "content", "notes", "text", "reasoning_content", "reasoning_effort"})
# What is below these names is free.
_FREE = frozenset({"extra", "arguments", "tool_definitions"})
_MEDIA = ("media_type", "path", "duration_sec")
_NO_DOCUMENT = "it is no ATIF document: it has no "


class NoDocument(ValueError):
    """A value is something else than a document. The argument says what it lacks."""


def documents_in(column: pa.Array) -> list[bytes | NoDocument | None]:
    """The documents that a column holds whole, as JSON."""
    values = written_texts(column) if is_binary(column.type) else values_of(column)
    return [_document(value) for value in values]


def documents_of(batch: pa.RecordBatch) -> list[bytes | NoDocument | None]:
    """The documents whose fields are columns, as JSON."""
    names = [name for name in batch.schema.names if name in _FIELDS]
    columns = [values_of(batch.column(name)) for name in names]
    whole = values_of(batch.column(WHOLE)) if WHOLE in batch.schema.names else [None] * batch.num_rows
    rows = zip(*columns, strict=True)
    return [
        text.encode() if isinstance(text, str) else _document(dict(zip(names, row, strict=True)))
        for text, row in zip(whole, rows, strict=True)
    ]


def _document(value: Any) -> bytes | NoDocument | None:
    found = _parsed(value)
    if found is None:
        return None
    if not isinstance(found, dict):
        return NoDocument(f"{_NO_DOCUMENT}fields")
    if missing := [name for name in ("agent", "steps") if found.get(name) is None]:
        return NoDocument(f"{_NO_DOCUMENT}{' and no '.join(missing)}")
    return msgspec.json.encode(_restored(found))


def _parsed(value: Any) -> Any:
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return read_json(value).value
    except (ValueError, RecursionError):
        return value


def _restored(value: Any) -> Any:
    """A document, or a part of it, as the format has it."""
    if isinstance(value, list):
        return [_restored(_parsed(each)) for each in value]
    if not isinstance(value, dict):
        return value
    fields = {name: each for name, each in value.items() if each is not None}
    for name, other in (("message", "message_parts"), ("content", "content_parts")):
        if other in fields:
            fields[name] = fields.pop(other)
    if "reasoning_effort_number" in fields:
        fields["reasoning_effort"] = fields.pop("reasoning_effort_number")
    if fields.get("type") in {"image", "audio"} and "source" not in fields:
        fields["source"] = {name: fields.pop(name) for name in _MEDIA if name in fields}
    return {name: _member(name, each) for name, each in fields.items()}


def _member(name: str, value: Any) -> Any:
    if name in _TEXTS:
        return [_restored(each) for each in value] if isinstance(value, list) else value
    found = _parsed(value)
    if name in _FREE:
        return [_parsed(each) for each in found] if isinstance(found, list) else found
    return _restored(found)
