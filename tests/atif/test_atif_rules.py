"""The table of what Harbor's validator enforces, row by row."""

import json
from typing import Any

import pytest

from hfsvc.atif import VERSIONS, check

from .atif_corpus import FULL, SMALL, STEP_DISPATCH, TIMES, VERDICTS, changed, recorded, verdict_text

USER = {"step_id": 1, "source": "user", "message": "go"}
AGENT = {"step_id": 1, "source": "agent", "message": "go"}
CALL = {"tool_call_id": "c1", "function_name": "f", "arguments": {}}
IMAGE = {"media_type": "image/png", "path": "p"}
AUDIO = {"media_type": "audio/wav", "path": "p"}
LENIENT_ONES: tuple[Any, ...] = ("1", 1.0, True)
LENIENT_ZEROS: tuple[Any, ...] = (0, "0", False, 0.0)
NO_VERSIONS: tuple[Any, ...] = (None, 1.4, "1.4", "atif-v1.4", "ATIF-v1.9")
NO_MESSAGES: tuple[Any, ...] = (None, 1, {})
NO_ARGUMENTS: tuple[Any, ...] = ("{}", None, [])
EMPTY_MESSAGES: tuple[Any, ...] = ("", [])


def root(**fields: Any) -> dict[str, Any]:
    return SMALL | fields


def steps(*each: dict[str, Any]) -> dict[str, Any]:
    return root(steps=list(each))


def message(*parts: Any) -> dict[str, Any]:
    return steps(USER | {"message": list(parts)})


def answered(*results: Any, **fields: Any) -> dict[str, Any]:
    return steps(AGENT | {"tool_calls": [CALL], "observation": {"results": list(results)}} | fields)


def without(document: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != key}


def embedded(*ids: str | None) -> dict[str, Any]:
    return root(trajectory_id="main", subagent_trajectories=[root(trajectory_id=each) for each in ids])


VALID: dict[str, list[Any]] = {
    "2 every version": [root(schema_version=version) for version in VERSIONS],
    "2 no version": [without(SMALL, "schema_version")],
    "3 empty name and version": [root(agent={"name": "", "version": ""})],
    "5 lenient step ids": [steps(USER | {"step_id": each}) for each in LENIENT_ONES],
    "6 sources": [steps(USER | {"source": each}) for each in ("system", "user", "agent")],
    "7 empty messages": [steps(USER | {"message": each}) for each in EMPTY_MESSAGES],
    "8 null on other steps": [steps(USER | {"model_name": None, "tool_calls": None, "metrics": None})],
    "9 observation on any step": [
        steps(USER | {"source": each, "observation": {"results": []}}) for each in ("system", "user", "agent")
    ],
    "10 no call": [
        steps(STEP_DISPATCH | {"step_id": 1, "model_name": "m", "reasoning_effort": "low"}),
        steps(USER | {"llm_call_count": 0}),
    ],
    "12 empty arguments": [steps(AGENT | {"tool_calls": [CALL]})],
    "13 results": [answered({"source_call_id": "c1"}, {"source_call_id": "c1"}, {}, {"source_call_id": None})],
    "14 parts": [
        message({"type": "text", "text": ""}),
        message({"type": "text", "text": "a", "source": None}),
        message({"type": "image", "source": IMAGE, "text": None}),
        message({"type": "audio", "source": AUDIO | {"duration_sec": 0}}),
        message({"type": "audio", "source": AUDIO | {"media_type": " Audio/MP3 "}}),
    ],
    "15 references": [
        answered({"subagent_trajectory_ref": [{"trajectory_id": ""}, {"trajectory_path": "p", "session_id": "s"}]})
    ],
    "16 empty list": [answered({"subagent_trajectory_ref": []})],
    "17 the parent's id in a child": [embedded("main", "other")],
    "20 other counts may be negative": [steps(AGENT | {"metrics": {"prompt_tokens": -1}})],
    "not enforced": [
        answered(tool_calls=[CALL, CALL]),
        root(final_metrics={"total_steps": 9, "total_prompt_tokens": 1}),
        steps(AGENT | {"metrics": {"prompt_tokens": 1, "cached_tokens": 2, "logprobs": [0.1]}}),
        root(continued_trajectory_ref="nowhere"),
        root(agent={"name": "a", "version": "1", "tool_definitions": [{}]}),
    ],
}

