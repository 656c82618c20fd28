"""An agent's message taken apart into thinking, what it says, and calls, in any notation. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from hfsvc.trajectories.layouts.conversation import CALLS, REASONING, Message
from hfsvc.trajectories.styles.notations import (
    call_lists,
    harmony,
    python_calls,
    smolagents,
    terminus_json,
    terminus_xml,
)
from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.openai_calls import calls_of
from hfsvc.trajectories.styles.notations.precedence import Offered, candidates, marks_in
from hfsvc.trajectories.styles.notations.thinking import may_think, split_thinking
from hfsvc.trajectories.styles.roles import is_call

_OF_HARNESS = (terminus_json.parse, terminus_xml.parse)
_HARNESSES = {"terminus-json", "terminus-xml", "fence"}
"""Notations in which waiting is an action; their texts speak of anything."""

_ENDS = {"answer", "finish", "final_answer", "final answer", "directly-answer", "directly_answer"}
"""Actions of ReAct that nothing comes of; what a user says next is a new task."""


def _nothing() -> frozenset[str]:
    return frozenset()


class AgentMessage(msgspec.Struct, frozen=True, gc=False):
    """An agent's message, taken apart.

    Attributes:
        reasoning: What it thought; None where it is not told.
        message: What it says, without thinking and calls.
        calls: In order.
        acts: Whether the environment has something to answer.
        kept: Why parts of it stayed text.
        notation: In which the calls stand; None where there are none.
    """

    reasoning: str | None
    message: str
    calls: list[Call]
    acts: bool
    kept: list[str]
    notation: str | None = None


_Found = tuple[ParsedText, str]
"""What a message holds, and in which notation."""


def read_agent_message(
    message: Message, text: str, *, rejected: str | None = None, fenced: bool = False, offered: Offered = _nothing
) -> AgentMessage:
    """Read an agent's message.

    Args:
        message: Whose fields may hold calls and thinking; the text is looked through for what they do not hold.
        text: Its content.
        rejected: What the harness said of a message that it could not parse, none of which it ran; None for others.
        fenced: Whether the last fenced block is a command.
        offered: Gives the tools on offer, by name.
    """
    reasoning = _thought(message.fields) if message.fields else None
    kept: list[str] = []
    rest, closed = text, True
    if reasoning is None and may_think(text):
        thinking = split_thinking(text)
        reasoning, rest, closed = thinking.reasoning, thinking.rest, thinking.closed
        kept += [thinking.kept] if thinking.kept else []
    if message.fields and (held := _held(message, rest)):
        if isinstance(held, Broken):
            kept.append(held.reason)
        else:
            return _taken(held, reasoning, kept)
    if not closed:
        return AgentMessage(None, text, [], False, kept)
    as_role = message.role != "assistant" and is_call(message.role)
    if not as_role and rejected is None and (plain := terminus_json.parse_plain(rest)):
        # First of all that could be tried, whatever it holds.
        return AgentMessage(reasoning, plain.message, plain.calls, True, kept, "terminus-json")
    found = (_call_as_role(rest) if as_role else None) or _calls_in(
        rest, rejected=rejected, fenced=fenced, offered=offered
    )
    if isinstance(found, list):
        silent = as_role and not found and rest.strip()
        reasons = [f"its role is {message.role}, and its text holds no call"] if silent else found
        return AgentMessage(reasoning, rest, [], False, kept + reasons)
    return _taken(found, reasoning, kept)


def _taken(found: _Found, reasoning: str | None, kept: list[str]) -> AgentMessage:
    said, notation = found
    message, calls, thought = said.message, said.calls, said.reasoning
    if thought and reasoning is not None:
        # A message has room for one; what stood in a block of its own is it.
        message = "\n".join(filter(None, (thought, message)))
    kept += [each.unread for each in calls if each.unread]
    if notation not in _HARNESSES and (mark := marks_in(message)):
        kept.append(f"its calls are read as {notation}, and what begins with {mark} stays text")
    acts = notation in _HARNESSES or _expects_answer(calls, notation)
    return AgentMessage(thought if reasoning is None else reasoning, message, calls, acts, kept, notation)


def _expects_answer(calls: list[Call], notation: str) -> bool:
    return bool(calls) if notation != "react" else any(each.name.lower() not in _ENDS for each in calls)


def _thought(fields: Mapping[str, Any]) -> str | None:
    if fields.keys().isdisjoint(REASONING):
        return None
    values = map(fields.get, REASONING)
    return next((value for value in values if isinstance(value, str) and value.strip()), None)


def _held(message: Message, text: str) -> _Found | Broken | None:
    """What a message's fields say of calls; None where they say nothing."""
    fields = message.fields
    if not fields.keys().isdisjoint(CALLS):
        calls = calls_of(fields)
        if isinstance(calls, Broken):
            return calls
        if not calls and (written := fields.get("function_calls")):
            return _held_as_text(written, text)
        if calls:
            name = "tool_calls" if fields.get("tool_calls") else "function_call"
            return (ParsedText(text, calls), name)
    said = harmony.of_fields(fields, text)
    return (said, "harmony") if said else None


def _held_as_text(written: Any, text: str) -> _Found | Broken:
    """Calls of the field ``function_calls``: of Python, or JSON in one text or as it is."""
    calls: list[Call] | Broken
    if not isinstance(written, str):
        calls = calls_of({"tool_calls": written if isinstance(written, list) else [written]})
    else:
        calls = _whole(written)
    return calls if isinstance(calls, Broken) else (ParsedText(text, calls), "function_calls")


def _whole(text: str) -> list[Call] | Broken:
    """The calls of a text that can be nothing else: JSON, or of Python."""
    inner = call_lists.unfenced(text).strip()
    if python_calls.opens(inner) >= 0:
        return python_calls.calls_in(inner[1:-1])
    return call_lists.calls_in(inner) if inner.startswith(("{", "[")) else python_calls.calls_in(inner)


def _call_as_role(text: str) -> _Found | None:
    """The calls of a message whose role says that it is one."""
    written = text.removeprefix(smolagents.LISTED).strip()
    if not written.startswith(("{", "[", "```")) and "(" not in written:
        return None
    calls = _whole(written)
    return (ParsedText("", list(map(smolagents.as_code, calls))), "role") if isinstance(calls, list) else None


def _calls_in(text: str, *, rejected: str | None, fenced: bool, offered: Offered) -> _Found | list[str]:
    """The calls of the notation that starts first of those that can be read, else why none can be."""
    reasons: list[str] = []
    for each in candidates(text, fenced=fenced, offered=offered):
        refused = rejected and each.notation.parse in _OF_HARNESS
        found = Broken(f"the harness refused it: {rejected}") if refused else each.parse(text)
        if isinstance(found, ParsedText):
            return (found, each.notation.name)
        reasons.append(found.reason)
    return reasons
