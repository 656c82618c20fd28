"""smolagents: ``Thought: …`` and code in ``<code>`` or a fence that ``<end_code>`` follows; ``Calling tools:`` and a list.

Source: its code agents, whose code goes to ``python_interpreter``, and the memory of its steps, a list of Python, in which
the action of a step stands once more. Its results open with ``Call id:``.
"""

import re
from typing import Any

from msgspec.structs import replace

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.call_lists import calls_in
from hfsvc.trajectories.styles.notations.openai_calls import RAW

TOOL = "python_interpreter"
LISTED = "Calling tools:"
_ANSWERED = re.compile(r"Call id: (\S+)\s*\n")
_LISTED = re.compile(r"^Calling tools:[ \t]*\n?", re.MULTILINE)
_THOUGHT = re.compile(r"\s*Thought:\s*")
_LABEL = re.compile(r"(?:^|\n)[ \t]*Code:[ \t]*\Z")
_OPENING = re.compile(r"```(?:py|python)[ \t]*\n|<code>[ \t]*\n?")
_END = re.compile(r"\s*(?:<end_code>|\Z)")


def opens(text: str) -> int:
    """Where code or calls start; -1 where there are none. A fence alone is prose."""
    if LISTED in text and (listed := _LISTED.search(text)):
        return listed.start()
    is_code = "<end_code>" in text or "code>" in text or "\nCode:" in text
    if not is_code or not _THOUGHT.match(text):
        return -1
    opening = _OPENING.search(text)
    is_cut = opening is not None and text.find("```" if opening[0].startswith("`") else "</code>", opening.end()) < 0
    code = _code(text)
    return code[0] if code else opening.start() if opening and is_cut else -1


def parse(text: str) -> ParsedText | Broken:
    """The code of a message, or its calls."""
    if listed := _LISTED.search(text):
        calls = calls_in(text[listed.end() :].strip())
        if isinstance(calls, Broken):
            return calls
        return ParsedText(text[: listed.start()].rstrip(), list(map(as_code, calls)))
    found = _code(text)
    if found is None:
        return Broken("its code is never closed")
    start, end, code = found
    before = _LABEL.sub("", text[:start].rstrip())
    thought = _THOUGHT.match(before)
    call, after = Call(TOOL, {"code": code}), text[end:].strip()
    return ParsedText(after, [call], before[thought.end() :].strip() or None) if thought else ParsedText(before, [call])


def restates(told: list[Call], made: list[Call]) -> bool:
    """Whether the calls of a message are those of the one before, as the memory of a step has them."""
    return bool(made) and [_plain(each) for each in told] == [_plain(each) for each in made]


def answered(text: str) -> str | None:
    """The id of the call that a result answers; None where it names none."""
    found = _ANSWERED.match(text)
    return found[1] if found else None


def as_code(call: Call) -> Call:
    """A call whose arguments are the code itself."""
    code = call.arguments.get(RAW)
    is_code = call.name == TOOL and isinstance(code, str) and call.arguments.keys() == {RAW}
    return replace(call, arguments={"code": code}, unread=None) if is_code and not call.extra else call


def _plain(call: Call) -> tuple[str, Any]:
    code = call.arguments.get("code")
    return call.name, code.strip() if isinstance(code, str) else call.arguments


def _code(text: str) -> tuple[int, int, str] | None:
    """Where the code stands, with what is around it, and the code."""
    opening = _OPENING.search(text)
    if opening is None:
        return None
    closing = "```" if opening[0].startswith("`") else "</code>"
    end = text.find(closing, opening.end())
    while end >= 0:
        if after := _END.match(text, end + len(closing)):
            return opening.start(), after.end(), text[opening.end() : end].removesuffix("\n")
        # Code may hold a fence itself.
        end = text.find(closing, end + len(closing))
    return None
