"""Thinking that stands before what is said: ``<think>…</think>``, and the same in the marks of other models.

The opening tag ``<think>`` may be missing, since chat templates put it into the prompt; the block may be empty. Source of the
others: Claude and Cline (``<thinking>``), Gemini (``<thought>``), Seed (``<seed:think>``), Command A, Magistral, Kimi.
"""

import re

import msgspec

_CLOSING = "</think>"
_MARKS = {
    "<think>": _CLOSING,
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<seed:think>": "</seed:think>",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
}
_OPENING = re.compile(rf"\s*({'|'.join(map(re.escape, _MARKS))})")
_WITHOUT_ANGLE = frozenset("[◁")


class Thinking(msgspec.Struct, frozen=True, gc=False):
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


def may_think(text: str) -> bool:
    """A quick look, which says of most texts that there is no thinking in them."""
    return "<" in text or text[:1] in _WITHOUT_ANGLE


def split_thinking(text: str) -> Thinking:
    """Part what an agent thought from what it said."""
    opening = _OPENING.match(text)
    if opening and opening[1] != "<think>":
        return _marked(text, opening)
    end = text.find(_CLOSING)
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
