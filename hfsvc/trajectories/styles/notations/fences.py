"""A fenced block as the action of a message. Fences also occur in prose, so only where something says that it was run.

That is the reader, who knows the dataset; the answer, which opens with a return code; or the message, whose words are a
``THOUGHT:`` and whose only block is of bash. Source of the two: mini-swe-agent.
"""

import re

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.text_search import outside

RAN = "<returncode>"
"""How an environment opens the answer to a block that it ran."""

_FENCE = re.compile(r"^```.*\n?", re.MULTILINE)
_THOUGHT = re.compile(r"\s*THOUGHT:\s*")
_SHELL = re.compile(r"```(?:bash|mswea_bash_command)[ \t]*\n")


def opens(text: str) -> int:
    """Where the first block starts; -1 where there is none."""
    fence = _FENCE.search(text)
    return fence.start() if fence else -1


def opens_thoughtful(text: str) -> int:
    """Where the only block of a text starts that is a thought and a command of bash; -1 where it is none."""
    fences = list(_FENCE.finditer(text)) if _THOUGHT.match(text) else []
    is_one = len(fences) == 2 and _SHELL.fullmatch(fences[0][0]) and not text[fences[1].start() + 3 :].strip()
    return fences[0].start() if is_one else -1


def parse(text: str) -> ParsedText | Broken:
    """The last block of a message, as a command."""
    fences = list(_FENCE.finditer(text))
    if len(fences) % 2:
        return Broken("a fenced block is never closed")
    opening, closing = fences[-2:]
    command = text[opening.end() : closing.start()].removesuffix("\n")
    message = outside(text, [(opening.start(), closing.end())]).rstrip()
    call = Call("bash", {"command": command})
    thought = _THOUGHT.match(message)
    return ParsedText("", [call], message[thought.end() :] or None) if thought else ParsedText(message, [call])
