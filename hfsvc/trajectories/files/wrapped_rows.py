"""The rows inside of a JSON document that is an object around them, and those that are a bare list of messages. Pure.

An object has them as a list under one of its keys, or as a row a key.

Source: dumps of tables (``{"data": […]}``), logs of Inspect (``samples``), rows by id as SWE-bench's tools keep them.
"""

from collections.abc import Iterator, Mapping
from itertools import chain, islice

import msgspec

from hfsvc.trajectories.files.json_documents import Document
from hfsvc.trajectories.files.lenient_json import read_json

_WRAPPERS = (
    "data",
    "rows",
    "samples",
    "trajectories",
    "train",
    "test",
    "validation",
    "examples",
    "instances",
    "records",
)
# What a row of a conversation has, and no object around rows.
_ROWS = frozenset({
    *("messages", "conversations", "conversation", "trajectory", "traj", "trace", "history", "steps", "events"),
    *("completion", "chosen", "answers", "contents"),
})  # fmt: skip
Object = Mapping[str, msgspec.Raw]
_read = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def unwrapped(documents: Iterator[Document]) -> Iterator[Document]:
    """The documents; of a single one that is an object around rows, those. A list of messages becomes an object around it."""
    head = list(islice(documents, 2))
    inner = _rows_in(head[0].text) if len(head) == 1 else None
    if inner is None:
        yield from map(_as_row, chain(head, documents))
    else:
        yield from (_as_row(Document(text=text, index=index)) for index, text in enumerate(inner))


def _as_row(document: Document) -> Document:
    if not _is_conversation(document.text):
        return document
    text = b'{"messages": ' + document.text.strip() + b"}"
    return Document(text=text, line=document.line, index=document.index)


def _is_conversation(text: bytes) -> bool:
    """Whether a text is a list of objects that are no rows."""
    if not text.lstrip().startswith(b"["):
        return False
    try:
        found = read_json(text).value
    except (ValueError, RecursionError):
        return False
    return bool(found) and all(isinstance(each, dict) and not each.keys() & _ROWS for each in found)


def _rows_in(text: bytes) -> list[bytes] | None:
    found = _object(text)
    if found is None or found.keys() & _ROWS:
        return None
    key = next((name for name in _WRAPPERS if name in found), next(iter(found)) if len(found) == 1 else None)
    listed = bytes(found[key]) if key is not None else b""
    if listed.startswith(b"["):
        rows = [bytes(each) for each in _read_list(listed)]
        return rows if rows and (all(map(_is_row, rows)) or all(map(_is_conversation, rows))) else None
    by_id = {name: bytes(value) for name, value in found.items()}
    return [_named(name, row) for name, row in by_id.items()] if by_id and all(map(_is_row, by_id.values())) else None


def _object(text: bytes) -> Object | None:
    try:
        return _read(text)
    except (ValueError, RecursionError):
        return None


def _is_row(text: bytes) -> bool:
    found = _object(text)
    return found is not None and bool(found.keys() & _ROWS)


def _named(name: str, row: bytes) -> bytes:
    """A row with the key that it stood under."""
    if "id" in (_object(row) or {}):
        return row
    return b'{"id": ' + msgspec.json.encode(name) + b", " + row.lstrip()[1:]
