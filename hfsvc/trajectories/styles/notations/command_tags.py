"""Commands in tags that name what runs them: ``<execute>``, ``<execute_bash>``, ``<execute_ipython>``, ``<search>``.

Source: CodeAct (``<execute>``), OpenHands before it had functions (the others), Search-R1 (``<search>``, answered in
``<information>``). The call has the name of the tag. Prose speaks of these words, too: a command stands at the start of a
line, or ends the message, and nothing follows it on its line.
"""

import re
from itertools import islice

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.special_tokens import without_end
from hfsvc.trajectories.styles.notations.text_search import Span, outside

ARGUMENTS = {
    "execute": "command",
    "execute_bash": "command",
    "execute_ipython": "code",
    "execute_browse": "code",
    "search": "query",
}
_OPENING = re.compile(rf"<({'|'.join(ARGUMENTS)})>[ \t]*\n?")
_LINE_START = re.compile(r"(?:\A|\n|</[a-z_]+>)[ \t]*\Z")
_LINE_END = re.compile(r"[ \t]*(?:\r?\n|<|\Z)")
_BEFORE = 64
"""How many characters before a command are looked at, so that time grows with the text alone."""

_MENTIONS = 32
"""How many marks in prose are passed over, for the same reason."""

_ANSWERED = re.compile(r"\s*<(?:information|execution_results)>")
_ANSWERS = ("<information>", "<execution_results>", "\nObservation:")


def opens(text: str) -> int:
    """Where a command starts; -1 where there is none, or where all stand in prose."""
    opening = _next_opening(text, 0)
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
    while opening := _next_opening(text, found[-1][1][1] if found else 0):
        closing = f"</{opening[1]}>"
        end = text.find(closing, opening.end())
        if end < 0:
            return Broken(f"a <{opening[1]}> is never closed")
        call = Call(opening[1], {ARGUMENTS[opening[1]]: _command(opening[1], text[opening.end() : end])})
        found.append((call, (opening.start(), end + len(closing))))
    return found


def _next_opening(text: str, start: int) -> re.Match[str] | None:
    """The first mark from a place on that prose does not just mention."""
    openings = islice(_OPENING.finditer(text, start), _MENTIONS)
    # After a mention a mark inside of a line may be another one.
    return next((each for nth, each in enumerate(openings) if _is_command(text, each, within_line=not nth)), None)


def _is_command(text: str, opening: re.Match[str], *, within_line: bool) -> bool:
    starts_line = _LINE_START.search(text, max(0, opening.start() - _BEFORE), opening.start()) is not None
    closing = f"</{opening[1]}>"
    end = text.find(closing, opening.end())
    if end < 0:
        return starts_line
    nested = text.find(f"<{opening[1]}>", opening.end(), end)
    if nested >= 0 and not (starts_line and "\n" in text[opening.start() : nested]):
        return False
    after = end + len(closing)
    if starts_line:
        return bool(_LINE_END.match(text, after) or _ANSWERED.match(text, after))
    return within_line and bool(_ANSWERED.match(text, after) or not without_end(text[after:]).strip())


def _command(name: str, text: str) -> str:
    return text.strip() if name == "search" else text.rstrip().removesuffix("\n")
