"""The format ``prompt-completion``, for trainers without loss masks: a row an answer, after all that came before. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from hfsvc.export.kept import with_kept
from hfsvc.export.lines import json_line
from hfsvc.export.trainers import MESSAGE, openai_row, tabled_message
from hfsvc.models import TrajectoryRow
from hfsvc.trajectories.columns.column_kinds import batch_of, json_text

SCHEMA = pa.schema({"prompt": pa.list_(MESSAGE), "completion": pa.list_(MESSAGE), "tools": pa.string()})
Json = dict[str, Any]


def completion_rows(chat: Json) -> Iterator[Json]:
    """A row for each answer of a chat that something stands before.

    Args:
        chat: A row of the format ``openai``.
    """
    messages = chat["messages"]
    tools = {name: chat[name] for name in ("tools",) if name in chat}
    for number, message in enumerate(messages):
        if number and message["role"] == "assistant":
            yield {"prompt": messages[:number], "completion": [message], **tools}


def completion_lines(row: TrajectoryRow) -> bytes:
    """The rows of a trajectory, a line each."""
    return b"".join(json_line(with_kept(each, row)) for each in completion_rows(openai_row(row)))


def completions_batch(rows: Sequence[TrajectoryRow]) -> pa.RecordBatch:
    """The rows of trajectories as a batch of `SCHEMA`: the tools as JSON text, since their schemas differ."""
    return batch_of([_tabled(each) for row in rows for each in completion_rows(openai_row(row))], SCHEMA)


def _tabled(row: Json) -> Json:
    made = {name: [tabled_message(each) for each in row[name]] for name in ("prompt", "completion")}
    return {**made, "tools": json_text(row["tools"]) if "tools" in row else None}
