"""What chat templates put around messages as tokens of their own, and where calls stand between such. Pure."""

from collections.abc import Callable, Sequence

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.text_search import Span, outside

_ENDS = (
    "<|im_end|>", "<|eom_id|>", "<|eot_id|>", "<|end|>", "<|call|>", "<|return|>", "<|end_of_text|>", "<|endoftext|>", "</s>",
    "<｜end▁of▁sentence｜>",
)  # fmt: skip


def without_end(text: str) -> str:
    """A text without the tokens that end a message."""
    while (stripped := text.rstrip()).endswith(_ENDS):
        text = stripped.removesuffix(next(end for end in _ENDS if stripped.endswith(end)))
    return text


def marked_calls(
    text: str, marks: tuple[str, str, str], around: Sequence[str], call_of: Callable[[str, str], Call | Broken]
) -> ParsedText | Broken:
    """All calls of a text; none where one of them is broken.

    Args:
        text: What was said.
        marks: What opens a call, parts it in two, and closes it.
        around: Tokens around all calls.
        call_of: What the two parts of one are.
    """
    calls, spans = list[Call](), list[Span]()
    while (start := text.find(marks[0], spans[-1][1] if spans else 0)) >= 0:
        parting = text.find(marks[1], start)
        end = text.find(marks[2], parting)
        if min(parting, end) < 0:
            return Broken(f"a {marks[0]} is never closed")
        call = call_of(text[start + len(marks[0]) : parting].strip(), text[parting + len(marks[1]) : end].strip())
        if isinstance(call, Broken):
            return call
        calls.append(call)
        spans.append((start, end + len(marks[2])))
    said = without_end(outside(text, spans))
    for mark in around:
        said = said.replace(mark, "")
    return ParsedText(said.strip(), calls) if calls else Broken(f"it has {around[0]} and no call")