INVALID: dict[str, tuple[str, str, list[Any]]] = {
    "1 no object": ("wrong_type", "$", [[], None, 1, "x"]),
    "2 version": ("wrong_value", "$.schema_version", [root(schema_version=each) for each in NO_VERSIONS]),
    "3 no agent": ("missing_field", "$.agent", [without(SMALL, "agent")]),
    "3 agent's version": ("wrong_type", "$.agent.version", [root(agent={"name": "a", "version": 1})]),
    "4 no steps": ("too_short", "$.steps", [root(steps=[])]),
    "5 gap": ("step_id_out_of_order", "$.steps[1].step_id", [steps(USER, USER), steps(USER, USER | {"step_id": 3})]),
    "5 from zero": ("out_of_range", "$.steps[0].step_id", [steps(USER | {"step_id": 0})]),
    "6 source": (
        "wrong_value",
        "$.steps[0].source",
        [steps(USER | {"source": each}) for each in ("assistant", "tool")],
    ),
    "7 no message": ("missing_field", "$.steps[0].message", [steps(without(USER, "message"))]),
    "7 message": ("wrong_type", "$.steps[0].message", [steps(USER | {"message": each}) for each in NO_MESSAGES]),
    "8 empty tool calls": ("agent_field_elsewhere", "$.steps[0].tool_calls", [steps(USER | {"tool_calls": []})]),
    "8 empty metrics": ("agent_field_elsewhere", "$.steps[0].metrics", [steps(USER | {"metrics": {}})]),
    "8 the others": (
        "agent_field_elsewhere",
        "$.steps[0].reasoning_effort",
        [steps(USER | {"source": "system", "reasoning_effort": "low"})],
    ),
    "10 negative": ("out_of_range", "$.steps[0].llm_call_count", [steps(USER | {"llm_call_count": -1})]),
    "10 reasoning": (
        "llm_field_without_call",
        "$.steps[0].reasoning_content",
        [steps(AGENT | {"llm_call_count": each, "reasoning_content": ""}) for each in LENIENT_ZEROS],
    ),
    "10 metrics": (
        "llm_field_without_call",
        "$.steps[0].metrics",
        [steps(AGENT | {"llm_call_count": 0, "metrics": {}})],
    ),
    "12 arguments": (
        "wrong_type",
        "$.steps[0].tool_calls[0].arguments",
        [steps(AGENT | {"tool_calls": [CALL | {"arguments": each}]}) for each in NO_ARGUMENTS],
    ),
    "12 no arguments": (
        "missing_field",
        "$.steps[0].tool_calls[0].arguments",
        [steps(AGENT | {"tool_calls": [without(CALL, "arguments")]})],
    ),
    "13 no such call": (
        "dangling_source_call_id",
        "$.steps[0].observation.results[0].source_call_id",
        [answered({"source_call_id": "c2"}), answered({"source_call_id": "c1"}, tool_calls=None)],
    ),
    "13 call of an earlier step": (
        "dangling_source_call_id",
        "$.steps[1].observation.results[0].source_call_id",
        [
            steps(
                AGENT | {"tool_calls": [CALL]},
                {"step_id": 2, "source": source, "message": "", "observation": {"results": [{"source_call_id": "c1"}]}},
            )
            for source in ("agent", "system")
        ],
    ),
    "14 text without text": ("missing_field", "$.steps[0].message[0].text", [message({"type": "text"})]),
    "14 text with source": (
        "foreign_field",
        "$.steps[0].message[0].source",
        [message({"type": "text", "text": "a", "source": IMAGE})],
    ),
    "14 image with text": (
        "foreign_field",
        "$.steps[0].message[0].text",
        [message({"type": "image", "source": IMAGE, "text": ""})],
    ),
    "14 no type": ("missing_field", "$.steps[0].message[0].type", [message({"text": "a"})]),
    "14 unknown type": ("wrong_value", "$.steps[0].message[0].type", [message({"type": "video", "source": IMAGE})]),
    "14 media type": (
        "wrong_value",
        "$.steps[0].message[0].source.media_type",
        [
            message({"type": "image", "source": AUDIO}),
            message({"type": "audio", "source": IMAGE}),
            message({"type": "image", "source": IMAGE | {"media_type": "IMAGE/PNG"}}),
            message({"type": "audio", "source": AUDIO | {"media_type": "audio/opus"}}),
        ],
    ),
    "14 an image's duration, even null": (
        "unknown_field",
        "$.steps[0].message[0].source.duration_sec",
        [message({"type": "image", "source": IMAGE | {"duration_sec": None}})],
    ),
    "14 duration": (
        "out_of_range",
        "$.steps[0].message[0].source.duration_sec",
        [message({"type": "audio", "source": AUDIO | {"duration_sec": each}}) for each in (-1, float("nan"), "nan")],
    ),
    "15 session id alone": (
        "unresolvable_ref",
        "$.steps[0].observation.results[0].subagent_trajectory_ref[0]",
        [answered({"subagent_trajectory_ref": [{"session_id": "s"}]})],
    ),
    "16 bare reference": (
        "wrong_type",
        "$.steps[0].observation.results[0].subagent_trajectory_ref",
        [answered({"subagent_trajectory_ref": {"trajectory_id": "a"}})],
    ),
    "17 no id": ("missing_trajectory_id", "$.subagent_trajectories[0].trajectory_id", [embedded(None)]),
    "17 same id": ("duplicate_trajectory_id", "$.subagent_trajectories[1].trajectory_id", [embedded("a", "a")]),
    "17 a child is checked, too": (
        "too_short",
        "$.subagent_trajectories[0].steps",
        [root(subagent_trajectories=[root(trajectory_id="a", steps=[])])],
    ),
    "19 extra": ("wrong_type", "$.extra", [root(extra=[])]),
    "20 total steps": ("out_of_range", "$.final_metrics.total_steps", [root(final_metrics={"total_steps": -1})]),
}


