from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.trajectories.files.base import RowGroup
from hfsvc.trajectories.files.turn_rows import TurnRowFile, session_column


class Rows(NamedTuple):
    """A file in memory, in batches of two rows."""

    table: pa.Table
    groups: tuple[RowGroup, ...] = ()

    @property
    def leaves(self) -> list[str]:
        return [*self.table.schema.names]

    @property
    def schema(self) -> pa.Schema:
        return self.table.schema

    @property
    def rows(self) -> int:
        return len(self.table)

    def batches(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        for batch in self.table.select(columns).slice(start).to_batches(max_chunksize=2):
            yield start, batch
            start += batch.num_rows


@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=12), st.booleans(), st.integers(0, 12))
def test_sessions_are_whole_and_in_order_wherever_turns_lie(
    sessions: list[str | None], ordered: bool, start: int
) -> None:
    columns = {"session_id": pa.array(sessions, pa.string()), "content": pa.array([*map(str, range(len(sessions)))])}
    if ordered:
        columns["turn"] = pa.array([-row for row in range(len(sessions))], pa.int64())
    found = TurnRowFile(Rows(pa.table(columns)), "session_id")
    expected: dict[object, list[str]] = {}
    for row, session in enumerate(sessions):
        expected.setdefault(session or row, []).append(str(row))
    whole = [rows[::-1] if ordered else rows for rows in expected.values()]
    assert found.rows == len(whole)
    read = [(number, batch.column("content").to_pylist()) for number, batch in found.batches(["content"], start)]
    assert read == [(number, [rows]) for number, rows in enumerate(whole)][start:]


@pytest.mark.parametrize(
    ("names", "session"),
    [
        (["session_id", "role", "content"], "session_id"),
        (["text", "speaker", "conversation_id"], "conversation_id"),
        (["session_id", "role"], None),
        (["session_id", "content"], None),
        (["role", "content"], None),
        (["session_id", "role", "content", "messages"], None),
        (["session_id", "session_id", "role", "content"], None),
    ],
)
def test_turns_have_a_session_a_speaker_and_a_text(names: list[str], session: str | None) -> None:
    assert session_column(pa.schema([(name, pa.string()) for name in names])) == session
