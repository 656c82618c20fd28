"""Documents that are cut to what a message may hold: they fit, stay documents, and say what is left out."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hfsvc import atif
from hfsvc.server.effuse.cutting import CutPage, cut
from hfsvc.server.effuse.documents import as_json, to_effuse
from tests.server.effuse.test_documents import Document
from tests.server.worlds import trajectory

KiB = 1 << 10
SMALLEST = 2 * KiB
texts = st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=3), st.integers(0, 3000))


def read(document: bytes) -> dict[str, Any]:
    msgspec.json.decode(document, type=Document)
    found: dict[str, Any] = json.loads(document)
    return found


@given(st.lists(texts, min_size=1, max_size=20), st.integers(SMALLEST, 40 * KiB))
def test_a_document_fits_and_stays_one(messages: list[str], most: int) -> None:
    steps = [atif.Step(step_id=number, source="agent", message=text) for number, text in enumerate(messages, 1)]
    whole = to_effuse(msgspec.structs.replace(trajectory(), steps=steps))
    found = cut(whole, 7, most)
    assert len(found) <= most
    assert (
        read(found) == read(as_json(whole)) or "cut" in read(found)["extra"] or "Row 7 is too large" in found.decode()
    )


def test_steps_are_left_out_where_short_texts_are_not_enough() -> None:
    found = read(cut(to_effuse(trajectory(steps=5000)), 0, 20 * KiB))
    assert 10 < len(found["steps"]) < 5000
    assert f"the last {5000 - len(found['steps']):,} of 5,000 steps are left out" in found["extra"]["cut"]


def test_everything_long_is_cut_wherever_it_stands() -> None:
    call = atif.ToolCall(tool_call_id="1", function_name="write", arguments={"files": [{"text": "a" * 10 * KiB}]})
    result = atif.ObservationResult(content="b" * 10 * KiB)
    metrics = atif.Metrics(completion_token_ids=list(range(5000)))
    step = atif.Step(
        step_id=1,
        source="agent",
        message="",
        tool_calls=[call],
        observation=atif.Observation(results=[result]),
        metrics=metrics,
    )
    whole = msgspec.structs.replace(trajectory(), steps=[step], extra={"task": "t", "note": "c" * 10 * KiB})
    found = read(cut(to_effuse(whole), 0, 6 * KiB))
    (shown,) = found["steps"]
    assert shown["tool_calls"][0]["arguments"]["files"][0]["text"].startswith("aaa")
    assert shown["observation"]["results"][0]["content"].endswith("characters are left out here]")
    assert shown["metrics"]["completion_token_ids"] == []
    assert found["extra"]["note"].startswith("ccc")


def test_what_no_cut_makes_small_enough_says_so() -> None:
    wide = msgspec.structs.replace(trajectory(), extra={f"name {number}": "x" for number in range(5000)})
    assert "too large to be shown here" in read(cut(to_effuse(wide), 3, SMALLEST))["steps"][0]["message"]


@given(st.lists(st.integers(0, 20_000), max_size=12), st.integers(12 * SMALLEST, 100 * KiB))
def test_a_page_fits_and_nothing_is_cut_before_it_must_be(lengths: list[int], most: int) -> None:
    documents = [to_effuse(trajectory(message="m" * length)) for length in lengths]
    page = CutPage(0, len(lengths), most)
    for each in documents:
        page.add(each)
    whole = [as_json(each) for each in documents]
    assert len(b"[%s]" % b",".join(page.documents)) <= most
    if len(b"[%s]" % b",".join(whole)) < most:
        assert page.documents == whole
    share = most // max(1, len(lengths)) - 2
    assert all(one == other for one, other in zip(page.documents, whole, strict=True) if len(other) <= share)


def test_numbers_that_are_none_are_null_which_browsers_read() -> None:
    whole = msgspec.structs.replace(trajectory(), final_metrics=atif.FinalMetrics(total_cost_usd=float("nan")))
    assert json.loads(as_json(whole), parse_constant=lambda _: "no JSON")["final_metrics"] != {
        "total_cost_usd": "no JSON"
    }