@pytest.mark.parametrize("documents", VALID.values(), ids=VALID.keys())
def test_accepted(documents: list[Any]) -> None:
    for document in documents:
        report = check(json.dumps(document))
        assert report.valid, report.findings
        assert report.findings == ()


@pytest.mark.parametrize(("code", "path", "documents"), INVALID.values(), ids=INVALID.keys())
def test_refused(code: str, path: str, documents: list[Any]) -> None:
    for document in documents:
        report = check(json.dumps(document))
        assert not report.valid
        assert (code, path) in [(finding.code, finding.path) for finding in report.findings]
        assert report.trajectory is None


def objects(value: Any, path: tuple[str | int, ...] = ()) -> Any:
    """Every place of the full document where the format has an object of its own."""
    free = {"extra", "arguments", "tool_definitions"}
    if isinstance(value, dict):
        yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if key not in free:
            yield from objects(item, (*path, key))


@pytest.mark.parametrize("path", list(objects(FULL)), ids=str)
def test_rule_18_unknown_fields_are_refused_on_every_object(path: tuple[str | int, ...]) -> None:
    target: Any = FULL
    for key in path:
        target = target[key]
    report = check(changed(FULL, path, target | {"is_error": None}))
    assert [finding.code for finding in report.findings] == ["unknown_field"]
    assert report.findings[0].path.endswith(".is_error")


REFUSED_TIMES = {"2025-10-11T10:30:00z", "2025-10-11T24:00:00", "2025-13-11T10:30:00", "", "yesterday", "1760178600"}
ACCEPTED_TIMES = set(TIMES[: TIMES.index("2025-10-11T10:30:00z")])


