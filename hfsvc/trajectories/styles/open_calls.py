"""Which of the calls that nothing has answered yet a result without an id answers. Pure."""

from collections.abc import Sequence

from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.styles.notations.openai_calls import id_of

_IDS = ("tool_call_id", "call_id", "tool_use_id", "toolCallId")


def assign(calls: Sequence[str], results: Sequence[str | None]) -> list[int | None]:
    """Which call each result answers: the one of its name where there are as many as results of it, else in order.

    Of several results for one call the first answers it.

    Args:
        calls: What is called, and waits for its result.
        results: What each names, if anything.

    Returns:
        For each result the number of a call; None where nothing tells.
    """
    called = [bare_name(call) for call in calls]
    named = [name and bare_name(name) for name in results]
    found: list[int | None] = [None] * len(results)
    left = list(range(len(calls)))
    for name in dict.fromkeys(filter(None, named)):
        waiting = [number for number in left if called[number] == name]
        asking = [number for number, each in enumerate(named) if each == name]
        if len(waiting) == 1 or len(waiting) == len(asking):
            for result, call in zip(asking, waiting, strict=False):
                found[result] = call
            left = [number for number in left if number not in waiting]
    others = [number for number, call in enumerate(found) if call is None]
    # What comes after the result of an only call is more of it, or something else.
    others = others[: len(left)] if len(left) == 1 else others
    if len(others) == len(left):
        for result, call in zip(others, left, strict=True):
            found[result] = call
    return found


def bare_name(name: str) -> str:
    """A function's name without the namespace that harmony puts before it."""
    return name.removeprefix("functions.")


def answered_id(message: Message) -> str | None:
    """The id of the call that a message answers; None where it names none."""
    fields = message.fields
    for key in _IDS:
        if key in fields and (given := id_of(fields[key])):
            return given
    many = fields.get("tool_call_ids")
    return id_of(many[0]) if isinstance(many, list) and len(many) == 1 else None


def result_name(message: Message) -> str | None:
    """What a message says that it is a result of."""
    names = (message.fields.get(key) for key in ("name", "tool_name", "toolName"))
    return next((name for name in names if isinstance(name, str) and name), None)
