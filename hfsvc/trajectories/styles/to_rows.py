"""The inverse of both styles: ATIF documents back to the messages of a row. Pure.

Source: the exporter of Harbor 0.25, whose rows most public trajectories are.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from hfsvc.atif import Content, ObservationResult, Step, ToolCall, Trajectory
from hfsvc.trajectories.layouts.conversation import CALLS, REASONING
from hfsvc.trajectories.styles.parts import openai_content
from hfsvc.trajectories.styles.provenance import COLUMN, FIELDS, INDEX, PART, RAW, ROLE

Row = dict[str, Any]
NOTHING: dict[str, Any] = {}


def to_rows(trajectory: Trajectory) -> list[Row]:
    """The messages of a document, as the rows of datasets hold them: ``role``, ``content``, and what else one had.

    Of a document that `style="messages"` or `style="structured"` built, these are the row's messages as they were;
    fields that were null are left out.

    Any other document is written as Harbor's exporter writes it: system steps as user messages, with the tools on offer
    in a ``<tools>`` block before the first; of agent steps the thinking as ``<think>…</think>``, the message, and a
    ``<tool_call>`` block a call, joined by line feeds; an observation's results as one user message, but for the last
    agent step's, which no answer follows. Only two things differ: what comes after that step is kept, and where the
    exporter gives up, at images and recordings, content is a list of parts.
    """
    steps = trajectory.steps
    last = max((index for index, step in enumerate(steps) if step.source == "agent"), default=-1)
    tools = _tools_block(trajectory)
    found: list[tuple[int | None, Row]] = []
    for index, step in enumerate(steps):
        if _is_message(step):
            block, tools = ("", tools) if step.source != "system" or _notes(step) else (tools, "")
            found.append((None, _message(_role(step), _content(step, block), step.extra)))
        found += _observed(step, observes=step.source == "agent" and index != last)
    return _in_order(found)


def written(
    reasoning: str | None, message: Content, calls: Sequence[ToolCall], fields: Mapping[str, Any] = NOTHING
) -> str | list[dict[str, Any]]:
    """The text of an agent's step as the exporter writes it, without what the message's own fields hold."""
    if not isinstance(message, str):
        return openai_content(message)
    if "<" in message and "</think>" in message and "<think>" not in message:
        # What opens the thinking stood in the prompt, and was not generated.
        message = f"<think>{message}"
    if not reasoning and not calls:
        return message
    parts = [f"<think>{reasoning}</think>"] if reasoning and fields.keys().isdisjoint(REASONING) else []
    parts += [message] if message else []
    return "\n".join([*parts, *map(_call_block, calls if fields.keys().isdisjoint(CALLS) else ())])


def _call_block(call: ToolCall) -> str:
    return f"<tool_call>\n{_json({'name': call.function_name, 'arguments': call.arguments})}\n</tool_call>"


def _tools_block(trajectory: Trajectory) -> str:
    tools = trajectory.agent.tool_definitions
    return f"<tools>\n{_json(tools, indent=2)}\n</tools>\n\n" if tools else ""


def _json(value: Any, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str, **options)


def _is_message(step: Step) -> bool:
    """Whether a step stands for a message, not for a column or only for the results that hang on it."""
    extra = step.extra or NOTHING
    results = step.observation.results if step.observation else []
    bare = step.source == "system" and step.message == "" and ROLE not in extra
    return extra.keys().isdisjoint((COLUMN, PART)) and not (
        bare and any(_notes(each) or _is_part(each) for each in results)
    )


def _notes(noted: Step | ObservationResult) -> bool:
    return ROLE in (noted.extra or NOTHING)


def _is_part(noted: ObservationResult) -> bool:
    return PART in (noted.extra or NOTHING)


def _role(step: Step) -> str:
    return "assistant" if step.source == "agent" else "user"


def _content(step: Step, tools: str) -> Any:
    if step.source == "agent":
        fields = (step.extra or NOTHING).get(FIELDS, NOTHING)
        return written(step.reasoning_content, step.message, step.tool_calls or (), fields)
    content = openai_content(step.message)
    if tools and not isinstance(content, str):
        return [{"type": "text", "text": tools}, *content]
    return f"{tools}{content}" if tools else content


def _message(role: str, content: Any, extra: dict[str, Any] | None) -> Row:
    extra = extra or NOTHING
    raw = extra.get(RAW, content)
    message: Row = {"role": extra.get(ROLE, role), "content": raw if isinstance(raw, str | list | None) else content}
    message.update(extra.get(FIELDS, NOTHING))
    return message


def _observed(step: Step, *, observes: bool) -> Iterator[tuple[int | None, Row]]:
    held = step.observation.results if step.observation else []
    results = [each for each in held if each.content is not None and not _is_part(each)]
    for own, group in groupby(results, _notes):
        if own:
            for each in group:
                extra = each.extra or NOTHING
                yield extra.get(INDEX), _message("user", openai_content(each.content or ""), extra)
        elif observes:
            yield None, _message("user", _joined(list(group)), None)


def _joined(results: list[ObservationResult]) -> Any:
    contents = [openai_content(each.content or "") for each in results]
    texts = [each for each in contents if isinstance(each, str)]
    if len(texts) == len(contents):
        return "\n".join(texts)
    listed = ([{"type": "text", "text": each}] if isinstance(each, str) else each for each in contents)
    return [part for parts in listed for part in parts]


def _in_order(found: list[tuple[int | None, Row]]) -> list[Row]:
    messages = [message for position, message in found if position is None]
    placed = [(position, message) for position, message in found if position is not None]
    # From the first position on, so that each finds all that stood before it.
    for position, message in sorted(placed, key=itemgetter(0)):
        messages.insert(position, message)
    return messages
