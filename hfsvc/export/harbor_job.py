"""The format ``atif-dir``: the folder of a Harbor job, which ``harbor view`` opens, a trial a trajectory.

Source: what the viewer of Harbor 0.25.0 reads, ``<jobs>/<job>/<trial>/{result.json,agent/trajectory.json}``.
"""

import math
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from hfsvc import atif
from hfsvc.export.kept import with_kept_extra
from hfsvc.export.lines import json_line
from hfsvc.export.naming import safe_name, title_of
from hfsvc.models import TrajectoryRow

Json = dict[str, Any]

_NAMESPACE = uuid.UUID("6f0c0c3e-5d3c-5f0a-9a53-3a6a4f1f3b7e")
_MAX_AGENTS = 50


class Trial(NamedTuple):
    """A trajectory as the files of a trial, and what the job counts of it.

    Attributes:
        name: Of its folder.
        document: The trajectory.
        result: What is said of it.
        agent: Its name, and that of its model.
        started: When it began, as far as that is known.
    """

    name: str
    document: bytes
    result: bytes
    agent: tuple[str, str | None]
    started: str | None


def trial_files(rows: Sequence[TrajectoryRow], job: Path) -> list[Trial]:
    """The trials of rows, for the folder of a job that will be there in the end."""
    return [_trial(row, job) for row in rows]


def _trial(row: TrajectoryRow, job: Path) -> Trial:
    name, agent = safe_name(row), row.trajectory.agent
    result = trial_result(row, name, job)
    document = atif.encode(with_kept_extra(row))
    return Trial(name, document, json_line(result), (agent.name, agent.model_name), result["started_at"])


class HarborJob:
    """Writes trials into the folder of a job.

    Args:
        folder: Exists, and is empty.
        destination: Where the folder will be in the end.

    Attributes:
        written: Bytes of trajectories so far.
    """

    def __init__(self, folder: Path, destination: Path) -> None:
        self.written = 0
        self._folder = folder
        self._destination = destination
        self._trials = 0
        self._started: str | None = None
        self._agents: dict[tuple[str, str | None], None] = {}

    def add(self, trials: Sequence[Trial]) -> None:
        """Add trials."""
        for trial in trials:
            self._add(trial)

    def _add(self, trial: Trial) -> None:
        folder = self._folder / trial.name
        (folder / "agent").mkdir(parents=True)
        (folder / "agent" / "trajectory.json").write_bytes(trial.document)
        (folder / "result.json").write_bytes(trial.result)
        self.written += len(trial.document)
        self._count(trial)

    def _count(self, trial: Trial) -> None:
        self._trials += 1
        if len(self._agents) < _MAX_AGENTS:
            self._agents[trial.agent] = None
        if trial.started and trial.started < (self._started or "9"):
            self._started = trial.started

    def finish(self) -> None:
        """Add what is said of the job as a whole."""
        agents = [{"name": name, "model_name": model} for name, model in self._agents]
        config = {"job_name": self._destination.name, "agents": agents}
        (self._folder / "config.json").write_bytes(json_line(config))
        if self._started:
            # The viewer wants a time with it, and lists jobs without it as well.
            result = job_result(self._destination.name, self._trials, self._started)
            (self._folder / "result.json").write_bytes(json_line(result))


def job_result(name: str, trials: int, started: str) -> Json:
    """``result.json`` of a job that is done."""
    return {
        "id": str(uuid.uuid5(_NAMESPACE, name)),
        "started_at": started,
        "finished_at": None,
        "n_total_trials": trials,
        "stats": {"n_completed_trials": trials},
    }


def trial_result(row: TrajectoryRow, trial: str, job: Path) -> Json:
    """``result.json`` of a trial; what a dataset does not tell is left out."""
    agent, extra = row.trajectory.agent, row.trajectory.extra or {}
    task = _text(extra.get("task")) or title_of(row)
    model = {"name": agent.model_name, "provider": _text(extra.get("model_provider"))} if agent.model_name else None
    started = _time(extra.get("date")) or _time(row.trajectory.steps[0].timestamp)
    return {
        "id": str(uuid.uuid5(_NAMESPACE, f"{job.name}/{trial}")),
        "task_name": task,
        "trial_name": trial,
        "trial_uri": (job.absolute() / trial).as_uri(),
        "task_id": {"path": task},
        "source": _text(extra.get("source")),
        "task_checksum": "",
        "config": {"task": {"path": task}, "trial_name": trial, "agent": {"name": agent.name}},
        "agent_info": {"name": agent.name, "version": agent.version, "model_info": model},
        "started_at": started,
        **_outcome(extra.get("result"), started),
    }


def _outcome(result: Any, started: str | None) -> Json:
    """A result is a reward, or the name of an exception."""
    if result is None or isinstance(result, bool):
        return {} if result is None else {"verifier_result": {"rewards": {"reward": int(result)}}}
    try:
        reward = float(result)
    except (TypeError, ValueError, OverflowError):
        error = {"exception_type": str(result), "exception_message": "", "exception_traceback": ""}
        # The viewer wants a time of it.
        return {"exception_info": error | {"occurred_at": started}} if started else {}
    return {"verifier_result": {"rewards": {"reward": reward}}} if math.isfinite(reward) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _time(value: Any) -> str | None:
    try:
        return datetime.fromisoformat((_text(value) or "").replace("Z", "+00:00")).isoformat()
    except ValueError:
        return None
