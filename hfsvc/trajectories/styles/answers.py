"""Calls of a row, and which of them each result answers: by id, by name, in order. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from hfsvc.atif import Content, ObservationResult, ToolCall
from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.styles.content_blocks import Blocks, responses_in
from hfsvc.trajectories.styles.notations.base import Call
from hfsvc.trajectories.styles.notations.openai_calls import id_of
from hfsvc.trajectories.styles.notations.terminus import DONE
from hfsvc.trajectories.styles.open_calls import assign
from hfsvc.trajectories.styles.parts import content_of, openai_content
from hfsvc.trajectories.styles.provenance import INDEX, PART, ROLE, notes_of
from hfsvc.trajectories.styles.roles import Kind
from hfsvc.trajectories.styles.step_draft import StepDraft

_Waiting = tuple[StepDraft, str]
"""A call that waits for its result: the step that made it, and its id there."""


class Answers:
    """The results of a row, each put to the step of its call as it comes.

    Args:
        messages: Of the row.
        kinds: Who speaks in each.
        blocks: The blocks of those that have some, by their places.
        drafts: Of all steps; one is added where a result comes before any agent.

    Attributes:
        agents: The agent's steps so far.
        observations: Results so far.
    """

    def __init__(
        self, messages: Sequence[Message], kinds: Sequence[Kind], blocks: Mapping[int, Blocks], drafts: list[StepDraft]
    ) -> None:
        self.agents: list[StepDraft] = []
        self.observations = 0
        self._messages = messages
        self._kinds = kinds
        self._blocks = blocks
        self._drafts = drafts
        self._turn = 0
        self._called: dict[str, tuple[StepDraft, list[str]]] = {}
        self._caller: StepDraft | None = None
        self._assigned: dict[int, _Waiting | None] = {}
        self._closed: set[tuple[int, str]] = set()

    @property
    def answered(self) -> int:
        """Calls that a result names."""
        return len(self._closed)

    def add_agent(self, index: int, draft: StepDraft, given: list[Call], calls: list[ToolCall]) -> None:
        """The agent speaks.

        Args:
            index: Of the message.
            draft: Its step.
            given: Its calls, as the message has them.
            calls: The same with their ids in the step.
        """
        if index and self._kinds[index - 1] != "agent":
            self._turn = len(self.agents)
        self.agents.append(draft)
        if calls:
            self._caller = draft
            self._remember(draft, given, calls)

    def _remember(self, draft: StepDraft, given: list[Call], calls: list[ToolCall]) -> None:
        ids: dict[str, list[str]] = {}
        for before, call in zip(given, calls, strict=True):
            if before.id is not None:
                ids.setdefault(before.id, []).append(call.tool_call_id)
        for name, made in ids.items():
            self._called[name] = draft, made

    def observe(self, draft: StepDraft, index: int, message: Message) -> None:
        """A user's turn is what the environment answers to the step before."""
        draft.observed = True
        several = responses_in(message.content) if draft.calls and len(draft.calls) > 1 else None
        if several and self._fits(several):
            self.block_results(index, message, several)
            return
        content = content_of(message.content)
        notes = notes_of(message, "user", openai_content(content))
        self._attach(draft, index, _only_call(draft), content, notes and {ROLE: message.role} | notes)

    def result(self, index: int, message: Message) -> None:
        """A tool speaks."""
        id = _answered(message)
        several = responses_in(message.content) if id is None else None
        if several and self._fits(several):
            self.block_results(index, message, several)
            return
        content = content_of(message.content)
        notes = notes_of(message, "user", openai_content(content)) or {}
        self._answer(index, id, self._in_turn(index) if id is None else None, content, notes)

    def _answer(
        self, index: int, id: str | None, waiting: _Waiting | None, content: Content, notes: dict[str, Any]
    ) -> None:
        draft, ids = self._called.get(id or "", (None, []))
        if draft is not None:
            self._attach(draft, index, ids.pop(0) if len(ids) > 1 else ids[0], content, notes)
        elif waiting is not None:
            self._attach(waiting[0], index, waiting[1], content, notes)
        elif self.agents:
            self._attach(self.agents[-1], index, None, content, notes)
        else:
            self._drafts.append(draft := StepDraft("system", "", index - 1, None))
            self._attach(draft, index, None, content, notes)

    def _in_turn(self, index: int) -> _Waiting | None:
        """The call that a result without an id answers, of those that the results around it answer."""
        if index not in self._assigned:
            if not (index + 1 < len(self._messages) and self._is_result(index + 1)):
                return self._assign([_named(self._messages[index])])[0]
            run = list(takewhile(self._is_result, range(index, len(self._messages))))
            ids = [_answered(self._messages[number]) for number in run]
            self._close_named(filter(None, ids))
            without = [number for number, id in zip(run, ids, strict=True) if id is None]
            names = [_named(self._messages[number]) for number in without]
            self._assigned.update(zip(without, self._assign(names), strict=True))
        return self._assigned.get(index)

    def _is_result(self, index: int) -> bool:
        return self._kinds[index] == "tool" and index not in self._blocks

    def _close_named(self, ids: Iterable[str]) -> None:
        """Close the calls that results with ids answer, so that those without go to the others."""
        for id in ids:
            draft, made = self._called.get(id, (None, []))
            if draft is not None:
                self._closed.add(_key(draft, made[0]))

    def _assign(self, names: list[str | None]) -> list[_Waiting | None]:
        turn = [draft for draft in self.agents[self._turn :] if draft.calls]
        steps = turn or ([self._caller] if self._caller else [])
        waiting = [(draft, call) for draft in steps for call in draft.calls or () if self._waits(draft, call)]
        found = assign([call.function_name for _, call in waiting], names)
        return [None if each is None else (waiting[each][0], waiting[each][1].tool_call_id) for each in found]

    def _fits(self, several: Blocks) -> bool:
        """Whether a message has a response for every call that waits for one."""
        return None not in self._assign([each.name for each in several.results])

    def _waits(self, draft: StepDraft, call: ToolCall) -> bool:
        return call.function_name != DONE and _key(draft, call.tool_call_id) not in self._closed

    def block_results(self, index: int, message: Message, blocks: Blocks, *, spoken: bool = False) -> None:
        """Results that are blocks of one message; the first of them holds how the message was."""
        without = [number for number, each in enumerate(blocks.results) if (each.id or "") not in self._called]
        self._close_named(each.id for each in blocks.results if each.id)
        taken = dict(zip(without, self._assign([blocks.results[number].name for number in without]), strict=True))
        notes = {PART: True} if spoken else {ROLE: message.role} | (notes_of(message, "user", None) or {})
        for number, result in enumerate(blocks.results):
            content = content_of(result.content)
            self._answer(index, result.id, taken.get(number), content, {**result.extra, **notes})
            notes = {PART: True}
        if blocks.rest and not spoken:
            self._drafts.append(StepDraft("user", content_of(blocks.rest), index, notes))

    def _attach(
        self, draft: StepDraft, index: int, call: str | None, content: Content, notes: dict[str, Any] | None
    ) -> None:
        if draft.end == index - 1:
            draft.end = index
        else:
            notes = (notes or {}) | ({} if PART in (notes or {}) else {INDEX: index})
        if call is not None:
            self._closed.add((id(draft), call))
        draft.results.append(ObservationResult(source_call_id=call, content=content, extra=notes))
        self.observations += 1


def _key(draft: StepDraft, call: str) -> tuple[int, str]:
    return id(draft), call


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


def _named(message: Message) -> str | None:
    """What a message says that it is a result of."""
    names = (message.fields.get(key) for key in ("name", "tool_name", "toolName"))
    return next((name for name in names if isinstance(name, str) and name), None)
