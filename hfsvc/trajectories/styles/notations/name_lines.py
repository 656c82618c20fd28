"""A call as a name on a line of its own and the JSON of its arguments, as GLM 4 writes it. Only of tools on offer."""

import re
from collections.abc import Callable, Container

from hfsvc.trajectories.styles.notations.base import Broken, ParsedText
from hfsvc.trajectories.styles.notations.openai_calls import call_of

_NAME = re.compile(r"\s*([^\W\d][\w.\-]{0,127})[ \t]*\n\s*(?=\{)")


def opens(text: str, offered: Callable[[], Container[str]]) -> bool:
    """Whether a whole text may be such a call."""
    name = _NAME.match(text)
    return name is not None and text.rstrip().endswith("}") and name[1] in offered()


def parse(text: str) -> ParsedText | Broken:
    """The call that a text is."""
    name = _NAME.match(text)
    if name is None:
        return Broken("it names no function")
    call = call_of({"name": name[1], "arguments": text[name.end() :].strip()})
    if isinstance(call, Broken) or call.unread:
        return Broken(f"the JSON after the name {name[1]!r} does not parse")
    return ParsedText("", [call])
