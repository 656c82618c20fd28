"""What is exported as ``atif-dir`` opens in Harbor's own viewer.

Runs only where HFSVC_PEERS_HARBOR names a Python that has Harbor 0.25 and what its viewer needs: see the noxfile.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import anyio
import pytest

from hfsvc import atif
from hfsvc.export import ExportRequest, export_shards, export_trajectories
from hfsvc.testing import FakeTrajectorySource
from tests.export.documents import EVERYTHING, talk

HARBOR = os.environ.get("HFSVC_PEERS_HARBOR", "")
VIEWER = Path(__file__).with_name("harbor_viewer.py")
DATE = "2025-11-12T22:22:17.361875"
FOUND = [
    talk(0, date=DATE, result="1.0", model_provider="hosted"),
    talk(1, date=DATE, result="AgentTimeoutError"),
    EVERYTHING,
    talk(3, trial_name="odd / name", task="../up"),
]

pytestmark = [
    pytest.mark.skipif(not HARBOR, reason="HFSVC_PEERS_HARBOR names no Python with Harbor"),
]


async def look(folder: Path) -> list[dict[str, Any]]:
    done = await anyio.to_thread.run_sync(
        lambda: subprocess.run([HARBOR, str(VIEWER), str(folder)], capture_output=True, text=True)
    )
    assert done.returncode == 0, done.stderr
    jobs: list[dict[str, Any]] = json.loads(done.stdout)
    return jobs


async def test_the_viewer_shows_every_trial_and_its_trajectory(tmp_path: Path) -> None:
    await export_trajectories(
        FakeTrajectorySource(FOUND), ExportRequest(path=tmp_path, format="atif-dir", job="owner/name")
    )
    (job,) = await look(tmp_path)
    assert (job["name"], job["n_total_trials"], job["result"]["n_total_trials"]) == ("owner-name", 4, 4)
    assert set(job["agents"]) == {"demo", "terminus-2"}
    trials = {trial["name"]: trial for trial in job["trials"]}
    assert list(trials) == [
        "00000000-task_0__abc",
        "00000001-task_1__abc",
        "00000002-run-42",
        "00000003-odd-name",
    ]
    shown = [trial["trajectory"] for trial in trials.values()]
    assert [atif.decode(json.dumps(each)) for each in shown] == FOUND
    first, second, *_ = trials.values()
    assert (first["reward"], first["task_name"], first["model_provider"]) == (1.0, "task_0", "hosted")
    assert (first["agent_name"], first["model_name"], first["started_at"]) == ("terminus-2", "teacher", DATE)
    assert second["error_type"] == "AgentTimeoutError"


async def test_shards_are_jobs_of_their_own(tmp_path: Path) -> None:
    await export_shards(FakeTrajectorySource(FOUND), ExportRequest(path=tmp_path, format="atif-dir"), 2)
    jobs = await look(tmp_path)
    assert sorted(job["name"] for job in jobs) == ["trajectories-00000-of-00002", "trajectories-00001-of-00002"]
    assert [len(job["trials"]) for job in jobs] == [2, 2]
