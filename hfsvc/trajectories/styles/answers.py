"""Calls of a row, and which of them each result answers: by id, by name, in order. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from hfsvc.atif import Content, ObservationResult, ToolCall
from hfsvc.models import KeptText
from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.styles.agent_reader import AgentReader
from hfsvc.trajectories.styles.content_blocks import Blocks, responses_in
from hfsvc.trajectories.styles.notations import smolagents
from hfsvc.trajectories.styles.notations.base import Broken, Call
from hfsvc.trajectories.styles.notations.openai_calls import all_of, calls_of
from hfsvc.trajectories.styles.notations.terminus import DONE
from hfsvc.trajectories.styles.open_calls import answered_id, assign, bare_name, result_name
from hfsvc.trajectories.styles.parts import content_of
from hfsvc.trajectories.styles.provenance import INDEX, PART, ROLE, noted_content, notes_of
from hfsvc.trajectories.styles.roles import Kind
from hfsvc.trajectories.styles.step_draft import StepDraft

_Waiting = tuple[StepDraft, str]
"""A call that waits for its result: the step that made it, and its id there."""

_Place = tuple[int, int]
"""Where a result stands: the message, and which of its blocks it is."""

MOST_STEPS = 64
"""How many steps are looked through for open calls of earlier turns, so that time grows with the length of a row alone."""


class _Result(NamedTuple):
    """A result that stands somewhere ahead."""

    place: _Place
    id: str | None
    name: str | None


class Answers:
    """The results of a row, each put to the step of its call as it comes.

    Args:
        messages: Of the row.
        kinds: Who speaks in each.
        blocks: The blocks of those that have some, by their places.
        drafts: Of all steps; one is added where a result comes before any agent.
        reader: Of the agent's messages.
        kept: Messages that are not understood; more are added.

    Attributes:
        agents: The agent's steps so far.
        observations: Results so far.
    """

    def __init__(
        self,
        messages: Sequence[Message],
        kinds: Sequence[Kind],
        blocks: Mapping[int, Blocks],
        drafts: list[StepDraft],
        *,
        reader: AgentReader,
        kept: list[KeptText],
    ) -> None:
        self.agents: list[StepDraft] = []
        self.observations = 0
        self._messages = messages
        self._kinds = kinds
        self._blocks = blocks
        self._drafts = drafts
        self._reader = reader
        self._kept = kept
        self._turn = 0
        self._called: dict[str, list[_Waiting]] = {}
        self._caller: StepDraft | None = None
        self._assigned: dict[_Place, _Waiting | None] = {}
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
        self._begin_step(index, draft)
        if [call for call in given if call.id is not None]:
            self._remember(draft, given, calls)

    def add_plain(self, index: int, draft: StepDraft) -> None:
        """The agent speaks, and what came of it is with its step already.

        Args:
            index: Of the message.
            draft: Its step; its calls have no ids in the row.
        """
        self._begin_step(index, draft)
        for result in draft.results:
            self.observations += 1
            if result.source_call_id is not None:
                self._closed.add((id(draft), result.source_call_id))

    def _begin_step(self, index: int, draft: StepDraft) -> None:
        if index and self._kinds[index - 1] != "agent":
            self._turn = len(self.agents)
        self.agents.append(draft)
        if draft.calls:
            self._caller = draft

    def _remember(self, draft: StepDraft, given: list[Call], calls: list[ToolCall]) -> None:
        made: dict[str, list[_Waiting]] = {}
        for before, call in zip(given, calls, strict=True):
            if before.id is not None:
                made.setdefault(before.id, []).append((draft, call.tool_call_id))
        for id, waiting in made.items():
            # Ids may be counted anew in every turn; in one turn each of them is another call.
            earlier = self._called.get(id)
            self._called[id] = [*filter(self._is_of_turn, earlier), *waiting] if earlier else waiting

    def _is_of_turn(self, waiting: _Waiting) -> bool:
        return _key(*waiting) not in self._closed and waiting[0] in self.agents[self._turn :]

    def observe(self, draft: StepDraft, index: int, message: Message) -> None:
        """A user's turn is what the environment answers to the step before."""
        draft.observed = True
        if draft.calls and len(draft.calls) > 1 and self._split(index, message):
            return
        content, notes = noted_content(message)
        self._attach(draft, index, _only_call(draft), content, notes and {ROLE: message.role} | notes)

    def result(self, index: int, message: Message) -> None:
        """A tool speaks."""
        id = _id_of(message)
        if id is None and self._split(index, message):
            return
        content, notes = noted_content(message)
        self._answer((index, 0), id, content, notes or {})

    def _answer(self, place: _Place, id: str | None, content: Content, notes: dict[str, Any]) -> None:
        index, called = place[0], self._called.get(id or "")
        if id is not None and called is None:
            self._kept.append(KeptText(message=index, reason=f"it answers {id!r}, which is no call before it"))
        waiting = (called.pop(0) if len(called) > 1 else called[0]) if called else self._in_round(place)
        if waiting is not None:
            self._attach(waiting[0], index, waiting[1], content, notes)
        elif self.agents:
            self._attach(self.agents[-1], index, None, content, notes)
        else:
            self._drafts.append(draft := StepDraft("system", "", index - 1, None))
            self._attach(draft, index, None, content, notes)

    def _in_round(self, place: _Place) -> _Waiting | None:
        """The call that a result answers which names none, of those that all results before the next calls answer."""
        if place not in self._assigned:
            results = list(self._results_from(place))
            self._close_named(each.id for each in results if each.id)
            without = [each for each in results if not each.id or not self._ids]
            taken = self._assign([each.name for each in without])
            self._assigned.update(zip((each.place for each in without), taken, strict=True))
        return self._assigned.get(place)

    @cached_property
    def _ids(self) -> frozenset[str]:
        """The ids of all calls of the row; where none has one, those of results say nothing."""
        held = [self._blocks[each].calls for each in self._blocks]
        given = [calls_of(message.fields) for message in self._messages if message.fields]
        listed = [all_of(each) for each in held] + given
        return frozenset(call.id for calls in listed if not isinstance(calls, Broken) for call in calls if call.id)

    def _results_from(self, place: _Place) -> Iterator[_Result]:
        """The results from a place on, up to the next calls; remarks may stand between them."""
        for index in range(place[0], len(self._messages)):
            if index > place[0] and self._kinds[index] == "agent" and self._reader.calls_at(index):
                return
            yield from (each for each in self._results_at(index) if each.place >= place)

    def _results_at(self, index: int) -> Iterator[_Result]:
        if blocks := self._blocks.get(index):
            for number, each in enumerate(blocks.results):
                yield _Result((index, number), each.id, each.name)
        elif self._kinds[index] == "tool":
            message = self._messages[index]
            yield _Result((index, 0), _id_of(message), result_name(message))

    def _close_named(self, ids: Iterable[str]) -> None:
        """Close the calls that results with ids answer, so that those without go to the others."""
        for id in ids:
            open = (each for each in self._called.get(id, ()) if _key(*each) not in self._closed)
            if waiting := next(open, None):
                self._closed.add(_key(*waiting))

    def _assign(self, names: list[str | None]) -> list[_Waiting | None]:
        """The call that each of several results answers: of the turn, else of all that are open."""
        turn = [draft for draft in self.agents[self._turn :] if draft.calls]
        steps = turn or ([self._caller] if self._caller else [])
        near = self._open(steps)
        found = assign(_names(near), names)
        strange = {bare_name(name) for name in names if name} - set(map(bare_name, _names(near)))
        if None in found or strange:
            far = self._open(self.agents[-MOST_STEPS:])
            if None not in (wide := assign(_names(far), names)):
                near, found = far, wide
        return [None if each is None else (near[each][0], near[each][1].tool_call_id) for each in found]

    def observed_inside(self, draft: StepDraft, index: int, content: str) -> None:
        """What came of a step's call stands in the message that made it."""
        self._attach(draft, index, _only_call(draft), content, {PART: True})
        draft.observed, draft.acts = True, False

    def _open(self, steps: Sequence[StepDraft]) -> list[tuple[StepDraft, ToolCall]]:
        """The calls of some steps that nothing has answered yet; the end of the task waits for nothing."""
        made = ((draft, call) for draft in steps for call in draft.calls or ())
        return [
            (draft, call)
            for draft, call in made
            if call.function_name != DONE and _key(draft, call.tool_call_id) not in self._closed
        ]

    def _split(self, index: int, message: Message) -> bool:
        """Take a message for several results, where it has a response for every call that waits for one."""
        several = responses_in(message.content)
        taken = self._assign([each.name for each in several.results]) if several else []
        if several is None or None in taken:
            return False
        if not str(message.content).lstrip().startswith("<") and not _are_of(several, taken):
            # A list may well be the result of one call.
            return False
        self._assigned.update(((index, number), each) for number, each in enumerate(taken))
        self.block_results(index, message, several)
        return True

    def block_results(self, index: int, message: Message, blocks: Blocks, *, spoken: bool = False) -> None:
        """Results that are blocks of one message; the first of them holds how the message was."""
        notes = {PART: True} if spoken else {ROLE: message.role} | (notes_of(message, "user", None) or {})
        for number, result in enumerate(blocks.results):
            self._answer((index, number), result.id, content_of(result.content), {**result.extra, **notes})
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


