"""The layout ``atif``: rows that are ATIF documents already, as objects of a JSON file or in columns. Pure.

They are handed on as they are, in every style, once they are found valid.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from hfsvc.atif import Trajectory, check
from hfsvc.models import SUMMARY_FIELDS, LayoutName, ReadOptions
from hfsvc.trajectories.files.arrow_values import is_binary, is_text
from hfsvc.trajectories.files.json import DOCUMENT
from hfsvc.trajectories.files.run_results import RUN_COLUMNS
from hfsvc.trajectories.layouts.atif_documents import COLUMNS, NoDocument, documents_in, documents_of
from hfsvc.trajectories.layouts.conversation import LIKELY_COLUMNS, Unreadable
from hfsvc.trajectories.layouts.message_counts import CountedByRow

# What only documents have together; their other fields may be missing.
_KEYS = ("schema_version", "agent", "steps")
# What of a summary is looked for in a document's `extra`. Which field of it is the row's own key, nobody can say.
_EXTRA = tuple(name for name in SUMMARY_FIELDS if name not in {"agent", "model", "key"})

NOTHING: Mapping[str, str] = {}


class _Agent(msgspec.Struct, frozen=True):
    name: str | None = None
    model_name: str | None = None


class _Head(msgspec.Struct, frozen=True):
    """A document without its steps, of which only the number is read."""

    session_id: str | None = None
    agent: _Agent = _Agent()
    steps: list[msgspec.Raw] = []
    extra: dict[str, Any] | None = None


_read_head = msgspec.json.Decoder(_Head).decode


ReadDocuments = Callable[[pa.RecordBatch], list[bytes | NoDocument | None]]


class DocumentMetadata:
    """What documents say of themselves; `run_id` is their session where nothing else is."""

    def __init__(self, columns: Sequence[str], documents: ReadDocuments, beside: Mapping[str, str] = NOTHING) -> None:
        self.columns: Mapping[str, tuple[str, ...]] = {
            **dict.fromkeys(("agent", "model", *_EXTRA), tuple(columns)),
            **{name: (*columns, column) for name, column in beside.items()},
        }
        self._documents = documents
        self._beside = beside

    def texts(self, batch: pa.RecordBatch, names: Collection[str]) -> dict[str, list[str | None]]:
        said = [_said(head) for head in map(_head, self._documents(batch))]
        for name in filter(self._beside.__contains__, names):
            told = batch.column(self._beside[name]).to_pylist()
            said = [{name: each} | row for each, row in zip(told, said, strict=True)]
        return {name: [each.get(name) for each in said] for name in self.columns if name in names}


def _said(head: _Head) -> dict[str, str | None]:
    extra = head.extra or {}
    said = {"agent": head.agent.name, "model": head.agent.model_name, "run_id": head.session_id}
    return said | {name: str(extra[name]) for name in _EXTRA if extra.get(name) is not None}


class AtifLayout(CountedByRow):
    """Rows that are documents.

    Args:
        columns: Those that hold them.
        documents: The documents in a batch with these columns.
        beside: Columns that hold what documents say nothing of, by what summaries call it.
    """

    name: LayoutName = "atif"

    def __init__(self, columns: Sequence[str], documents: ReadDocuments, beside: Mapping[str, str] = NOTHING) -> None:
        self.messages = columns[-1]
        self.columns = [*columns, *beside.values()]
        self.metadata = DocumentMetadata(columns, documents, beside)
        self._documents = documents

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Trajectory | Unreadable]:
        return (_checked(document, self.messages) for document in self._documents(batch))

    def leaves_to_count(self, leaves: list[str]) -> list[str]:
        return self.columns

    def count(self, batch: pa.RecordBatch) -> list[int]:
        return [len(head.steps) for head in map(_head, self._documents(batch))]


def fit(schema: pa.Schema, options: ReadOptions) -> list[AtifLayout] | str:
    """The readers of a file with these columns, or what they lack to be documents."""
    missing = [key for key in _KEYS if key not in schema.names]
    found = [_in_column(name) for name in _whole_columns(schema, options)]
    if DOCUMENT in schema.names:
        if not missing or options.layout == AtifLayout.name:
            beside = {name: column for name, column in RUN_COLUMNS.items() if column in schema.names}
            found.insert(0, AtifLayout([DOCUMENT], _texts, beside))
    elif not missing:
        found.insert(0, AtifLayout([*filter(COLUMNS.__contains__, schema.names)], documents_of))
    return found or f"its rows have no {' and no '.join(missing)}"


def _whole_columns(schema: pa.Schema, options: ReadOptions) -> list[str]:
    wanted = (options.columns["messages"],) if "messages" in options.columns else ("atif", "document", *LIKELY_COLUMNS)
    once = [name for name in wanted if schema.names.count(name) == 1]
    return [name for name in once if _may_be_document(schema.field(name).type)]


def _may_be_document(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return {"agent", "steps"} <= {field.name for field in kind}
    return (is_text(kind) or is_binary(kind)) and not pa.types.is_null(kind)


def _in_column(name: str) -> AtifLayout:
    return AtifLayout([name], lambda batch: documents_in(batch.column(name)))


def _texts(batch: pa.RecordBatch) -> list[bytes | NoDocument | None]:
    # As bytes: one that is no UTF-8 must not take the others with it.
    return [*batch.column(DOCUMENT).cast(pa.large_binary()).to_pylist()]


def _checked(document: bytes | NoDocument | None, column: str) -> Trajectory | Unreadable:
    if document is None:
        return Unreadable(None, "it is null")
    if isinstance(document, NoDocument):
        return Unreadable(column, str(document))
    report = check(document)
    if report.trajectory:
        return report.trajectory
    first, *others = report.errors
    more = f", and {len(others)} more" if others else ""
    return Unreadable(None, f"it is no valid ATIF document: {first}{more}")


def _head(document: bytes | NoDocument | None) -> _Head:
    try:
        return _read_head(document if isinstance(document, bytes) else b"{}")
    except (ValueError, RecursionError):
        return _Head()
