"""JSON files as record batches of texts. Everything here blocks: call it from a worker thread.

A file holds one row a line, or an array of rows, or a single row, or an object around rows; compressed or not. Every key of its objects is a column.
Strings are what they are, any other value is its JSON text, null is null.
"""

import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from hfsvc.errors import BadDocuments, BadParquet
from hfsvc.trajectories.files.base import BATCH_BYTES, MAX_BATCH_ROWS, RowGroup, with_unreadable
from hfsvc.trajectories.files.dataset_files import OpenedFile
from hfsvc.trajectories.files.found_before import FoundBefore
from hfsvc.trajectories.files.json_documents import Document, read_documents
from hfsvc.trajectories.files.wrapped_rows import unwrapped

# Objects that are keyed by ids have as many keys as there are rows: those are no columns.
MAX_COLUMNS = 1000
DOCUMENT = "(document)"
"""The column that holds the whole row, as it stands in the file."""

# Of every value in a batch, beside its text: an offset, and a bit for null.
_CELL_BYTES = 9
Row = Mapping[str, msgspec.Raw | bytes] | str
_read_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_text = msgspec.json.Decoder(str).decode


class FileScan(NamedTuple):
    """How many rows a file has, and which columns: what a pass over it finds."""

    rows: int
    columns: tuple[str, ...]


_surveys: FoundBefore[FileScan] = FoundBefore()