def _are_of(blocks: Blocks, taken: list[_Waiting | None]) -> bool:
    """Whether each result has the name of the call that it is to answer."""
    called = [
        {call.tool_call_id: call.function_name for call in each[0].calls or ()}.get(each[1], "")
        for each in taken
        if each
    ]
    return [bare_name(each.name or "") for each in blocks.results] == list(map(bare_name, called))


def _id_of(message: Message) -> str | None:
    """The id of the call that a message answers, in a field or as smolagents opens its text."""
    if (id := answered_id(message)) is not None or not message.content:
        return id
    said = message.content
    if isinstance(said, list):
        said = said[0].get("text") if isinstance(said[0], dict) else None
    return smolagents.answered(said) if isinstance(said, str) and said.startswith("Call id:") else None


def _names(waiting: list[tuple[StepDraft, ToolCall]]) -> list[str]:
    return [call.function_name for _, call in waiting]


def _key(draft: StepDraft, call: str) -> tuple[int, str]:
    return id(draft), call


def _only_call(draft: StepDraft) -> str | None:
    """The call that a result without an id answers: the only one, the end of the task left aside."""
    if draft.calls is None:
        return None
    calls = draft.calls if len(draft.calls) == 1 else [call for call in draft.calls if call.function_name != DONE]
    if calls and calls[0].function_name == DONE:
        return None
    return calls[0].tool_call_id if len(calls) == 1 else None
