"""Calls in tags of their own: ``<read_file><path>a.py</path></read_file>``, only where the tools on offer name them.

Source: Cline, Roo Code and their kin. Every element inside is an argument; its value stays text.
"""

import re
from collections.abc import Container

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.command_tags import ARGUMENTS
from hfsvc.trajectories.styles.notations.text_search import Span, outside

MAX_ARGUMENTS = 32
"""How many elements are looked at, so that time grows with the text alone."""

_TAG = re.compile(r"<([A-Za-z_][\w.\-]{0,63})>")


def opens(text: str, offered: Container[str]) -> int:
    """Where a call of a tool on offer starts; -1 where there is none."""
    # Texts of markup have the same few tags over and over.
    called = [name for name in set(_TAG.findall(text)) if _is_call(name, offered)]
    return min((text.find(f"<{name}>") for name in called), default=-1)


def parse(text: str, offered: Container[str]) -> ParsedText | Broken:
    """All calls of a text."""
    calls, spans = list[Call](), list[Span]()
    for tag in _TAG.finditer(text):
        if not _is_call(tag[1], offered) or (spans and tag.start() < spans[-1][1]):
            continue
        closing = f"</{tag[1]}>"
        end = text.find(closing, tag.end())
        if end < 0:
            return Broken(f"a <{tag[1]}> is never closed")
        calls.append(Call(tag[1], arguments_in(text[tag.end() : end])))
        spans.append((tag.start(), end + len(closing)))
    return ParsedText(outside(text, spans).rstrip(), calls) if calls else Broken("it has no tag of a tool")


def _is_call(name: str, offered: Container[str]) -> bool:
    return name not in ARGUMENTS and name in offered


def arguments_in(body: str) -> dict[str, str]:
    """The elements of a call, by their tags."""
    arguments: dict[str, str] = {}
    position = 0
    for _ in range(MAX_ARGUMENTS):
        tag = _TAG.search(body, position)
        if tag is None:
            break
        # The last one of its name: contents of files may hold the same tag.
        end = body.rfind(f"</{tag[1]}>", tag.end())
        position = tag.end() if end < 0 else end
        if end >= 0:
            arguments[tag[1]] = body[tag.end() : end].removeprefix("\n").removesuffix("\n")
    return arguments