@pytest.mark.parametrize("text", sorted(ACCEPTED_TIMES | REFUSED_TIMES))
def test_rule_11_timestamps(text: str) -> None:
    report = check(steps(USER | {"timestamp": text}))
    assert report.valid == (text in ACCEPTED_TIMES)
    assert [finding.code for finding in report.findings] == ([] if report.valid else ["bad_timestamp"])


def test_rule_11_a_timestamp_is_a_string() -> None:
    assert [finding.code for finding in check(steps(USER | {"timestamp": 1760178600})).findings] == ["wrong_type"]


@pytest.mark.parametrize(("depth", "valid"), [(1, True), (50, True), (90, True)])
def test_rule_17_subagents_nest(depth: int, valid: bool) -> None:
    document = root(trajectory_id="a")
    for _ in range(depth):
        document = root(trajectory_id="a", subagent_trajectories=[document])
    assert check(json.dumps(document)).valid == valid
    del document["agent"]
    assert not check(json.dumps(document)).valid


def test_everything_is_found_at_once() -> None:
    """Harbor stops at field errors, and at the first broken rule of an object."""
    document = steps(
        USER | {"tool_calls": [], "metrics": {}, "llm_call_count": "x", "timestamp": "now"},
        {
            "step_id": 5,
            "source": "agent",
            "message": None,
            "observation": {"results": [{"source_call_id": "c", "z": 1}]},
        },
        5,  # type: ignore[arg-type]
    )
    assert sorted((finding.code, finding.path) for finding in check(document).findings) == [
        ("agent_field_elsewhere", "$.steps[0].metrics"),
        ("agent_field_elsewhere", "$.steps[0].tool_calls"),
        ("bad_timestamp", "$.steps[0].timestamp"),
        ("dangling_source_call_id", "$.steps[1].observation.results[0].source_call_id"),
        ("step_id_out_of_order", "$.steps[1].step_id"),
        ("unknown_field", "$.steps[1].observation.results[0].z"),
        ("wrong_type", "$.steps[0].llm_call_count"),
        ("wrong_type", "$.steps[1].message"),
        ("wrong_type", "$.steps[2]"),
    ]


def test_what_cannot_be_read_breaks_no_other_rule() -> None:
    """An unreadable id is still an id: only its own type is wrong."""
    call = {"tool_call_id": 7, "function_name": "f", "arguments": {}}
    results = [{"source_call_id": "7"}, {"subagent_trajectory_ref": [{"trajectory_id": 1}, 2]}, 3]
    document = steps(AGENT | {"tool_calls": [call], "observation": {"results": results}})
    document["subagent_trajectories"] = [root(trajectory_id=1), root(trajectory_id=1), None]
    assert {finding.code for finding in check(document).findings} == {"wrong_type"}
    assert {finding.code for finding in check(steps(AGENT | {"source": 1, "metrics": {}})).findings} == {"wrong_value"}


def test_the_recorded_verdicts_of_harbor() -> None:
    ours = [check(document).valid for document in recorded()]
    assert verdict_text(ours) == VERDICTS.read_text("ascii")


def test_a_finding_says_what_mends_it() -> None:
    (finding,) = check(steps(USER | {"tool_cals": []})).findings
    assert str(finding) == (
        "$.steps[0].tool_cals: the format has no such field here (is it tool_calls? Otherwise move it into `extra`)"
    )


def test_a_path_quotes_keys_that_are_no_names() -> None:
    (finding,) = check(root(**{"a b": 1})).findings
    assert finding.path == "$['a b']"


@pytest.mark.parametrize("value", [(), b"x", {1}, object()], ids=lambda value: type(value).__name__)
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    """A parsed document may come from elsewhere than JSON."""
    assert [finding.code for finding in check(root(notes=value)).findings] == ["wrong_type"]
    odd_key: Any = {7: value}
    assert [finding.path for finding in check(root() | odd_key).findings] == ["$['7']"]
