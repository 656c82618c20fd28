import gc
import json
import math
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.atif import (
    Agent,
    AudioPart,
    AudioSource,
    FinalMetrics,
    ImagePart,
    Metrics,
    Step,
    TextPart,
    Trajectory,
    check,
    decode,
    encode,
)
from hfsvc.atif.codec import _numbers
from hfsvc.errors import InvalidTrajectory

from .atif_corpus import FULL, SMALL, changed, recorded

DATA = os.environ.get("HFSVC_TEST_DATA")


def as_text(value: Any) -> str:
    """JSON text shows what == does not: the order of fields, 1 and 1.0, NaN."""
    return json.dumps(value)


def rewritten(document: Any) -> Any:
    return json.loads(encode(decode(json.dumps(document))))


def step(**fields: Any) -> dict[str, Any]:
    return SMALL | {"steps": [{"step_id": 1, "source": "agent", "message": "go"} | fields]}


def test_a_document_comes_back_as_it_was() -> None:
    assert as_text(
        rewritten(changed(FULL, ("subagent_trajectories",), None) | {"extra": {"z": 1, "a": None}})
    ) == as_text(
        {key: value for key, value in FULL.items() if key != "subagent_trajectories"} | {"extra": {"z": 1, "a": None}}
    )


def test_fields_are_written_in_the_formats_order() -> None:
    document = json.loads(json.dumps(SMALL))
    backwards = dict(reversed(document.items())) | {"steps": [dict(reversed(SMALL["steps"][0].items()))]}
    assert as_text(rewritten(backwards)) == as_text(document)


def test_null_and_absent_are_the_same() -> None:
    assert as_text(rewritten(step(metrics=None, extra=None, timestamp=None))) == as_text(step())


def test_free_objects_keep_their_nulls_and_their_order() -> None:
    document = step(extra={"z": None, "a": [None, {"y": 1, "b": None}]})
    assert as_text(rewritten(document)) == as_text(document)


def test_numbers_take_their_fields_type() -> None:
    written = rewritten(step(step_id="1", reasoning_effort=1, metrics={"cost_usd": "2", "prompt_tokens": 3.0}))[
        "steps"
    ][0]
    assert as_text(written["step_id"]) == "1"
    assert as_text(written["reasoning_effort"]) == "1.0"
    assert as_text(written["metrics"]) == '{"prompt_tokens": 3, "cost_usd": 2.0}'


def test_a_missing_version_is_the_newest() -> None:
    assert (
        rewritten({key: value for key, value in SMALL.items() if key != "schema_version"})["schema_version"]
        == "ATIF-v1.8"
    )


SPELLINGS = {
    "mpeg": ("mpeg", "mp3", "mpga", "x-mpeg", "MPEG"),
    "wav": ("wav", "x-wav", "wave", "vnd.wave"),
    "mp4": ("mp4", "x-m4a", "m4a", "M4A\t"),
    "aac": ("aac", "x-aac"),
    "flac": ("flac", "x-flac"),
    "aiff": ("aiff", "x-aiff"),
    "ogg": ("ogg", "Ogg "),
    "webm": ("webm",),
}


@pytest.mark.parametrize(
    ("wanted", "spelled"), [(name, each) for name, spelled in SPELLINGS.items() for each in spelled]
)
def test_audio_types_get_their_one_spelling(wanted: str, spelled: str) -> None:
    source = {"media_type": f"audio/{spelled}", "path": "p"}
    written = rewritten(step(message=[{"type": "audio", "source": source}]))
    assert written["steps"][0]["message"][0] == {
        "type": "audio",
        "source": {"media_type": f"audio/{wanted}", "path": "p"},
    }


def test_parts_are_told_apart_by_type() -> None:
    trajectory = decode(json.dumps(FULL))
    assert [type(part) for part in trajectory.steps[0].message] == [TextPart, AudioPart, ImagePart]


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf], ids=str)
def test_odd_numbers_stay_in_the_formats_fields_and_become_null_in_free_objects(odd: float) -> None:
    document = step(metrics={"cost_usd": odd, "logprobs": [0.5, odd]}, reasoning_effort=odd, extra={"n": [odd, 1.5]})
    wanted = step(reasoning_effort=odd, metrics={"cost_usd": odd, "logprobs": [0.5, odd]}, extra={"n": [None, 1.5]})
    written = rewritten(document)["steps"][0]
    assert as_text(written["metrics"]) == as_text(wanted["steps"][0]["metrics"])
    assert as_text(written["reasoning_effort"]) == as_text(odd)
    assert as_text(written["extra"]) == as_text({"n": [None, 1.5]})


def test_every_field_that_holds_a_float_is_looked_at_for_odd_numbers() -> None:
    """`encode` must know them all: msgspec writes null for NaN without a word."""
    floats = {
        f"{kind.__name__}.{field.name}"
        for kind in (FinalMetrics, Metrics, Step, AudioSource, Agent, Trajectory)
        for field in msgspec.structs.fields(kind)
        if "float" in str(field.type)
    }
    assert floats == {
        "FinalMetrics.total_cost_usd",
        "Metrics.cost_usd",
        "Metrics.logprobs",
        "Step.reasoning_effort",
        "AudioSource.duration_sec",
    }
    numbers = [number for number in _numbers(decode(json.dumps(FULL))) if isinstance(number, float)]
    assert sorted(numbers) == sorted([0.001, 0.0004, -0.1, -0.02, -0.5, 2.4])


