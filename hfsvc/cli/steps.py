"""Steps of a trajectory as a person reads them."""

import json
from collections.abc import Iterator

from hfsvc.atif import Content, Step, TextPart


def step_texts(step: Step) -> Iterator[str]:
    """What an agent thinks, what is said, what is called (after ``>``), and what comes back (after ``<``)."""
    if step.reasoning_content:
        yield f"(thinks) {step.reasoning_content.strip()}"
    if (said := _text_of(step.message)) or not (step.tool_calls or step.observation):
        yield said
    for call in step.tool_calls or ():
        yield f"> {call.function_name} {json.dumps(call.arguments, ensure_ascii=False, default=str)}"
    for result in step.observation.results if step.observation else ():
        yield f"< {_text_of(result.content or '')}"


def _text_of(content: Content) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.text if isinstance(part, TextPart) else f"[{part.source.path}]" for part in content)
