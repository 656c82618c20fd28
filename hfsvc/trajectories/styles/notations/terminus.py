"""What both notations of the Terminus 2 harness have in common: a batch of keystrokes for a terminal.

Source: the harness and its two parsers in Harbor 0.25.
"""

import math
from typing import Any

from hfsvc.trajectories.styles.notations.base import Call

RUN = "bash_command"
DONE = "mark_task_complete"
DEFAULT_DURATION = 1.0
TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": RUN,
            "description": "Send keystrokes to the terminal, then wait before its screen is read.",
            "parameters": {
                "type": "object",
                "properties": {
                    "keystrokes": {"type": "string", "description": "Sent as they are; a line feed runs a command."},
                    "duration": {"type": "number", "description": "Seconds to wait."},
                },
                "required": ["keystrokes"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": DONE,
            "description": "Say that the task is complete.",
            "parameters": {"type": "object", "properties": {}},
        },
    },
]
"""What the harness offers, as schemas: it describes them in its prompt."""
REJECTED = "Previous response had parsing errors:"
"""How the harness answers what it could not parse; nothing of that was run."""


def said(analysis: Any, plan: Any) -> str:
    """What the harness writes as the step's message."""
    if analysis and plan:
        return f"Analysis: {analysis}\nPlan: {plan}"
    lines = [f"Analysis: {analysis}"] if analysis else []
    return "\n".join([*lines, f"Plan: {plan}"] if plan else lines)


def run(keystrokes: str, duration: Any) -> Call:
    """A call that sends keystrokes and waits, by default one second."""
    return Call(RUN, {"keystrokes": keystrokes, "duration": _seconds(duration)})


def done() -> Call:
    """A call that says that the task is complete."""
    return Call(DONE, {})


def _seconds(duration: Any) -> float:
    try:
        seconds = float(duration)
    except (TypeError, ValueError, OverflowError):
        return DEFAULT_DURATION
    return seconds if math.isfinite(seconds) else DEFAULT_DURATION
