"""Files of a row a turn, as rows of a session each. Everything here blocks: call it from a worker thread.

Source: SALT-NLP/SWE-chat (2026), whose rows are turns with a session's id; chat logs that are tables.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pyarrow as pa

from hfsvc.trajectories.files.arrow_values import written_texts
from hfsvc.trajectories.files.base import RowFile, RowGroup

GROUPED = b"hfsvc.session"
"""What the schema's metadata names the session's column by."""

SESSIONS = (
    "session_id",
    "conversation_id",
    "trajectory_id",
    "traj_id",
    "dialogue_id",
    "thread_id",
    "chat_id",
    "episode_id",
    "sessionId",
    "conversationId",
    "conversation_hash",
    "conv_id",
    "dialog_id",
    "session",
    "thread",
    "trace_id",
    "run_id",
    "trial_name",
    "instance_id",
    "task_id",
)
SPEAKERS = ("role", "turn_type", "from", "speaker", "author", "sender")
TEXTS = ("content", "text", "value", "message", "utterance")
ORDERS = (
    "turn_index",
    "turn_number",
    "turn_id",
    "turn",
    "message_index",
    "step_index",
    "step",
    "position",
    "index",
    "seq",
    "turn_idx",
    "turn_no",
    "message_idx",
    "message_id",
    "idx",
    "seq_no",
    "order",
)
TIMES = ("timestamp", "created_at", "time")
"""Columns that say when a turn was, where none numbers them."""
# A file that has one of these holds a conversation a row.
_WHOLE = frozenset({
    *("messages", "conversations", "conversation", "trajectory", "traj", "trace", "history", "steps", "events"),
    *("completion", "chosen", "answers"),
})  # fmt: skip


def session_column(schema: pa.Schema) -> str | None:
    """The column that says which session a turn is of; None for a file that has a conversation a row. Pure."""
    names = {*schema.names}
    if names & _WHOLE or not (names & {*SPEAKERS} and names & {*TEXTS}):
        return None
    return next((name for name in SESSIONS if schema.names.count(name) == 1), None)


class TurnRowFile:
    """An open file of turns as one of sessions: every column is a list of what the turns of a session have.

    Sessions come in the order of their first turns. Where the turns of one lie apart, all between them is held in memory.

    Args:
        turns: The file; stays open.
        session: The column that says which session a turn is of.
    """

    def __init__(self, turns: RowFile, session: str) -> None:
        self._turns = turns
        self._sessions = _places(_column(turns, session))
        once = [field for field in turns.schema if turns.schema.names.count(field.name) == 1]
        self.schema: pa.Schema = pa.schema(
            [pa.field(field.name, pa.list_(field.type)) for field in once], {GROUPED: session.encode()}
        )
        self._order = next((name for name in (*ORDERS, *TIMES) if name in self.schema.names), None)
        self.rows = len(self._sessions)

    @property
    def leaves(self) -> list[str]:
        return [*self.schema.names]

    @property
    def groups(self) -> tuple[RowGroup, ...]:
        size = sum(group.size for group in self._turns.groups)
        return (RowGroup(0, self.rows, size),) if self.rows else ()

    def batches(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        ordered_by = [self._order] if self._order else []
        read: list[str] = list(dict.fromkeys([*columns, *ordered_by]))
        held = _HeldRows(self._turns, read)
        for number in range(start, self.rows):
            turns = held.take(self._sessions[number])
            if self._order:
                places = _in_order(written_texts(_joined(turns.column(self._order))))
                turns = turns.take(pa.array(places, pa.int64()))
            yield number, pa.RecordBatch.from_arrays([_as_list(turns.column(name)) for name in columns], names=columns)


class _HeldRows:
    """Rows of a file by their numbers, asked for by growing first number; what lies before that is let go."""

    def __init__(self, rows: RowFile, columns: list[str]) -> None:
        self._rows = rows
        self._columns = columns
        self._batches: Iterator[tuple[int, pa.RecordBatch]] | None = None
        self._held: list[tuple[int, pa.RecordBatch]] = []

    def take(self, numbers: Sequence[int]) -> pa.Table:
        first, last = numbers[0], numbers[-1]
        if self._batches is None:
            self._batches = self._rows.batches(self._columns, first)
        while not self._held or _stop(self._held[-1]) <= last:
            row, batch = next(self._batches)
            self._held.append((row, batch.select(self._columns)))
        self._held = [each for each in self._held if _stop(each) > first]
        begin = self._held[0][0]
        table = pa.Table.from_batches([batch for _, batch in self._held])
        return table.take(pa.array([number - begin for number in numbers], pa.int64()))


def _stop(held: tuple[int, pa.RecordBatch]) -> int:
    return held[0] + len(held[1])


def _column(rows: RowFile, name: str) -> list[object]:
    return [value for _, batch in rows.batches([name], 0) for value in batch.column(name).to_pylist()]


def _places(sessions: Sequence[object]) -> list[list[int]]:
    found: dict[object, list[int]] = {}
    for row, session in enumerate(sessions):
        # Turns of no session are one each.
        found.setdefault(("row", row) if session is None else session, []).append(row)
    return [*found.values()]


def _in_order(values: Sequence[str | None]) -> list[int]:
    """The places of turns as a column numbers or dates them; as they stand where it does not do so for all of them."""
    for read in (float, _moment):
        try:
            return sorted(range(len(values)), key=[read(value or "") for value in values].__getitem__)
        except (ValueError, TypeError):
            continue
    return [*range(len(values))]


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _joined(column: pa.ChunkedArray) -> pa.Array:
    values = column.combine_chunks()
    return values.chunk(0) if isinstance(values, pa.ChunkedArray) else values


def _as_list(column: pa.ChunkedArray) -> pa.Array:
    values = _joined(column)
    return pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)