def test_odd_numbers_of_embedded_subagents_stay() -> None:
    document = SMALL | {"subagent_trajectories": [step(metrics={"cost_usd": math.nan}) | {"trajectory_id": "a"}]}
    assert math.isnan(rewritten(document)["subagent_trajectories"][0]["steps"][0]["metrics"]["cost_usd"])


def test_a_null_that_is_text_is_no_odd_number() -> None:
    document = step(message='{"a":null}', extra={"a": None})
    assert as_text(rewritten(document)) == as_text(document)


@pytest.mark.parametrize("text", ["\ud800", "a\udc00b", "\ud800 \U0001f600 é"], ids=ascii)
def test_lone_surrogates_are_kept(text: str) -> None:
    document = step(message=text, extra={text: [text]})
    written = encode(decode(json.dumps(document)))
    assert json.loads(written.decode("utf-8")) == document


def test_large_integers_are_kept() -> None:
    document = step(metrics={"prompt_tokens": 10**40}, extra={"n": -(10**40)})
    assert rewritten(document) == document


def test_text_is_written_as_utf8() -> None:
    assert "é😀".encode() in encode(decode(json.dumps(step(message="é😀"))))


def test_the_last_of_a_repeated_key_counts() -> None:
    text = json.dumps(SMALL).replace('"go"', '5, "message": "a", "message": "b"')
    assert decode(text).steps[0].message == "b"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"\xef\xbb\xbf" + json.dumps(SMALL).encode(),
        json.dumps(SMALL).encode("utf-16"),
        b'{"a": "\xff"}',
        b"{}{}",
    ],
)
def test_what_is_no_json_in_utf8_is_refused(document: bytes) -> None:
    (finding,) = check(document).findings
    assert (finding.code, finding.path) == ("not_json", "$")


@pytest.mark.parametrize(
    "document", [b"[" * 100_000, b'{"a":' * 100_000, json.dumps(SMALL).replace('"go"', "[" * 50_000)]
)
def test_deep_nesting_is_refused_not_a_crash(document: bytes | str) -> None:
    assert [finding.code for finding in check(document).findings] == ["too_deep"]


def test_json_lines_get_a_hint() -> None:
    (finding,) = check(b'{"__header__": true}\n{"step_id": 1}\n').findings
    assert finding.hint == "one document, not JSON Lines"


def test_decode_names_the_document_and_the_first_error() -> None:
    with pytest.raises(InvalidTrajectory) as caught:
        decode(json.dumps(SMALL | {"steps": [1], "x": 1}), where="run.json")
    assert str(caught.value) == (
        "run.json is no valid trajectory: $.x: the format has no such field here (move it into `extra`), and 1 more."
    )


def test_decode_leaves_the_rules_between_fields_to_check() -> None:
    document = json.dumps(step(step_id=7))
    assert decode(document).steps[0].step_id == 7
    assert not check(document).valid


def test_structs_are_out_of_the_collectors_sight() -> None:
    assert not gc.is_tracked(decode(json.dumps(SMALL)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(
    st.dictionaries(st.text(), json_values, max_size=4), st.text(), st.none() | st.text() | st.floats(allow_nan=False)
)
def test_free_objects_and_texts_come_back(extra: dict[str, Any], text: str, effort: Any) -> None:
    document = step(
        message=text, tool_calls=[{"tool_call_id": text, "function_name": "f", "arguments": extra}], extra=extra
    )
    if effort is not None:
        document["steps"][0]["reasoning_effort"] = effort
    written = json.loads(encode(decode(json.dumps(document))))
    assert written == document
    assert as_text(written["steps"][0]["extra"]) == as_text(extra)


@given(st.floats(), st.lists(st.floats(), max_size=3))
def test_the_formats_own_numbers_come_back(cost: float, logprobs: list[float]) -> None:
    metrics = {"cost_usd": cost, "logprobs": logprobs}
    assert as_text(rewritten(step(metrics=metrics))["steps"][0]["metrics"]) == as_text(metrics)


def test_the_fast_and_the_slow_way_read_the_same() -> None:
    """A parsed document never takes the fast way, its text does wherever it can."""
    parsed = [(text, value) for text in recorded() if isinstance(value := parse(text), dict)]
    assert len(parsed) > 4000
    for text, value in parsed:
        fast, slow = check(text), check(value)
        if [finding.code for finding in slow.findings] == ["too_deep"]:
            continue
        assert fast.findings == slow.findings
        if fast.trajectory and slow.trajectory:
            assert encode(fast.trajectory) == encode(slow.trajectory)


def parse(text: bytes) -> Any:
    try:
        return json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


@pytest.mark.skipif(not DATA, reason="HFSVC_TEST_DATA names no folder of recorded documents")
def test_recorded_documents_have_their_verdict_and_come_back() -> None:
    files = sorted(Path(str(DATA), "atif").rglob("*.json*"))
    assert len(files) > 20
    for file in files:
        report = check(file.read_bytes(), strict=True)
        assert report.valid == (file.parent.name not in {"invalid", "jsonl-stream"}), (file, report.errors)
        if report.trajectory:
            assert decode(encode(report.trajectory)) == report.trajectory
            assert json.loads(encode(report.trajectory)) == without_nulls(json.loads(file.read_bytes()))


FREE = {"extra", "arguments", "tool_definitions"}


def without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: item if key in FREE else without_nulls(item) for key, item in value.items() if item is not None}
