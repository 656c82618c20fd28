"""Messages of a row into ATIF steps: who says what, which results belong to which step. Pure."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from hfsvc.atif import Content, Observation, ObservationResult, Source, Step, ToolCall
from hfsvc.models import KeptText
from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.styles.agent_message import AgentMessage, read_agent_message
from hfsvc.trajectories.styles.notations.base import Call
from hfsvc.trajectories.styles.notations.openai_calls import id_of
from hfsvc.trajectories.styles.notations.terminus import DONE, REJECTED
from hfsvc.trajectories.styles.notations.tools import Tools, tools_in
from hfsvc.trajectories.styles.parts import content_of, openai_content
from hfsvc.trajectories.styles.provenance import COLUMN, INDEX, ROLE, notes_of
from hfsvc.trajectories.styles.roles import kind_of
from hfsvc.trajectories.styles.to_rows import written

_OBSERVED = re.compile(
    r"New Terminal Output:|Current Terminal Screen:|Current terminal state:|Previous response had|OBSERVATION:"
    r"|Observation:|EXECUTION RESULT of \[|<tool_response>|<returncode>|<output>"
)
"""How environments open what they say in a user's turn."""


class StepDraft:
    """A step that later messages may still add to.

    Attributes:
        end: The message that the next one of this step follows.
        acts: Whether a user's turn after it is the environment's.
        observed: Whether one was.
    """

    __slots__ = ("acts", "calls", "end", "extra", "message", "observed", "reasoning", "results", "source")

    def __init__(self, source: Source, message: Content, end: int, extra: dict[str, Any] | None) -> None:
        self.source: Source = source
        self.message = message
        self.end = end
        self.extra = extra
        self.reasoning: str | None = None
        self.calls: list[ToolCall] | None = None
        self.results: list[ObservationResult] = []
        self.acts = self.observed = False


class StepBuilder:
    """Builds the steps of a row from its messages, read one after the other.

    Args:
        messages: At least one.
        fenced: Whether the last fenced block of an agent's message is a command.

    Attributes:
        tools: That a prompt offers; None where none does.
        reasoning: Steps with thinking.
        calls: Made.
        observations: Messages that became results.
        kept: Messages that look like more than text, and stayed it.
    """

    def __init__(self, messages: Sequence[Message], *, fenced: bool) -> None:
        self.tools: Tools | None = None
        self.reasoning = self.calls = self.observations = 0
        self.kept: list[KeptText] = []
        self._messages = messages
        self._fenced = fenced
        self._drafts: list[StepDraft] = []
        self._agents: list[StepDraft] = []
        self._called: dict[str, tuple[StepDraft, list[str]]] = {}
        self._kinds = [kind_of(message.role) for message in messages]
        self._answered_by_tools = "tool" in self._kinds

    def read(self, *, system: str | None) -> None:
        """Read all messages, after the prompt that a column holds."""
        if system is not None:
            self._drafts.append(StepDraft("system", system, -1, {COLUMN: "system"}))
        for index, (kind, message) in enumerate(zip(self._kinds, self._messages, strict=True)):
            if kind == "agent":
                self._add_agent(index, message)
            elif kind == "tool":
                self._result(index, message)
            elif kind == "user" and self._is_observation(index, message):
                self._observe(index, message)
            else:
                self._say("user" if kind == "user" else "system", index, message)

    def steps(self) -> list[Step]:
        """The steps of what was read."""
        if self._agents:
            _mark_last(self._agents[-1])
        return [_step(number, draft) for number, draft in enumerate(self._drafts, 1)]

    # ---- who speaks -------------------------------------------------------------------------------------------------

    def _say(self, source: Source, index: int, message: Message) -> None:
        content = content_of(message.content)
        extra = notes_of(message, "user", openai_content(content))
        if self.tools is None and not self._agents and isinstance(content, str) and (found := tools_in(content)):
            self.tools, (start, end) = found
            if not content[:start].strip():
                content = content[end:].lstrip("\n")
                extra = notes_of(message, "user", content)
        self._drafts.append(StepDraft(source, content, index, extra))

    def _add_agent(self, index: int, message: Message) -> None:
        content = content_of(message.content)
        text = content if isinstance(content, str) else ""
        read = read_agent_message(message, text, rejected=self._rejection(index), fenced=self._fenced)
        calls = _with_ids(read.calls, len(self._agents))
        said = read.message if isinstance(content, str) else content
        draft = StepDraft("agent", said, index, _agents_notes(message, read, said, calls))
        draft.reasoning = read.reasoning
        draft.calls = calls or None
        draft.acts = read.acts and not self._answered_by_tools
        self._drafts.append(draft)
        self._agents.append(draft)
        self._remember(draft, read.calls, calls)
        self.reasoning += read.reasoning is not None
        self.calls += len(calls)
        self.kept += [KeptText(message=index, reason=reason) for reason in read.kept]

    def _rejection(self, index: int) -> str | None:
        after = self._messages[index + 1].content if index + 1 < len(self._messages) else None
        if not isinstance(after, str) or not after.startswith(REJECTED):
            return None
        return after.removeprefix(REJECTED).lstrip().partition("\n")[0] or REJECTED

    def _remember(self, draft: StepDraft, given: list[Call], calls: list[ToolCall]) -> None:
        ids: dict[str, list[str]] = {}
        for before, call in zip(given, calls, strict=True):
            if before.id is not None:
                ids.setdefault(before.id, []).append(call.tool_call_id)
        for name, made in ids.items():
            self._called[name] = draft, made

    # ---- what comes back --------------------------------------------------------------------------------------------

    def _is_observation(self, index: int, message: Message) -> bool:
        draft = self._drafts[-1] if self._drafts else None
        if draft is None or draft.source != "agent" or draft.observed or draft.end != index - 1:
            return False
        opened = isinstance(message.content, str) and _OBSERVED.match(message.content)
        return bool(opened or (draft.acts and not draft.results))

    def _observe(self, index: int, message: Message) -> None:
        draft = self._drafts[-1]
        draft.observed = True
        content = content_of(message.content)
        notes = notes_of(message, "user", openai_content(content))
        self._attach(draft, index, _only_call(draft), content, notes and {ROLE: message.role} | notes)

    def _result(self, index: int, message: Message) -> None:
        content = content_of(message.content)
        notes = notes_of(message, "user", openai_content(content)) or {}
        name = _answered(message)
        draft, ids = self._called.get(name or "", (None, []))
        if draft is not None:
            self._attach(draft, index, ids.pop(0) if len(ids) > 1 else ids[0], content, notes)
        elif self._agents:
            draft = self._agents[-1]
            self._attach(draft, index, _only_call(draft) if name is None else None, content, notes)
        else:
            self._drafts.append(draft := StepDraft("system", "", index - 1, None))
            self._attach(draft, index, None, content, notes)

    def _attach(
        self, draft: StepDraft, index: int, call: str | None, content: Content, notes: dict[str, Any] | None
    ) -> None:
        if draft.end == index - 1:
            draft.end = index
        else:
            notes = (notes or {}) | {INDEX: index}
        draft.results.append(ObservationResult(source_call_id=call, content=content, extra=notes))
        self.observations += 1


