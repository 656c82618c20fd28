"""Full-text search: where a run says some words, and over REST which rows do."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hfsvc import atif
from hfsvc.server.message_search import find_text
from hfsvc.testing import FakeTrajectorySource
from tests.server.worlds import error_of, open_world, trajectory


def of_step(**fields: Any) -> atif.Trajectory:
    step = msgspec.structs.replace(atif.Step(step_id=3, source="agent", message=""), **fields)
    return msgspec.structs.replace(trajectory(), steps=[step])


@pytest.mark.parametrize(
    "document",
    [
        of_step(message="so the Needle\n  lies here"),
        of_step(message=[atif.TextPart(text="a needle lies")]),
        of_step(reasoning_content="NEEDLE LIES"),
        of_step(
            tool_calls=[atif.ToolCall(tool_call_id="1", function_name="f", arguments={"a": [{"b": "needle lies"}]})]
        ),
        of_step(observation=atif.Observation(results=[atif.ObservationResult(content="needle\tlies")])),
    ],
    ids=["message", "parts", "reasoning", "call", "observation"],
)
def test_words_are_found_wherever_they_are_said(document: atif.Trajectory) -> None:
    hit = find_text(document, " needle  LIES")
    assert hit is not None
    assert (hit.step, hit.found.lower()) == (3, "needle lies")
    assert find_text(document, "no needle lies") is None


async def test_rows_come_as_they_are_found_with_progress(root: Path) -> None:
    rows = [trajectory(f"t{row}", message="needle" if row % 60 == 1 else "hay") for row in range(130)] + [None]

    def make(_: str, **options: Any) -> FakeTrajectorySource:
        return FakeTrajectorySource(rows, on_bad_row=options["on_bad_row"])

    async with open_world(root, source=make) as world:
        answer = await world.client.get("/api/search", params={"text": "NEEDLE"})
        lines = [msgspec.json.decode(line) for line in answer.content.splitlines()]
        assert [(line["row"], line["task"], line["hit"]["step"]) for line in lines if "hit" in line] == [
            (1, "t1", 1),
            (61, "t61", 1),
            (121, "t121", 1),
        ]
        assert [line["progress"]["rows"] for line in lines if "progress" in line] == [0, 50, 100]
        assert lines[-1] == {"ended": {"rows": 130, "total": 131, "found": 3, "bad": 1}}
        few = await world.client.get("/api/search", params={"text": "needle", "limit": 1, "query": "task:t61"})
        assert msgspec.json.decode(few.content.splitlines()[1])["row"] == 61
        for wrong in ("text=", "text=needle&limit=0"):
            refused = await world.client.get(f"/api/search?{wrong}")
            assert (refused.status_code, error_of(refused)["code"]) == (400, "invalid_request")
