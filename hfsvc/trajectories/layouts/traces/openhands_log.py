"""Files that are the list of a session's events as OpenHands exports them, with nothing around it. Pure.

Source: ``trajectory.json`` of OpenHands' interface and of its headless mode, 2024 to 2026.
"""

from collections.abc import Sequence

from hfsvc.trajectories.layouts.openhands_events import read_events
from hfsvc.trajectories.layouts.traces.turns import Event, Session


def is_of(events: Sequence[Event]) -> bool:
    """Whether a log is of this kind."""
    return any("source" in event and ("action" in event or "observation" in event) for event in events)


def read(events: Sequence[Event]) -> Session:
    """The session of a log."""
    found = read_events([dict(event) for event in events])
    messages, left_out = ([], []) if isinstance(found, str) else found
    return Session(messages, {"agent": "openhands", **_model(events)}, tuple(left_out))


def _model(events: Sequence[Event]) -> dict[str, str]:
    """The model that the first call names which tells of its making."""
    for event in events:
        made = event.get("tool_call_metadata")
        answer = made.get("model_response") if isinstance(made, dict) else None
        if isinstance(answer, dict) and isinstance(answer.get("model"), str):
            return {"model": answer["model"]}
    return {}
