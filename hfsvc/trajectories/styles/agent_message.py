"""An agent's message taken apart into thinking, what it says, and calls, in any notation. Pure."""

from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from hfsvc.trajectories.layouts.conversation import CALLS, REASONING, Message
from hfsvc.trajectories.styles.notations import fences, function_tags, terminus_json, terminus_xml, tool_call_tags
from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.openai_calls import calls_of
from hfsvc.trajectories.styles.notations.thinking import split_thinking

_OF_HARNESS = (terminus_json.parse, terminus_xml.parse)


Parse = Callable[[str], ParsedText | Broken]


class Notation(NamedTuple):
    """A way of writing calls into text: `opens` gives where it may start, -1 for nowhere, `parse` what it holds."""

    opens: Callable[[str], int]
    parse: Parse


NOTATIONS = tuple(
    Notation(each.opens, each.parse) for each in (terminus_json, terminus_xml, tool_call_tags, function_tags)
)
FENCES = Notation(fences.opens, fences.parse)


class AgentMessage(NamedTuple):
    """An agent's message, taken apart.

    Attributes:
        reasoning: What it thought; None where it is not told.
        message: What it says, without thinking and calls.
        calls: In order.
        acts: Whether the environment has something to answer.
        kept: Why parts of it stayed text.
    """

    reasoning: str | None
    message: str
    calls: list[Call]
    acts: bool
    kept: list[str]


def read_agent_message(
    message: Message, text: str, *, rejected: str | None = None, fenced: bool = False
) -> AgentMessage:
    """Read an agent's message.

    Args:
        message: Whose fields may hold calls and thinking; the text is looked through for what they do not hold.
        text: Its content.
        rejected: What the harness said of a message that it could not parse, none of which it ran; None for others.
        fenced: Whether the last fenced block is a command.
    """
    reasoning = _thought(message.fields)
    kept: list[str] = []
    rest, closed = text, True
    if reasoning is None:
        reasoning, rest, reason, closed = split_thinking(text)
        kept += [reason] if reason else []
    if message.fields and any(name in message.fields for name in CALLS):
        calls = calls_of(message.fields)
        kept += [calls.reason] if isinstance(calls, Broken) else [each.unread for each in calls if each.unread]
        if isinstance(calls, list) and calls:
            return AgentMessage(reasoning, rest, calls, True, kept)
    if not closed:
        return AgentMessage(None, text, [], False, kept)
    found, reasons = _calls_in(rest, rejected=rejected, fenced=fenced)
    if found is None:
        return AgentMessage(reasoning, rest, [], False, kept + reasons)
    kept += [each.unread for each in found.calls if each.unread]
    return AgentMessage(reasoning, found.message, found.calls, True, kept)


def _thought(fields: Mapping[str, Any]) -> str | None:
    if not fields:
        return None
    values = map(fields.get, REASONING)
    return next((value for value in values if isinstance(value, str) and value.strip()), None)


def _calls_in(text: str, *, rejected: str | None, fenced: bool) -> tuple[ParsedText | None, list[str]]:
    """The calls of the notation that starts first of those that can be read, else why none can be."""
    reasons: list[str] = []
    for parse in _parsers(text, fenced=fenced):
        found = Broken(f"the harness refused it: {rejected}") if rejected and parse in _OF_HARNESS else parse(text)
        if isinstance(found, ParsedText):
            return found, []
        reasons.append(found.reason)
    return None, reasons


def _parsers(text: str, *, fenced: bool) -> Iterator[Parse]:
    notations = (*NOTATIONS, FENCES) if fenced else NOTATIONS
    start = terminus_json.opens(text)
    if start >= 0 and not text[:start].strip():
        # The usual case: nothing can start earlier.
        yield terminus_json.parse
        notations = notations[1:]
    starts = [(start, each.parse) for each in notations if (start := each.opens(text)) >= 0]
    yield from (parse for _, parse in sorted(starts, key=itemgetter(0)))
