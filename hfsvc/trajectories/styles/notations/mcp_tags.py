"""Calls of a server's tool in tags: ``<use_mcp_tool>`` with ``<server_name>``, ``<tool_name>`` and ``<arguments>``.

Source: Cline and its kin, and datasets of MCP agents that were prompted as it prompts. Arguments are JSON; the server is
kept in the call's ``extra``.
"""

import re

import msgspec

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.openai_calls import call_of
from hfsvc.trajectories.styles.notations.text_search import Span, between, outside

_OPENING, _CLOSING = "<use_mcp_tool>", "</use_mcp_tool>"
_ARGUMENTS = re.compile(r"<arguments>(.*)</arguments>", re.DOTALL)


def opens(text: str) -> int:
    """Where a call starts; -1 where there is none."""
    return text.find(_OPENING)


def parse(text: str) -> ParsedText | Broken:
    """All calls of a text."""
    calls, spans = list[Call](), list[Span]()
    while span := between(text, _OPENING, _CLOSING, spans[-1][1] if spans else 0):
        call = _call(text[slice(*span)])
        if isinstance(call, Broken):
            return call
        calls.append(call)
        spans.append((span[0] - len(_OPENING), span[1] + len(_CLOSING)))
    return ParsedText(outside(text, spans).rstrip(), calls) if calls else Broken("a <use_mcp_tool> is never closed")


def _call(body: str) -> Call | Broken:
    name = between(body, "<tool_name>", "</tool_name>")
    if name is None or not body[slice(*name)].strip():
        return Broken("a <use_mcp_tool> names no tool")
    server = between(body, "<server_name>", "</server_name>")
    arguments = _ARGUMENTS.search(body)
    call = call_of({"name": body[slice(*name)].strip(), "arguments": arguments[1].strip() if arguments else None})
    if isinstance(call, Broken) or server is None:
        return call
    return msgspec.structs.replace(call, extra={"server_name": body[slice(*server)].strip()})
