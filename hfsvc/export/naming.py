"""Names of trajectories: for people, as ids, and for their own files and folders. Pure."""

import re

from hfsvc.models import TrajectoryRow

LONGEST = 100
_NAMES = ("trial_name", "task")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def title_of(row: TrajectoryRow) -> str:
    """What a person calls it: its trial, task or session."""
    extra = row.trajectory.extra or {}
    found = next((extra[name] for name in _NAMES if isinstance(extra.get(name), str) and extra[name]), None)
    return found or row.trajectory.session_id or row.trajectory.agent.name


def session_of(row: TrajectoryRow) -> str:
    """An id that no other row of the dataset has."""
    trajectory = row.trajectory
    return trajectory.trajectory_id or f"{trajectory.session_id or 'row'}-{row.row}"


def safe_name(row: TrajectoryRow) -> str:
    """A name for a file that every disk takes, that is unique by the row's number and sorts by it."""
    return f"{row.row:08d}-{safe(title_of(row))}".rstrip("-.")


def safe(text: str) -> str:
    """The letters, digits, dots and dashes of a text that strangers wrote, at most `LONGEST` of them."""
    return _UNSAFE.sub("-", text).strip("-.")[:LONGEST].rstrip("-.")
