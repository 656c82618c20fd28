"""Thinking that stands before what is said: ``<think>…</think>``, and the same in the marks of other models.

The opening tag ``<think>`` may be missing, since chat templates put it into the prompt; the block may be empty. Source of the
others: Claude and Cline (``<thinking>``), Gemini (``<thought>``), Seed (``<seed:think>``), Command A, Magistral, Kimi.
"""

import re
from typing import NamedTuple

_OPENING = re.compile(r"\s*<think>")
_CLOSING = "</think>"
_MARKS = {
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<seed:think>": "</seed:think>",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
}
_OTHER = re.compile(rf"\s*({'|'.join(map(re.escape, _MARKS))})")
_FIRST = frozenset("<[◁ \n\t\r")


class Thinking(NamedTuple):
    """A text in two parts.

    Attributes:
        reasoning: What stood in the block, as it is; None where that is blank or there is no block.
        rest: The text after it, leading line feeds removed; the whole text where there is no block.
        kept: What looks like thinking and stays in `rest`; None where nothing does.
        closed: False where a block is never closed: nothing in the text is more than text then.
    """

    reasoning: str | None
    rest: str
    kept: str | None = None
    closed: bool = True


def split_thinking(text: str) -> Thinking:
    """Part what an agent thought from what it said."""
    if text[:1] in _FIRST and (other := _OTHER.match(text)):
        return _marked(text, other)
    if "<" not in text:
        return Thinking(None, text)
    end = text.find(_CLOSING)
    opening = _OPENING.match(text)
    if end < 0 or (opening and end < opening.end()):
        return Thinking(None, text, "a <think> is never closed", closed=False) if opening else Thinking(None, text)
    begin = opening.end() if opening else 0
    thought, rest = text[begin:end], text[end + len(_CLOSING) :].lstrip("\r\n")
    if opening is None and ("<think>" in thought or text.lstrip().startswith("{")):
        return Thinking(None, text, "a <think> block stands inside the text")
    kept = "only the first <think> block is taken out" if _CLOSING in rest else None
    return Thinking(thought if thought.strip() else None, rest, kept)


def _marked(text: str, opening: re.Match[str]) -> Thinking:
    """The same between the marks of another model."""
    closing = _MARKS[opening[1]]
    end = text.find(closing, opening.end())
    if end < 0:
        return Thinking(None, text, f"a {opening[1]} is never closed")
    thought, rest = text[opening.end() : end], text[end + len(closing) :].lstrip("\r\n")
    kept = f"only the first {opening[1]} block is taken out" if closing in rest else None
    return Thinking(thought if thought.strip() else None, rest, kept)
