"""A turn of the Terminus 2 harness as nearly all are: a batch of commands and nothing else, and what the screen showed. Pure.

Millions of rows hold nothing but such turns. They become what any other way would make of them, in a third of the time.
"""

from collections.abc import Sequence

from hfsvc.atif import ObservationResult, ToolCall
from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.styles.content_blocks import responses_in
from hfsvc.trajectories.styles.notations.terminus import DONE, REJECTED, RUN, said
from hfsvc.trajectories.styles.notations.terminus_json import Batch, decode_plain
from hfsvc.trajectories.styles.provenance import RAW
from hfsvc.trajectories.styles.step_draft import StepDraft

NOTATION = "terminus-json"


def plain_turn(messages: Sequence[Message], index: int, turn: int) -> StepDraft | None:
    """The step of an agent's message and of the screen after it; None where anything about the message is unusual.

    Args:
        messages: Of a row in which no tool speaks.
        index: Of the agent's message.
        turn: How many steps the agent had before.
    """
    message = messages[index]
    content = message.content
    if message.role != "assistant" or message.fields or not isinstance(content, str) or "</think>" in content:
        return None
    batch = decode_plain(content)
    screen = _screen(messages, index + 1)
    if batch is None or (screen is not None and screen.startswith(REJECTED)):
        return None
    calls = _calls(batch, turn)
    draft = StepDraft("agent", said(batch.analysis, batch.plan), index, {RAW: content}, None, calls or None, [], True)
    if screen is not None and not (len(calls) > 1 and responses_in(screen)):
        draft.end, draft.observed = index + 1, True
        only = calls[0].tool_call_id if calls and len(batch.commands) == 1 else None
        draft.results = [ObservationResult(source_call_id=only, content=screen)]
    return draft


def _screen(messages: Sequence[Message], index: int) -> str | None:
    """What a user's turn says that is text alone."""
    message = messages[index] if index < len(messages) else None
    if message is None or message.role != "user" or message.fields or not isinstance(message.content, str):
        return None
    return message.content


def _calls(batch: Batch, turn: int) -> list[ToolCall]:
    calls = [
        ToolCall(
            tool_call_id=f"call_{turn}_{number}",
            function_name=RUN,
            arguments={"keystrokes": command.keystrokes, "duration": command.duration},
        )
        for number, command in enumerate(batch.commands, 1)
    ]
    if batch.task_complete:
        calls.append(ToolCall(tool_call_id=f"call_{turn}_task_complete", function_name=DONE, arguments={}))
    return calls
