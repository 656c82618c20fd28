"""The folder that Harbor's viewer opens; tests/peers asks the viewer itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from hfsvc import atif
from hfsvc.export import ExportRequest, export_trajectories
from hfsvc.testing import FakeTrajectorySource

from ..builders import files_below
from .documents import EVERYTHING, talk

DATE = "2025-11-12T22:22:17.361875"


async def export_job(tmp_path: Path, *found: atif.Trajectory) -> dict[str, Any]:
    """What lies in the job's folder, documents decoded."""
    await export_trajectories(
        FakeTrajectorySource(found), ExportRequest(path=tmp_path, format="atif-dir", job="owner/name")
    )
    return {path: json.loads(content) for path, content in files_below(tmp_path / "owner-name").items()}


async def test_a_trial_a_trajectory(tmp_path: Path) -> None:
    job = await export_job(tmp_path, talk(0, date=DATE), EVERYTHING)
    assert job.keys() == {
        "config.json",
        "result.json",
        "00000000-task_0__abc/result.json",
        "00000000-task_0__abc/agent/trajectory.json",
        "00000001-run-42/result.json",
        "00000001-run-42/agent/trajectory.json",
    }
    assert atif.decode(json.dumps(job["00000001-run-42/agent/trajectory.json"])) == EVERYTHING
    assert job["config.json"]["agents"][0] == {"name": "terminus-2", "model_name": "teacher"}
    assert job["result.json"]["n_total_trials"] == 2
    assert job["result.json"]["started_at"] == DATE
    trial = job["00000000-task_0__abc/result.json"]
    assert (trial["task_name"], trial["agent_info"]["model_info"]["name"]) == ("task_0", "teacher")
    assert trial["trial_uri"] == (tmp_path / "owner-name" / "00000000-task_0__abc").as_uri()


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("1.0", {"verifier_result": {"rewards": {"reward": 1.0}}}),
        (False, {"verifier_result": {"rewards": {"reward": 0}}}),
        ("nan", {}),
        (None, {}),
    ],
)
async def test_a_reward_is_shown(tmp_path: Path, result: Any, expected: dict[str, Any]) -> None:
    job = await export_job(tmp_path, talk(0, date=DATE, result=result))
    trial = job["00000000-task_0__abc/result.json"]
    assert {name: trial[name] for name in trial.keys() & {"verifier_result", "exception_info"}} == expected


async def test_the_name_of_an_exception_is_one(tmp_path: Path) -> None:
    job = await export_job(tmp_path, talk(0, date=DATE, result="AgentTimeoutError"))
    found = job["00000000-task_0__abc/result.json"]["exception_info"]
    assert (found["exception_type"], found["occurred_at"]) == ("AgentTimeoutError", DATE)


async def test_no_time_is_made_up(tmp_path: Path) -> None:
    found = talk(0, date="some day")
    bare = atif.Trajectory(schema_version="ATIF-v1.4", agent=found.agent, steps=[found.steps[1]], extra=found.extra)
    job = await export_job(tmp_path, bare)
    assert "result.json" not in job
    assert job["00000000-task_0__abc/result.json"]["started_at"] is None
