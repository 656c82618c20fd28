"""Conversion between versions: valid on the other side, nothing dropped in silence, and back again."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.atif import VERSIONS, SchemaVersion, Trajectory, check, convert_version, decode, encode

from .atif_corpus import FULL, SMALL, changed

WHOLE = changed(FULL, ("subagent_trajectories", 0, "schema_version"), "ATIF-v1.8")
OF_ITS_VERSION = {"newer_than_declared", "no_session_id", "observation_elsewhere"}
ADDED_LATER = VERSIONS[1:]


def read(document: Any) -> Trajectory:
    return decode(json.dumps(document))


def step(**fields: Any) -> dict[str, Any]:
    return SMALL | {"steps": [{"step_id": 1, "source": "agent", "message": "go"} | fields]}


def codes(trajectory: Trajectory) -> set[str]:
    report = check(encode(trajectory), strict=True)
    assert report.valid, report.errors
    return {finding.code for finding in report.findings}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_result_keeps_to_its_version(version: SchemaVersion) -> None:
    converted = convert_version(read(WHOLE), version).trajectory
    assert converted.schema_version == version
    assert not codes(converted) & OF_ITS_VERSION


@pytest.mark.parametrize("version", ADDED_LATER)
def test_the_way_down_and_up_again_changes_nothing(version: SchemaVersion) -> None:
    trajectory = read(WHOLE)
    down = convert_version(trajectory, version)
    assert down.lost == ()
    assert convert_version(down.trajectory, "ATIF-v1.8").trajectory == trajectory


@pytest.mark.parametrize("version", ADDED_LATER)
def test_stopping_halfway_changes_nothing(version: SchemaVersion) -> None:
    trajectory = read(WHOLE)
    lowest = convert_version(trajectory, "ATIF-v1.1").trajectory
    halfway = convert_version(lowest, version).trajectory
    assert halfway == convert_version(trajectory, version).trajectory


ADDED = {
    "ATIF-v1.1": {"$.extra"},
    "ATIF-v1.2": {"$.steps[3].observation"},
    "ATIF-v1.3": {"$.steps[1].metrics.completion_token_ids"},
    "ATIF-v1.4": {"$.steps[1].metrics.prompt_token_ids", "$.continued_trajectory_ref"},
    "ATIF-v1.5": {"$.agent.tool_definitions", "$.steps[0].is_copied_context", "$.steps[1].is_copied_context"},
    "ATIF-v1.6": {"$.steps[1].observation.results[1].content"},
    "ATIF-v1.7": {
        "$.trajectory_id",
        "$.subagent_trajectories",
        "$.steps[1].tool_calls[0].extra",
        "$.steps[1].observation.results[0].extra",
        "$.steps[1].observation.results[2].subagent_trajectory_ref",
        "$.steps[1].llm_call_count",
        "$.steps[2].llm_call_count",
    },
}


@pytest.mark.parametrize(("version", "added"), ADDED.items())
def test_every_version_has_what_it_added_and_nothing_newer(version: SchemaVersion, added: set[str]) -> None:
    newer = {path for other, paths in ADDED.items() if other > version for path in paths} | {"$.steps[0].message"}
    converted = convert_version(read(WHOLE), version)
    assert {change.path for change in converted.moved} == newer
    before = convert_version(read(WHOLE), VERSIONS[VERSIONS.index(version) - 1])
    assert {change.path for change in (*before.moved, *before.lost)} == newer | added


def test_what_is_moved_is_named_and_kept() -> None:
    converted = convert_version(read(step(llm_call_count=2, extra={"k": 1})), "ATIF-v1.4")
    (moved,) = converted.moved
    assert (moved.path, moved.value, moved.kept_at) == ("$.steps[0].llm_call_count", 2, "$.steps[0].extra.atif_moved")
    assert converted.trajectory.steps[0].llm_call_count is None
    assert converted.trajectory.steps[0].extra == {"k": 1, "atif_moved": {"llm_call_count": {"was": 2}}}


def test_the_first_version_has_no_extra_at_its_root_so_that_is_lost() -> None:
    converted = convert_version(read(WHOLE), "ATIF-v1.0")
    assert {change.path: change.value for change in converted.lost} == {
        f"$.{field}": WHOLE[field]
        for field in ("extra", "continued_trajectory_ref", "trajectory_id", "subagent_trajectories")
    } | {"$.subagent_trajectories": json.loads(encode(read(WHOLE)))["subagent_trajectories"]}


def test_parts_become_their_text() -> None:
    parts = [{"type": "text", "text": "a"}, FULL["steps"][0]["message"][1], {"type": "text", "text": "b"}]
    converted = convert_version(read(step(message=parts)), "ATIF-v1.5")
    assert converted.trajectory.steps[0].message == "a\nb"
    assert converted.moved[0].value == parts
    back = convert_version(converted.trajectory, "ATIF-v1.8").trajectory
    assert json.loads(encode(back))["steps"][0] == step(message=parts)["steps"][0]


def test_only_recordings_are_taken_out_of_parts_where_images_exist() -> None:
    converted = convert_version(read(WHOLE), "ATIF-v1.7")
    assert [change.path for change in converted.moved] == ["$.steps[0].message"]
    assert [type(part).__name__ for part in converted.trajectory.steps[0].message] == ["TextPart", "ImagePart"]


def test_a_changed_text_is_not_overwritten_on_the_way_up() -> None:
    document = json.loads(
        encode(convert_version(read(step(message=[{"type": "text", "text": "a"}])), "ATIF-v1.4").trajectory)
    )
    document["steps"][0]["message"] = "edited"
    back = convert_version(read(document), "ATIF-v1.8").trajectory
    assert back.steps[0].message == "edited"
    assert back.steps[0].extra == document["steps"][0]["extra"]


def test_references_by_id_leave_with_the_embedded_documents() -> None:
    converted = convert_version(read(WHOLE), "ATIF-v1.6").trajectory
    observation = converted.steps[1].observation
    assert observation
    assert observation.results[2].subagent_trajectory_ref is None
    assert converted.subagent_trajectories is None


def test_references_by_path_stay_and_get_the_session_id_that_was_required() -> None:
    refs = [{"trajectory_id": "a", "trajectory_path": "a.json"}]
    trajectory = read(step(observation={"results": [{"subagent_trajectory_ref": refs}]}))
    converted = convert_version(trajectory, "ATIF-v1.6")
    (ref,) = json.loads(encode(converted.trajectory))["steps"][0]["observation"]["results"][0][
        "subagent_trajectory_ref"
    ]
    assert (ref["trajectory_path"], ref["session_id"], "trajectory_id" in ref) == ("a.json", "a", False)
    assert [change.path for change in converted.changed] == [
        "$.steps[0].observation.results[0].subagent_trajectory_ref[0].session_id"
    ]
    assert convert_version(converted.trajectory, "ATIF-v1.8").trajectory.steps == trajectory.steps


@pytest.mark.parametrize(
    ("was", "to", "prompt"), [("1.1", "1.2", 72), ("1.2", "1.1", 8), ("1.2", "1.8", 40), ("1.0", "1.1", 40)]
)
def test_prompt_tokens_include_the_cached_ones_from_v1_2_on(was: str, to: Any, prompt: int) -> None:
    totals = {"total_prompt_tokens": 40, "total_cached_tokens": 32}
    document = step(metrics={"prompt_tokens": 40, "cached_tokens": 32}) | {"final_metrics": totals}
    converted = convert_version(read(document | {"schema_version": f"ATIF-v{was}"}), VERSIONS[int(to[2:])])
    assert converted.trajectory.steps[0].metrics
    assert converted.trajectory.final_metrics
    assert converted.trajectory.steps[0].metrics.prompt_tokens == prompt
    assert converted.trajectory.final_metrics.total_prompt_tokens == prompt
    assert len(converted.changed) == (2 if prompt != 40 else 0)


def test_more_cached_tokens_than_the_prompt_has_were_counted_apart_already() -> None:
    converted = convert_version(read(step(metrics={"prompt_tokens": 4, "cached_tokens": 32})), "ATIF-v1.1")
    assert converted.trajectory.steps[0].metrics
    assert converted.trajectory.steps[0].metrics.prompt_tokens == 4
    assert converted.changed == ()


def test_a_missing_session_id_is_filled_where_it_is_required_and_taken_out_again() -> None:
    trajectory = read({key: value for key, value in SMALL.items() if key != "session_id"} | {"trajectory_id": "t"})
    down = convert_version(trajectory, "ATIF-v1.4")
    assert down.trajectory.session_id == "t"
    up = convert_version(down.trajectory, "ATIF-v1.7").trajectory
    assert (up.session_id, up.trajectory_id, up.extra) == (None, "t", None)


def test_a_record_that_is_not_ours_is_reported_when_it_has_to_go() -> None:
    converted = convert_version(read(step(llm_call_count=2, extra={"atif_moved": "mine"})), "ATIF-v1.4")
    (lost,) = converted.lost
    assert (lost.path, lost.value) == ("$.steps[0].extra.atif_moved", "mine")
    untouched = read(step(extra={"atif_moved": "mine"}))
    assert convert_version(untouched, "ATIF-v1.8").trajectory.steps == untouched.steps


def test_what_cannot_be_put_back_is_reported_when_it_has_to_go() -> None:
    record = {"llm_call_count": {"was": 2}}
    converted = convert_version(read(step(llm_call_count=3, extra={"atif_moved": record})), "ATIF-v1.4")
    assert [change.value for change in converted.lost] == [{"was": 2}]


@pytest.mark.parametrize(
    "record",
    [
        {"agent": {"was": 1}},
        {"steps": {"was": [], "now": None}},
        {"agent.name": {"was": 5, "now": "a"}},
        {"trajectory_id": {"was": 5}},
        {"session_id": {"was": 5, "now": "s"}},
        {"subagent_trajectories": {"was": [{}]}},
        {"tool_calls[0].extra": {"was": {}}},
        {"observation.results[7].extra": {"was": {}}},
        {"": {"was": 1}, "[9]": {"was": 1}},
        {"trajectory_id": "t"},
        {},
        [],
        None,
    ],
    ids=str,
)
@pytest.mark.parametrize("version", VERSIONS)
def test_records_that_make_no_sense_do_no_harm(record: Any, version: SchemaVersion) -> None:
    trajectory = read(SMALL | {"extra": {"atif_moved": record, "k": 0}})
    converted = convert_version(trajectory, version).trajectory
    codes(converted)
    assert (converted.session_id, converted.agent, converted.steps) == ("s", trajectory.agent, trajectory.steps)
    if version != "ATIF-v1.0":
        assert converted.extra == trajectory.extra


def test_an_unknown_version_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"ATIF-v1\.9"):
        convert_version(read(SMALL), "ATIF-v1.9")  # type: ignore[arg-type]


content = st.text(max_size=5) | st.lists(
    st.sampled_from(FULL["steps"][0]["message"])
    | st.builds(lambda text: {"type": "text", "text": text}, st.text(max_size=3)),
    max_size=3,
)
extra = st.dictionaries(st.text(max_size=3), st.integers() | st.none(), max_size=2)
results = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "content": content,
            "extra": extra,
            "subagent_trajectory_ref": st.lists(
                st.fixed_dictionaries(
                    {"trajectory_id": st.text(max_size=2)}, optional={"trajectory_path": st.just("p")}
                ),
                max_size=2,
            ),
        },
    ),
    max_size=2,
)
any_step = st.fixed_dictionaries(
    {"step_id": st.just(1), "source": st.sampled_from(["agent", "system"]), "message": content},
    optional={
        "is_copied_context": st.booleans(),
        "llm_call_count": st.integers(1, 3),
        "observation": st.fixed_dictionaries({"results": results}),
        "extra": extra,
    },
)
documents = st.builds(
    lambda one, fields: SMALL | {"schema_version": "ATIF-v1.8", "steps": [one]} | fields,
    any_step,
    st.fixed_dictionaries(
        {},
        optional={
            "session_id": st.none(),
            "trajectory_id": st.text(),
            "continued_trajectory_ref": st.text(),
            "extra": extra,
        },
    ),
)


@given(documents, st.sampled_from(ADDED_LATER))
def test_any_document_comes_back_and_is_valid_in_between(document: Any, version: SchemaVersion) -> None:
    trajectory = read(document)
    down = convert_version(trajectory, version)
    assert down.lost == ()
    assert not codes(down.trajectory) & OF_ITS_VERSION
    assert convert_version(down.trajectory, "ATIF-v1.8").trajectory == trajectory
