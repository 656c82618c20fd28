"""Full-text search in documents: where a run says some words, in any of its steps. Pure."""

from collections.abc import Iterator
from typing import Any

import msgspec

from hfsvc import atif

EXCERPT_BEFORE = 40
EXCERPT_AFTER = 120


class TextHit(msgspec.Struct, frozen=True, kw_only=True):
    """The first place of a document that has some words: the number of its step, and the text around them."""

    step: int
    before: str
    found: str
    after: str


def find_text(trajectory: atif.Trajectory, words: str) -> TextHit | None:
    """The first place that has these words, as they follow each other; case does not count, and any blanks are one."""
    wanted = _folded(words)
    for step in trajectory.steps:
        for text in texts_of(step):
            # Folding is quick; to put a text on one line costs more, and is done of those that may be it.
            if (wanted in text.lower() or " " in wanted) and (hit := _hit(step.step_id, text, wanted)):
                return hit
    return None


def texts_of(step: atif.Step) -> Iterator[str]:
    """All texts of a step that people read: what is said, thought, called and observed."""
    yield from _said(step.message)
    if step.reasoning_content:
        yield step.reasoning_content
    for call in step.tool_calls or ():
        yield call.function_name
        yield from _strings(call.arguments)
    for result in step.observation.results if step.observation else ():
        yield from _said(result.content)


def _hit(step: int, text: str, wanted: str) -> TextHit | None:
    line = " ".join(text.split())
    start = line.lower().find(wanted)
    if start < 0:
        return None
    stop = start + len(wanted)
    before = line[max(0, start - EXCERPT_BEFORE) : start]
    return TextHit(step=step, before=before, found=line[start:stop], after=line[stop : stop + EXCERPT_AFTER])


def _folded(words: str) -> str:
    return " ".join(words.split()).lower()


def _said(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif content:
        yield from (part.text for part in content if isinstance(part, atif.TextPart))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