def _step(number: int, draft: StepDraft) -> Step:
    return Step(
        step_id=number,
        source=draft.source,
        message=draft.message,
        reasoning_content=draft.reasoning,
        tool_calls=draft.calls,
        observation=Observation(results=draft.results) if draft.results else None,
        extra=draft.extra,
    )


def _mark_last(draft: StepDraft) -> None:
    """Say of the last step's observation that it was a message: of other documents, the exporter leaves it out."""
    for number, result in enumerate(draft.results):
        if result.extra is None:
            draft.results[number] = msgspec.structs.replace(result, extra={ROLE: "user"})


def _agents_notes(message: Message, read: AgentMessage, said: Content, calls: list[ToolCall]) -> dict[str, Any] | None:
    if calls and not message.fields and not str(message.content).endswith("</tool_call>"):
        # In another notation than the exporter's: no need to write them to see that they differ.
        return notes_of(message, "assistant", None)
    return notes_of(message, "assistant", written(read.reasoning, said, calls, message.fields))


def _with_ids(calls: list[Call], turn: int) -> list[ToolCall]:
    """Calls with the ids they have, or are given: as the Terminus 2 harness counts, turns from 0 and calls from 1."""
    taken: dict[str, int] = {}
    made = []
    for number, (name, arguments, given, unread) in enumerate(calls, 1):
        id = _unique(given or f"call_{turn}_{'task_complete' if name == DONE else number}", taken)
        extra = {"unread": unread} if unread else None
        made.append(ToolCall(tool_call_id=id, function_name=name, arguments=arguments, extra=extra))
    return made


def _unique(name: str, taken: dict[str, int]) -> str:
    while name in taken:
        taken[name] += 1
        name = f"{name}_{taken[name]}"
    taken[name] = 1
    return name


def _only_call(draft: StepDraft) -> str | None:
    """The call that a result without an id answers: the only one, the end of the task left aside."""
    if draft.calls is None:
        return None
    calls = [call for call in draft.calls if call.function_name != DONE]
    return calls[0].tool_call_id if len(calls) == 1 else None


def _answered(message: Message) -> str | None:
    """The id of the call that a message answers; None where it names none."""
    many = message.fields.get("tool_call_ids")
    only = many[0] if isinstance(many, list) and len(many) == 1 else None
    return id_of(message.fields.get("tool_call_id")) or id_of(only)