class JsonRowFile:
    """An open JSON file.

    Its columns and its number of rows are found by a pass over it, once for as long as it does not change. Columns are the
    keys of all rows, by first appearance, up to `MAX_COLUMNS`, and `DOCUMENT`.

    Args:
        file: Stays open.
        name: For errors.

    Raises:
        BadParquet: It breaks off, is damaged, or is an array that does not end as it should.
    """

    def __init__(self, file: OpenedFile, name: str) -> None:
        self._file = file
        self._name = name
        self._survey = _surveys.find(file.identity, lambda: survey(each.text for each in self.documents()))
        if self._survey.rows and not self._survey.columns:
            self._check_objects()
        self.rows: int = self._survey.rows
        self.schema: pa.Schema = pa.schema([(key, pa.large_string()) for key in (*self._survey.columns, DOCUMENT)])

    @property
    def leaves(self) -> list[str]:
        return [*self.schema.names]

    @property
    def groups(self) -> tuple[RowGroup, ...]:
        # Lines can only be found by passing over those before them.
        return (RowGroup(0, self.rows, self._file.size),) if self.rows else ()

    def batches(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        for documents in group_documents(islice(self.documents(), start, None), len(columns)):
            yield start, batch_of(documents, columns)
            start += len(documents)

    def _check_objects(self) -> None:
        first = next(self.documents())
        if isinstance(reason := read_row(first.text), str):
            words = f"none of its rows is a JSON object: {_place(first)} {_why(first.text) or reason}"
            raise BadParquet(file=self._name, reason=words, hint="Write it in UTF-8, an object a line.")

    def documents(self) -> Iterator[Document]:
        """Its rows as they stand in it."""
        try:
            yield from unwrapped(read_documents(self._file.stream(), self._name, as_rows=True))
        except BadDocuments as error:
            raise BadParquet(file=error.file, reason=error.reason) from error


def survey(texts: Iterable[bytes]) -> FileScan:
    """The number of rows, and the keys of those that are objects. Pure."""
    columns: dict[str, None] = {}
    rows = 0
    for text in texts:
        rows += 1
        row = read_row(text)
        if not isinstance(row, str) and len(columns) < MAX_COLUMNS and not row.keys() <= columns.keys():
            columns |= dict.fromkeys(row)
    return FileScan(rows, tuple(islice(columns, MAX_COLUMNS)))


def group_documents(documents: Iterable[Document], columns: int) -> Iterator[list[Document]]:
    """Rows that make a batch together: at most `MAX_BATCH_ROWS` and `BATCH_BYTES`, or a single one. Pure."""
    group: list[Document] = []
    size = 0
    for document in documents:
        cost = len(document.text) + (columns + 2) * _CELL_BYTES
        if group and (size + cost > BATCH_BYTES or len(group) == MAX_BATCH_ROWS):
            yield group
            group, size = [], 0
        group.append(document)
        size += cost
    if group:
        yield group


def batch_of(documents: Sequence[Document], columns: Sequence[str]) -> pa.RecordBatch:
    """The columns of some rows; what is no JSON object is null in all of them, and noted as unreadable. Pure."""
    rows = [read_row(each.text) for each in documents]
    unreadable = {at: f"{_place(documents[at])} {row}" for at, row in enumerate(rows) if isinstance(row, str)}
    # Without any column, a batch would have no rows.
    names = [*columns] or [DOCUMENT]
    cells = [_documents_of(documents, rows) if name == DOCUMENT else _cells_of(rows, name) for name in names]
    # As bytes first: Arrow would refuse what is no UTF-8, and with it the rows around it.
    arrays = [pa.array(each, pa.large_binary()).view(pa.large_string()) for each in cells]
    return with_unreadable(pa.RecordBatch.from_arrays(arrays, names=names), unreadable)


def _place(document: Document) -> str:
    if document.line is not None:
        return f"line {document.line}"
    return "its text" if document.index is None else f"item {document.index} of its array"


def _why(text: bytes) -> str | None:
    """What a text is that is no JSON line; None where nobody can tell."""
    bare = text.strip()
    if text.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\0" in text:
        return "is UTF-16 or UTF-32, and must be UTF-8"
    if bare in {b"{", b"["}:
        return "only opens an object that is printed over several lines; JSON Lines have a whole one in each"
    if b"\r" in bare and b"\n" not in bare:
        return "goes on to the end of the file: its lines end in CR alone, and must in LF"
    return None


def _documents_of(documents: Sequence[Document], rows: Sequence[Row]) -> list[bytes | None]:
    return [None if isinstance(row, str) else each.text for each, row in zip(documents, rows, strict=True)]


def _cells_of(rows: Sequence[Row], key: str) -> list[bytes | None]:
    return [None if isinstance(row, str) or key not in row else read_cell(bytes(row[key])) for row in rows]


def read_row(text: bytes) -> Row:
    """The JSON text of every value of an object; else what is wrong, as the end of a sentence. Pure."""
    try:
        return _read_object(text)
    except msgspec.ValidationError:
        return "is no JSON object"
    except (ValueError, RecursionError):
        return _read_slowly(text)


def _read_slowly(text: bytes) -> Row:
    # Python's writer puts out NaN, which is no JSON, and halves of characters, which are no text; its reader takes both.
    try:
        found: Any = json.loads(text.decode())
        if not isinstance(found, dict):
            return "is no JSON object"
        # No name of a column can hold half a character.
        return {key.encode(errors="replace").decode(): json.dumps(value).encode() for key, value in found.items()}
    except RecursionError:
        return "is nested too deep"
    except ValueError as error:
        return f"is no JSON in UTF-8: {error}"


def read_cell(value: bytes) -> bytes | None:
    """What a column holds of a JSON value: a string's text in UTF-8, another value's JSON, None for null. Pure.

    Half a character, which UTF-8 does not know, comes as the bytes it would have there; whoever reads the text refuses it.
    """
    if not value.startswith(b'"'):
        return None if value == b"null" else value
    if b"\\" not in value:
        return value[1:-1]
    try:
        return _read_text(value).encode()
    except ValueError:
        text: str = json.loads(value.decode(errors="surrogateescape"))
        return text.encode(errors="surrogatepass")


def read_value(value: bytes) -> Any:
    """A JSON value as it is; half a character in a text becomes a question mark. Pure."""
    try:
        return msgspec.json.decode(value)
    except ValueError:
        found = json.loads(value.decode(errors="surrogateescape"))
        return found.encode(errors="replace").decode() if isinstance(found, str) else found
