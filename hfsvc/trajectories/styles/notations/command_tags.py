"""Commands in tags that name what runs them: ``<execute>``, ``<execute_bash>``, ``<execute_ipython>``, ``<search>``.

Source: CodeAct (``<execute>``), OpenHands before it had functions (the others), Search-R1 (``<search>``, answered in
``<information>``). The call has the name of the tag.
"""

import re

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.text_search import Span, outside

ARGUMENTS = {
    "execute": "command",
    "execute_bash": "command",
    "execute_ipython": "code",
    "execute_browse": "code",
    "search": "query",
}
_OPENING = re.compile(rf"<({'|'.join(ARGUMENTS)})>[ \t]*\n?")
_ANSWERS = ("<information>", "<execution_results>", "\nObservation:")


def opens(text: str) -> int:
    """Where a command starts; -1 where there is none."""
    opening = _OPENING.search(text)
    return opening.start() if opening else -1


def parse(text: str) -> ParsedText | Broken:
    """All commands of a text."""
    found = commands_in(text)
    if isinstance(found, Broken):
        return found
    calls = [call for call, _ in found]
    said = outside(text, [span for _, span in found])
    if any(mark in said for mark in _ANSWERS):
        return Broken("the answers to its calls stand in the same message")
    return ParsedText(said.rstrip(), calls) if calls else Broken("a command is never closed")


def commands_in(text: str) -> list[tuple[Call, Span]] | Broken:
    """The commands of a text, and where they stand."""
    found: list[tuple[Call, Span]] = []
    while opening := _OPENING.search(text, found[-1][1][1] if found else 0):
        closing = f"</{opening[1]}>"
        end = text.find(closing, opening.end())
        if end < 0:
            return Broken(f"a <{opening[1]}> is never closed")
        call = Call(opening[1], {ARGUMENTS[opening[1]]: _command(opening[1], text[opening.end() : end])})
        found.append((call, (opening.start(), end + len(closing))))
    return found


def _command(name: str, text: str) -> str:
    return text.strip() if name == "search" else text.rstrip().removesuffix("\n")
