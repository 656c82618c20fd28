"""Turns of Llama Stack's agents: what was asked, the steps that followed, and what was said at the end. Pure.

Source: ``turns`` of a session, llama-stack 0.1 and 0.2, 2025.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.layouts.frameworks.pieces import Object, plain
from hfsvc.trajectories.layouts.objects import message_of
from hfsvc.trajectories.layouts.traces.turns import TurnBuilder


def is_of(objects: Sequence[Object]) -> bool:
    """Whether messages are of this kind."""
    return all("input_messages" in each and "steps" in each for each in objects)


def read(objects: Sequence[Object]) -> list[Message]:
    """The messages, as the layout ``openai`` has them."""
    turns = TurnBuilder()
    for turn in objects:
        for asked in _objects(turn.get("input_messages")):
            message = message_of(asked)
            turns.add(message.role, message.content, message.fields)
        for step in _objects(turn.get("steps")):
            _read_step(turns, step)
        _read_last(turns, turn.get("output_message"))
    turns.close()
    return turns.messages


def _read_step(turns: TurnBuilder, step: Object) -> None:
    answer = step.get("model_response")
    if isinstance(answer, dict):
        turns.close()
        turns.say(answer.get("content"))
        for call in _objects(answer.get("tool_calls")):
            turns.call(call.get("tool_name"), call.get("arguments"), call.get("call_id"))
    for result in _objects(step.get("tool_responses")):
        name = result.get("tool_name")
        turns.answer(plain(result.get("content")), result.get("call_id"), {"name": name} if name else {})


def _read_last(turns: TurnBuilder, message: Any) -> None:
    said = message.get("content") if isinstance(message, dict) else None
    turns.close()
    # It is what the last step answered, once more.
    if said and not (turns.messages and turns.messages[-1] == Message("assistant", said, {})):
        turns.say(said)
        turns.close()


def _objects(value: Any) -> Iterator[Object]:
    return (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))
