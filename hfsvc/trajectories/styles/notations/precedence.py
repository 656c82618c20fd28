"""Which notations a text may hold, and which of them is tried first. Pure.

The one place that says so; docs/styles.md has it as a table. A look at the text decides at once that it holds none, as
nearly all do.
"""

import re
from collections.abc import Callable, Container, Iterator
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from hfsvc.trajectories.styles.notations import (
    bare_json,
    call_lists,
    call_tags,
    command_tags,
    deepseek,
    fences,
    function_tags,
    harmony,
    in_prose,
    invoke_tags,
    kimi,
    llama,
    mcp_tags,
    mistral,
    name_lines,
    named_tags,
    python_calls,
    react,
    smolagents,
    terminus_json,
    terminus_xml,
    tool_call_tags,
)
from hfsvc.trajectories.styles.notations.base import Broken, ParsedText
from hfsvc.trajectories.styles.notations.tools import OfferedTools

Parse = Callable[[str], ParsedText | Broken]
Offered = Callable[[], OfferedTools | frozenset[str]]


class Notation(NamedTuple):
    """A way of writing calls into text.

    Attributes:
        name: By which calls are counted.
        opens: Gives where it may start; -1 for nowhere.
        parse: Gives what a text holds.
        sees_all: Whether what stands before the start is for `parse`, too; else it is said before the calls.
    """

    name: str
    opens: Callable[[str], int]
    parse: Parse
    sees_all: bool = True


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A notation that may start at a place in a text; `quoted` where that is in a fence or in quotes, as prose has it."""

    start: int
    notation: Notation
    quoted: bool = False

    def parse(self, text: str) -> ParsedText | Broken:
        """What the text holds, written so."""
        if self.quoted:
            return Broken(f"what looks like a call ({self.notation.name}) stands in a fence or in quotes")
        if self.notation.sees_all:
            return self.notation.parse(text)
        found = self.notation.parse(text[self.start :])
        said = text[: self.start].rstrip()
        if isinstance(found, Broken) or not said:
            return found
        return replace(found, message=f"{said}\n{found.message}" if found.message else said)


TERMINUS_JSON = Notation("terminus-json", terminus_json.opens, terminus_json.parse)
TAGS = (
    Notation("terminus-xml", terminus_xml.opens, terminus_xml.parse),
    Notation("tool_call", tool_call_tags.opens, tool_call_tags.parse),
    Notation("function", function_tags.opens, function_tags.parse),
)
FENCES = Notation("fence", fences.opens, fences.parse)
TOKENS = (
    Notation("harmony", harmony.opens, harmony.parse, sees_all=False),
    Notation("invoke", invoke_tags.opens, invoke_tags.parse, sees_all=False),
    Notation("call-tags", call_tags.opens, call_tags.parse, sees_all=False),
    Notation("use_mcp_tool", mcp_tags.opens, mcp_tags.parse, sees_all=False),
    Notation("kimi", kimi.opens, kimi.parse, sees_all=False),
    Notation("deepseek", deepseek.opens, deepseek.parse, sees_all=False),
    Notation("llama", llama.opens, llama.parse, sees_all=False),
    Notation("execute", command_tags.opens, command_tags.parse, sees_all=False),
)
WORDS = (
    Notation("mistral", mistral.opens, mistral.parse, sees_all=False),
    Notation("smolagents", smolagents.opens, smolagents.parse),
    Notation("react", react.opens, react.parse),
    Notation("fence", fences.opens_thoughtful, fences.parse),
)
FENCED_JSON = Notation("json", lambda _: 0, lambda text: bare_json.parse(call_lists.unfenced(text)))
LINES = Notation("python", lambda _: 0, python_calls.parse_lines)
NAME_LINES = Notation("name-line", lambda _: 0, name_lines.parse)
WHOLE = (
    Notation("python", python_calls.opens, python_calls.parse),
    Notation("json", bare_json.opens, bare_json.parse),
)

_start = attrgetter("start")
_FIRST_OF_ALL = Candidate(0, TERMINUS_JSON)
# The lookahead passes over other tags, of which some texts are full.
_MARKS = re.compile(
    r"<(?=[rtf|｜amiTuesl])(?:response>|tool_calls?>|tool_code>|start_function_call>|longcat_tool_call>|tool_call name=|function=|\|(?:channel|start|python_tag|tools_prefix|tool_call|START_ACTION|action_start)|｜(?:tool|DSML)|antml:|minimax:tool_call>"
    r"|invoke[\s>]|function_calls?>|functioncall>|TOOLCALL>|use_mcp_tool>|execute(?:_bash|_ipython|_browse)?>|search>)"
)
_OF_QWEN_AGENT = "✿FUNCTION✿"
_CLOSING = re.compile(r"<(?:/[a-z_]+>)")
# One rare character in front lets the search skip from one to the next.
_HAS_ACTION = re.compile(r"A(?:ct(?:ion)?|CTION)(?: \d+)?:").search
_HAS_TOKEN = re.compile(r"\[(?:TOOL_CALLS\]|ARGS\])").search
_HAS_LIST = re.compile(r"C(?:alling tools:|ALLING TOOLS:)").search
_HAS_THOUGHT = re.compile(r"\s*T(?:hought|HOUGHT):").match
_HAS_NAME = re.compile(r"\s*(?:```\w*\s*)?[^\W\d][\w.\-]{0,127}(?:\(|[ \t]*\n\s*\{)").match
_FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)
_QUOTES = "`\"'"
_TRIES = 8


def candidates(text: str, *, fenced: bool, offered: Offered) -> Iterator[Candidate]:
    """What to try, in order.

    Args:
        text: What an agent said.
        fenced: Whether the last fenced block is a command.
        offered: Gives the tools on offer, by name; asked only where tags could be theirs.
    """
    start = terminus_json.opens(text)
    first: list[Candidate] = []
    if start == 0 or (start > 0 and not text[:start].strip()):
        # The usual case: nothing can start earlier.
        yield _FIRST_OF_ALL
    elif start > 0:
        first.append(Candidate(start, TERMINUS_JSON))
    tagged = "<" in text
    marked = tagged and _MARKS.search(text) is not None
    if marked:
        first += [_unless_prose(text, found) for found in _found(TAGS, text)]
    if fenced:
        first += _found((FENCES,), text)
    yield from sorted(first, key=_start) if len(first) > 1 else first
    if later := list(_later(text, offered, tagged=tagged, marked=marked)):
        yield from sorted(later, key=_start)
    elif not first and (marked or _OF_QWEN_AGENT in text):
        yield Candidate(0, UNREAD)


def _unread(text: str) -> Broken:
    return Broken(f"what begins with {marks_in(text) or 'a mark in quotes'} stays text")


UNREAD = Notation("unread", lambda _: 0, _unread)


def marks_in(text: str) -> str | None:
    """The first mark of a notation that no prose has by chance; None where there is none."""
    if "<" not in text:
        return next((mark for mark in (mistral.MARK, _OF_QWEN_AGENT) if mark in text), None)
    found = next((mark for mark in _MARKS.finditer(text) if not _is_quoted(text, mark.start())), None)
    return found[0].strip() if found else None


def marks_in_content(content: Any) -> str | None:
    """The same in any text of a content."""
    parts = content if isinstance(content, list) else [content]
    texts = (part.get("text") if isinstance(part, dict) else part for part in parts)
    return next((mark for text in texts if isinstance(text, str) and (mark := marks_in(text))), None)


def _later(text: str, offered: Offered, *, tagged: bool, marked: bool) -> Iterator[Candidate]:
    if marked:
        yield from _outside_quotes(TOKENS, text)
    if tagged and _CLOSING.search(text) and (tools := offered()):
        yield from _outside_quotes((_named(tools),), text)
    lead = text.lstrip()[:1]
    if (
        _HAS_ACTION(text)
        or ("[" in text and _HAS_TOKEN(text))
        or _HAS_LIST(text)
        or (lead == "T" and _HAS_THOUGHT(text))
    ):
        yield from _outside_quotes(WORDS, text)
    if _HAS_NAME(text):
        if python_calls.opens_lines(text, offered):
            yield Candidate(0, LINES)
        if name_lines.opens(text, offered):
            yield Candidate(0, NAME_LINES)
    if lead in {"[", "{"} and (whole := _found(WHOLE, text)):
        yield from whole
    elif (
        text.startswith("```")
        and in_prose.opens_fence(text) != 0
        and bare_json.opens(inner := call_lists.unfenced(text)) >= 0
    ):
        # A fence is how data and examples are shown, too.
        yield Candidate(0, FENCED_JSON, quoted=bare_json.first_name(inner) not in offered())

    elif not marked and in_prose.may_hold(text):
        found = _found(_prose(offered), text)
        yield from (replace(each, quoted=_is_about(text, each.start)) for each in found)


def _prose(offered: Offered) -> tuple[Notation, ...]:
    return (
        Notation("json", in_prose.opens_json, lambda text: in_prose.parse_json_calls(text, offered)),
        Notation(
            "python",
            lambda text: in_prose.opens_python(text, offered),
            lambda text: in_prose.parse_python(text, offered),
        ),
        Notation("tool-fence", in_prose.opens_fence, in_prose.parse_fences),
    )


def _named(names: Container[str]) -> Notation:
    return Notation(
        "named-tags",
        lambda text: named_tags.opens(text, names),
        lambda text: named_tags.parse(text, names),
        sees_all=False,
    )


def _found(notations: tuple[Notation, ...], text: str) -> list[Candidate]:
    return [Candidate(start, each) for each in notations if (start := each.opens(text)) >= 0]


def _outside_quotes(notations: tuple[Notation, ...], text: str) -> Iterator[Candidate]:
    for each in _found(notations, text):
        start = _unquoted(each.notation, text, each.start)
        yield Candidate(each.start if start is None else start, each.notation, quoted=start is None)


def _unless_prose(text: str, found: Candidate) -> Candidate:
    """The same candidate where it is a call, also in a fence that ends the message; else the first outside of fences."""
    if ("```" not in text and text[found.start - 1] not in _QUOTES) or not _is_about(text, found.start):
        return found
    start = _unquoted(found.notation, text, found.start)
    if start is None:
        return replace(found, quoted=True)
    return Candidate(start, found.notation._replace(sees_all=False))


def _is_about(text: str, start: int) -> bool:
    if not _is_quoted(text, start):
        return False
    closing = _FENCE.search(text, start)
    return text[start - 1] in _QUOTES or (closing is not None and bool(text[closing.end() :].strip()))


def _unquoted(notation: Notation, text: str, start: int) -> int | None:
    """The first place from a start on that is in no fence and no quotes, of a few."""
    for _ in range(_TRIES):
        if not _is_quoted(text, start):
            return start
        following = notation.opens(text[start + 1 :])
        if following < 0:
            return None
        start += following + 1
    return None


def _is_quoted(text: str, start: int) -> bool:
    return (start > 0 and text[start - 1] in _QUOTES) or _is_fenced(text, start)


def _is_fenced(text: str, start: int) -> bool:
    return "```" in text and len(_FENCE.findall(text, 0, start)) % 2 == 1
