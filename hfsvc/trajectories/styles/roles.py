"""The kinds of speakers, by the names that datasets have for them. Pure.

Source: the roles that occur in public datasets of trajectories in 2026. Case counts for nothing, and neither do ``-``, ``_`` and
blanks inside: ``tool-response``, ``toolResponse`` and ``TOOL_RESPONSE`` are one.
"""

from functools import lru_cache
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

_AGENTS = "bot chatbot chatgpt llm aimessage assistantmessage"
_USERS = "prompter usermessage humanmessage"
_CALLS = "functioncall functioncalls toolcall toolcalls tooluse"
_RESULTS = (
    "toolresponse toolresponses toolresult toolresults tooloutput tooloutputs toolmessage functionresponse functionresponses"
    " functionresult functionresults functionoutput functioncalloutput functionmessage observations env executor"
    " executionresult executionresults executionoutput codeexecutionresult"
)
_SQUEEZED: dict[str, Kind] = {
    **{name.replace("_", "").replace("-", ""): kind for name, kind in KINDS.items()},
    **dict.fromkeys(f"{_AGENTS} {_CALLS}".split(), "agent"),
    **dict.fromkeys(_USERS.split(), "user"),
    **dict.fromkeys(["systemmessage"], "system"),
    **dict.fromkeys(_RESULTS.split(), "tool"),
}
_FILLERS = str.maketrans("", "", "-_ ")
_CALL_NAMES = frozenset(_CALLS.split())


def kind_of(role: str | None) -> Kind:
    """What kind of speaker a role is."""
    return KINDS.get(role) or _SQUEEZED.get(_squeezed(role), "unknown") if role else "unknown"


def is_call(role: str | None) -> bool:
    """Whether a role is the agent's, and its text a call, or a list of calls."""
    return role is not None and _squeezed(role) in _CALL_NAMES


@lru_cache(maxsize=256)
def _squeezed(role: str) -> str:
    return role.lower().translate(_FILLERS)
