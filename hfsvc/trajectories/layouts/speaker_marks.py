"""A conversation in one text, in which marks such as ``Human:`` say who speaks. Pure.

Source: Anthropic's hh-rlhf (2022), glaiveai's function calling (2023), Guanaco's ``### Human:`` and ChatML.
"""

import re
from collections.abc import Mapping, Sequence

from hfsvc.trajectories.layouts.conversation import Message

MARKS = "Human:, USER:, ASSISTANT:, ### Human: or <|im_start|>"
"""The likeliest marks, for words to people."""

_ROLES: Mapping[str, str] = {
    **{name: name for name in ("human", "user", "system", "assistant", "tool", "function")},
    **dict.fromkeys(("gpt", "ai", "bot", "agent"), "assistant"),
    **dict.fromkeys(("function response", "tool response", "observation"), "tool"),
}
_NAMES = sorted(_ROLES, key=len, reverse=True)
# Who speaks in one case of letters does so throughout.
_CASES = [[change(name) for name in _NAMES] for change in (str.upper, str.lower)]
_CASES.append([*(name.title() for name in _NAMES), "AI", "GPT"])
_AT_LINES = [re.compile(rf"(?:^|(?<=\n))[ \t]*({'|'.join(names)}):") for names in _CASES]
_HEADINGS = re.compile(rf"###[ \t]*({'|'.join(_NAMES)}):", re.IGNORECASE)
_CHATML = re.compile(r"<\|im_start\|>[ \t]*(\w+)\n")
_ENDS = ("<|endoftext|>", "<|im_end|>", "</s>")


def spoken(text: str, least: int = 2) -> list[Message]:
    """What marks say that somebody says, in order; nothing where a text does not begin with one.

    Args:
        text: The conversation.
        least: With fewer marks it is none.
    """
    marks = next(filter(None, (_found(text, pattern) for pattern in (_CHATML, _HEADINGS, *_AT_LINES))), [])
    if len(marks) < least:
        return []
    stops = [*(mark.start() for mark in marks[1:]), len(text)]
    messages = [
        Message(_ROLES.get(mark[1].lower(), mark[1]), without_ends(text[mark.end() : stop]))
        for mark, stop in zip(marks, stops, strict=True)
    ]
    # A mark that nothing follows is left to whoever completes the text.
    return messages if messages[-1].content or messages[-1].role != "assistant" else messages[:-1]


def _found(text: str, pattern: re.Pattern[str]) -> Sequence[re.Match[str]]:
    marks = [*pattern.finditer(text)]
    if not marks or text[: marks[0].start()].strip():
        return []
    # Where lines between speakers are empty, a mark within a paragraph is somebody's word.
    apart = [mark for mark in marks[1:] if text.endswith("\n\n", 0, mark.start())]
    return [marks[0], *(apart or marks[1:])]


def without_mark(text: str) -> str:
    """A text without the one mark that it begins with."""
    mark = next(filter(None, (pattern.match(text.lstrip()) for pattern in _AT_LINES)), None)
    return without_ends(text.lstrip()[mark.end() :]) if mark else text


def without_ends(text: str) -> str:
    """A text without blanks around it, and the tokens by which models end theirs."""
    said = text.strip()
    while end := next(filter(said.endswith, _ENDS), None):
        said = said.removesuffix(end).rstrip()
    return said
