"""Files that are the list of one conversation's messages, with nothing around it. Pure.

Source: trajectories of mini-swe-agent (``*.traj.json``), 2025.
"""

from collections.abc import Sequence

from hfsvc.trajectories.layouts.objects import message_of
from hfsvc.trajectories.layouts.traces.turns import Event, Session


def is_of(events: Sequence[Event]) -> bool:
    """Whether a log is of this kind."""
    return bool(events) and all("role" in event for event in events)


def read(events: Sequence[Event]) -> Session:
    """The session of a log."""
    return Session([message_of(event) for event in events], {})
