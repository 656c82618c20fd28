import os
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given

from hfsvc import atif
from hfsvc.atif import Trajectory
from hfsvc.models import Style
from hfsvc.trajectories.layouts.conversation import Conversation, Message
from hfsvc.trajectories.styles.convert import STYLES
from hfsvc.trajectories.styles.to_rows import to_rows
from tests.trajectories.tables import open_source
from tests.trajectories.talks import conversations, convert, recorded_rows, rows_of, talk_of

DATA = os.environ.get("HFSVC_TEST_DATA")


def assert_round_trip(conversation: Conversation, style: Style) -> None:
    trajectory, fidelity = convert(conversation, style)
    assert to_rows(trajectory) == rows_of(conversation)
    # Also after the document has been written and read.
    report = atif.check(atif.encode(trajectory))
    assert report.valid, report.findings
    assert report.trajectory is not None
    if fidelity.exact:
        assert to_rows(report.trajectory) == rows_of(conversation)


@pytest.mark.parametrize("style", STYLES)
@given(conversation=conversations)
def test_every_row_comes_back_as_it_was(style: Style, conversation: Conversation) -> None:
    assert_round_trip(conversation, style)


@pytest.mark.skipif(not DATA, reason="HFSVC_TEST_DATA names no folder with real rows")
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("folder", ["sft_rows", "hub_layouts"])
def test_every_real_row_comes_back_as_it_was(style: Style, folder: str) -> None:
    rows = list(recorded_rows(Path(str(DATA)) / folder))
    assert rows
    for _, conversation in rows:
        assert_round_trip(conversation, style)
        assert convert(conversation, style)[1].exact


@pytest.mark.skipif(not DATA, reason="HFSVC_TEST_DATA names no folder with real rows")
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["agent-data-collection-os.jsonl", "agentinstruct-os.jsonl", "swe-gym-openhands-sampled.jsonl", "swe-gym-openhands-sampled.parquet", "swe-smith-trajectories.jsonl", "swe-smith-trajectories.parquet"])  # fmt: skip
async def test_every_real_row_comes_back_from_its_file(root: Path, style: Style, name: str) -> None:
    path = Path(str(DATA)) / "hub_layouts" / name
    source = await open_source(root, {f"data/{name}": path.read_bytes()}, style=style)
    found = [row async for row in source.stream_rows()]
    rows = [rows_of(row) for file, row in recorded_rows(path.parent) if file == f"{path.stem}.jsonl"]
    assert len(rows) == len(found)
    for row, expected in zip(found, rows, strict=True):
        assert atif.check(atif.encode(row.trajectory)).valid
        assert row.fidelity.exact
        # A column of structs has every field of every struct.
        assert list(map(without_nulls, to_rows(row.trajectory))) == list(map(without_nulls, expected))


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("style", STYLES)
def test_what_json_cannot_hold_is_no_exact_copy(style: Style) -> None:
    moment = Message("user", "a", {"sent": datetime(2026, 1, 5)})
    assert not convert(Conversation([moment], {}), style)[1].exact
    assert convert(talk_of("a", "b"), style)[1].exact


# ---- documents that never were a row --------------------------------------------------------------------------------


def document(*steps: dict[str, Any], **agent: Any) -> Trajectory:
    numbered = [{"step_id": number, "message": ""} | step for number, step in enumerate(steps, 1)]
    held = {"schema_version": "ATIF-v1.7", "agent": {"name": "a", "version": "1"} | agent, "steps": numbered}
    return msgspec.convert(held, Trajectory)


def observed(*contents: Any) -> dict[str, Any]:
    return {"results": [{"content": content} for content in contents]}


ANSWER: dict[str, Any] = {"source": "agent", "message": "done"}


def said(*steps: dict[str, Any], **agent: Any) -> list[tuple[str, Any]]:
    return [(row["role"], row["content"]) for row in to_rows(document(*steps, **agent))]


def test_an_agents_step_is_its_thinking_its_message_and_its_calls() -> None:
    call = {"tool_call_id": "c", "function_name": "f", "arguments": {"a": "é"}}
    step = {"source": "agent", "message": "m", "reasoning_content": "r", "tool_calls": [call, call]}
    block = '<tool_call>\n{"name": "f", "arguments": {"a": "é"}}\n</tool_call>'
    assert said(step) == [("assistant", f"<think>r</think>\nm\n{block}\n{block}")]


def test_a_step_that_says_nothing_is_an_empty_message() -> None:
    assert said({"source": "agent"}, {"source": "user"}) == [("assistant", ""), ("user", "")]


def test_thinking_that_was_opened_in_the_prompt_is_opened() -> None:
    assert said({"source": "agent", "message": "r</think>m"}) == [("assistant", "<think>r</think>m")]


def test_results_are_one_message_but_for_those_after_the_last_answer() -> None:
    step = {"source": "agent", "message": "m", "observation": observed("a", "", None, "b")}
    last = {"source": "agent", "message": "m", "observation": observed("c")}
    assert said(step, last) == [("assistant", "m"), ("user", "a\n\nb"), ("assistant", "m")]
    nothing = {"source": "agent", "message": "m", "observation": observed(None)}
    assert said(nothing, ANSWER) == [("assistant", "m"), ("assistant", "done")]


def test_system_steps_are_users_and_their_observations_are_not_said() -> None:
    assert said({"source": "system", "message": "s", "observation": observed("a")}, ANSWER)[0] == ("user", "s")


def test_the_tools_stand_before_the_first_system_step() -> None:
    tools = [{"type": "function"}]
    block = '<tools>\n[\n  {\n    "type": "function"\n  }\n]\n</tools>\n\n'
    user, system = {"source": "user", "message": "u"}, {"source": "system", "message": "s"}
    assert said(user, system, system, tool_definitions=tools) == [("user", "u"), ("user", f"{block}s"), ("user", "s")]
    assert said(user, tool_definitions=tools) == [("user", "u")]


def test_more_than_text_is_a_list_of_parts() -> None:
    text = {"type": "text", "text": "a"}
    image = {"type": "image", "source": {"media_type": "image/png", "path": "p.png"}}
    audio = {"type": "audio", "source": {"media_type": "audio/wav", "path": "p.wav"}}
    steps = (
        {"source": "system", "message": [text, image]},
        {"source": "user", "message": [text, text]},
        {"source": "agent", "message": [text, audio], "observation": observed("b", [image])},
        ANSWER,
    )
    tools, *_ = said({"source": "system"}, tool_definitions=[{}])
    shown = {"type": "image_url", "image_url": {"url": "p.png"}}
    assert said(*steps, tool_definitions=[{}]) == [
        ("user", [{"type": "text", "text": tools[1]}, text, shown]),
        ("user", "a\na"),
        ("assistant", [text, {"type": "audio_url", "audio_url": {"url": "p.wav"}}]),
        ("user", [{"type": "text", "text": "b"}, shown]),
        ("assistant", "done"),
    ]


def test_something_else_that_is_called_raw_is_left_alone() -> None:
    assert said({"source": "user", "message": "a", "extra": {"raw": {"id": 1}}}) == [("user", "a")]


def test_every_style_is_tried_here() -> None:
    assert set(STYLES) <= set(get_args(Style))
