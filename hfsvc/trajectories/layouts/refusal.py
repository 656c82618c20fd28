"""The words for a file of unknown shape, in three lines. Pure."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from hfsvc.models import LayoutName
from hfsvc.trajectories.files.json import DOCUMENT
from hfsvc.trajectories.files.run_results import RUN_COLUMNS
from hfsvc.trajectories.files.session_logs import SESSION
from hfsvc.trajectories.layouts.conversation import LIKELY_COLUMNS
from hfsvc.trajectories.layouts.nearest import NearestColumn

LONGEST_TYPE = 60
_BY_KEYS: Mapping[tuple[str | None, str | None], LayoutName] = {
    ("role", "content"): "openai",
    ("from", "value"): "sharegpt",
    ("role", "text"): "swe-agent",
}
_OTHERS = (
    "events of OpenHands, logs of agents, turns by session, ATIF documents, prompt and completion, query and answers, "
    "texts with marks of speakers"
)
# Columns that no file has, but readers make.
_MADE = frozenset({DOCUMENT, SESSION, *RUN_COLUMNS.values()})


def nothing_fits(schema: pa.Schema, ruled_out: Sequence[tuple[LayoutName, str]], near: NearestColumn | None) -> str:
    """What is said of a file of unknown shape: what it has, what was looked for, and what comes nearest.

    Args:
        schema: Its columns.
        ruled_out: What it lacks, by layout.
        near: The column that looks most like messages.
    """
    name, reason = _by_keys(near) or max(ruled_out, key=lambda each: _nearness(*each))
    advice = f"{', '.join(near.keys)} in {near.column!r}: {near.advice()}" if near else "--column messages=NAME"
    return (
        f"its columns fit no layout; it has {listed(schema)}.\n"
        f"Looked for were role and content, or from and value, in a column {', '.join(LIKELY_COLUMNS)}; and {_OTHERS}.\n"
        f"Nearest is the layout {name}: {reason}. Say where messages are: {advice}"
    )


def _by_keys(near: NearestColumn | None) -> tuple[LayoutName, str] | None:
    """The layout whose keys the objects of a column have, where only the column's name is unknown."""
    if near is None or near.column in LIKELY_COLUMNS:
        return None
    name = _BY_KEYS.get((near.role, near.content))
    return name and (name, f"{near.column!r} has {near.role} and {near.content}, and is no column that is looked at")


def _nearness(name: LayoutName, reason: str) -> int:
    """How much of a layout a file has, as what it lacks tells."""
    if name == "frameworks":
        # It looks into columns of many names; a person would name one for plain messages.
        return -1
    if reason.startswith("it has ") and " columns '" in reason and not reason.startswith("it has no "):
        return 4
    if reason.startswith(("the messages in", "the role", "the content", "the value", "the text", "the from")):
        return 3
    if reason.startswith("'"):
        return 3 if name == "json" else 2
    return int(reason.startswith("its column "))


def listed(schema: pa.Schema) -> str:
    """The columns of a file and their types, in words."""
    names = [f"{field.name} ({_short(field.type)})" for field in schema if field.name not in _MADE]
    return ", ".join(names) or "no columns"


def _short(kind: pa.DataType) -> str:
    text = str(kind)
    return text if len(text) <= LONGEST_TYPE else f"{text[:LONGEST_TYPE]}…"
