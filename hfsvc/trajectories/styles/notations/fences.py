"""A fenced block as the action of a message. Fences also occur in prose, so only where a dataset is declared so."""

import re

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.text_search import outside

_FENCE = re.compile(r"^```.*\n?", re.MULTILINE)


def opens(text: str) -> int:
    """Where the first block starts; -1 where there is none."""
    fence = _FENCE.search(text)
    return fence.start() if fence else -1


def parse(text: str) -> ParsedText | Broken:
    """The last block of a message, as a command."""
    fences = list(_FENCE.finditer(text))
    if len(fences) % 2:
        return Broken("a fenced block is never closed")
    opening, closing = fences[-2:]
    command = text[opening.end() : closing.start()].removesuffix("\n")
    message = outside(text, [(opening.start(), closing.end())])
    return ParsedText(message.rstrip(), [Call("bash", {"command": command})])
