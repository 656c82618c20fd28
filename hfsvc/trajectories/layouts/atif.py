"""The layout ``atif``: rows of JSON files that are ATIF documents already. Pure.

They are handed on as they are, in every style, once they are found valid.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from hfsvc.atif import Trajectory, check
from hfsvc.models import SUMMARY_FIELDS, LayoutName, ReadOptions
from hfsvc.trajectories.files.json import DOCUMENT
from hfsvc.trajectories.layouts.conversation import Unreadable
from hfsvc.trajectories.layouts.message_counts import MessageCounts, counts_of_rows

# What only documents have together; their other fields may be missing.
_KEYS = ("schema_version", "agent", "steps")
# What of a summary is looked for in a document's `extra`. Which field of it is the row's own key, nobody can say.
_EXTRA = tuple(name for name in SUMMARY_FIELDS if name not in {"agent", "model", "key"})


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


class DocumentMetadata:
    """What documents say of themselves; `run_id` is their session where nothing else is."""

    def __init__(self) -> None:
        self.columns: Mapping[str, tuple[str, ...]] = dict.fromkeys(("agent", "model", *_EXTRA), (DOCUMENT,))

    def texts(self, batch: pa.RecordBatch, names: Collection[str]) -> dict[str, list[str | None]]:
        said = [_said(head) for head in _heads(batch)]
        return {name: [each.get(name) for each in said] for name in self.columns if name in names}


def _said(head: _Head) -> dict[str, str | None]:
    extra = head.extra or {}
    said = {"agent": head.agent.name, "model": head.agent.model_name, "run_id": head.session_id}
    return said | {name: str(extra[name]) for name in _EXTRA if extra.get(name) is not None}


class AtifLayout:
    """Rows that are documents."""

    name: LayoutName = "atif"
    messages = DOCUMENT

    def __init__(self) -> None:
        self.metadata = DocumentMetadata()

    @property
    def columns(self) -> list[str]:
        return [DOCUMENT]

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Trajectory | Unreadable]:
        return map(_checked, _documents(batch))

    def leaves_to_count(self, leaves: list[str]) -> list[str]:
        return [DOCUMENT]

    def count(self, batch: pa.RecordBatch) -> list[int]:
        return [len(head.steps) for head in _heads(batch)]

    def message_counts(self, batch: pa.RecordBatch) -> MessageCounts:
        return counts_of_rows(self.conversations(batch))


def fit(schema: pa.Schema, options: ReadOptions) -> list[AtifLayout] | str:
    """The reader of a file with these columns, or what they lack to be documents."""
    if DOCUMENT not in schema.names:
        return "it is no file of JSON"
    missing = [key for key in _KEYS if key not in schema.names]
    if missing and options.layout != AtifLayout.name:
        return f"its objects have no {' and no '.join(missing)}"
    return [AtifLayout()]


def _documents(batch: pa.RecordBatch) -> list[bytes | None]:
    # As bytes: one that is no UTF-8 must not take the others with it.
    documents: list[bytes | None] = batch.column(DOCUMENT).cast(pa.large_binary()).to_pylist()
    return documents


def _checked(document: bytes | None) -> Trajectory | Unreadable:
    if document is None:
        return Unreadable(None, "it is null")
    report = check(document)
    if report.trajectory:
        return report.trajectory
    first, *others = report.errors
    more = f", and {len(others)} more" if others else ""
    return Unreadable(None, f"it is no valid ATIF document: {first}{more}")


def _heads(batch: pa.RecordBatch) -> Iterator[_Head]:
    for document in _documents(batch):
        try:
            yield _read_head(document or b"{}")
        except (ValueError, RecursionError):
            yield _Head()
