"""Small datasets in the shapes of public ones, each with what is right for it.

They are read from the folder that HFSVC_TEST_DATA names; without it these tests are skipped.
"""

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from hfsvc.models import TrajectoryRow
from tests.trajectories.tables import open_source

DATA = os.environ.get("HFSVC_TEST_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="HFSVC_TEST_DATA names no folder with cases")


class Right(NamedTuple):
    """What the rows of a case hold, all documents together; `answered` are calls with a result that names them."""

    documents: int
    steps: int
    calls: int = 0
    answered: int = 0


# Of those that are not here, a notation is what is told apart, not a layout.
LAYOUTS = {
    "hf-json-messages": Right(2, 6, 2, 2),
    "hf-json-content": Right(2, 4),
    "list-of-json-texts": Right(1, 2),
    "two-columns-in-turn": Right(3, 6),
    "openhands-events": Right(1, 3, 2, 1),
    "harbor-job-with-logs": Right(1, 2, 1, 1),
}


def files_of(case: str) -> dict[str, bytes]:
    folder = Path(DATA or "", "cases", case)
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


async def rows_of(root: Path, case: str, **options: str) -> list[TrajectoryRow]:
    source = await open_source(root, files_of(case), **options)
    return [row async for row in source.stream_rows()]


def counted(rows: list[TrajectoryRow]) -> Right:
    steps = [step for row in rows for step in row.trajectory.steps]
    calls = [(step, call.tool_call_id) for step in steps for call in step.tool_calls or ()]
    answered = [
        id
        for step, id in calls
        if any(each.source_call_id == id for each in (step.observation.results if step.observation else ()))
    ]
    return Right(len(rows), len(steps), len(calls), len(answered))


@pytest.mark.parametrize("case", LAYOUTS)
async def test_a_case_is_read_as_it_is_meant(root: Path, case: str) -> None:
    rows = await rows_of(root, case, style="structured")
    assert counted(rows) == LAYOUTS[case]


@pytest.mark.parametrize("case", LAYOUTS)
async def test_no_step_of_a_case_is_empty(root: Path, case: str) -> None:
    for row in await rows_of(root, case, style="structured"):
        for step in row.trajectory.steps:
            assert step.message or step.tool_calls or step.observation or step.reasoning_content


async def test_texts_out_of_json_have_no_quotes(root: Path) -> None:
    for row in await rows_of(root, "hf-json-content"):
        assert [step.message for step in row.trajectory.steps] == ["q", "a"]


async def test_who_speaks_in_columns_in_turn(root: Path) -> None:
    rows = await rows_of(root, "two-columns-in-turn")
    assert Counter(step.source for row in rows for step in row.trajectory.steps) == {"user": 3, "agent": 3}
