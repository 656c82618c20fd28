"""The kinds of speakers, by the names that datasets have for them. Pure.

Source: the roles that occur in public datasets of trajectories in 2026; names are compared exactly as those write them.
"""

from typing import Literal

Kind = Literal["agent", "user", "system", "tool", "unknown"]

KINDS: dict[str, Kind] = {
    "assistant": "agent",
    "gpt": "agent",
    "ai": "agent",
    "model": "agent",
    "agent": "agent",
    "function_call": "agent",
    "tool_call": "agent",
    "tool-call": "agent",
    "user": "user",
    "human": "user",
    "system": "system",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "ipython": "tool",
    "tool_response": "tool",
    "tool-response": "tool",
    "environment": "tool",
}

IS_CALL = frozenset({"function_call", "tool_call", "tool-call"})
"""Roles of the agent whose text is a call, or a list of calls."""


def kind_of(role: str | None) -> Kind:
    """What kind of speaker a role is."""
    return KINDS.get(role, "unknown") if role else "unknown"
