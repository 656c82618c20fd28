"""Messages of a row into ATIF steps: who says what, which results belong to which step. Pure."""

import re
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

import msgspec

from hfsvc.atif import Content, Observation, ObservationResult, Source, Step, ToolCall
from hfsvc.models import KeptText
from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.styles.agent_message import AgentMessage, read_agent_message
from hfsvc.trajectories.styles.content_blocks import Blocks, blocks_of, responses_in
from hfsvc.trajectories.styles.notations.base import Call
from hfsvc.trajectories.styles.notations.openai_calls import id_of
from hfsvc.trajectories.styles.notations.precedence import marks_in_content
from hfsvc.trajectories.styles.notations.terminus import DONE, REJECTED
from hfsvc.trajectories.styles.notations.tools import TOOL_FIELDS, OfferedTools, Tools, tools_in, tools_of
from hfsvc.trajectories.styles.open_calls import assign
from hfsvc.trajectories.styles.parts import content_of, openai_content
from hfsvc.trajectories.styles.provenance import COLUMN, INDEX, PART, ROLE, notes_of
from hfsvc.trajectories.styles.roles import KINDS
from hfsvc.trajectories.styles.to_rows import written

_OBSERVED = re.compile(
    r"New Terminal Output:|Current Terminal Screen:|Current terminal state:|Previous response had|OBSERVATION:"
    r"|Observation:|EXECUTION RESULT of \[|<tool_response>|<returncode>|<output>|<function_results>|<tool_result>"
    r"|<information>|<observation>|\[TOOL_RESULTS\]"
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


_Waiting = tuple[StepDraft, str]
"""A call that waits for its result: the step that made it, and its id there."""


class StepBuilder:
    """Builds the steps of a row from its messages, read one after the other.

    Args:
        messages: At least one.
        fenced: Whether the last fenced block of an agent's message is a command.
        tools: That a column offers.

    Attributes:
        tools: That a prompt offers; None where none does.
        reasoning: Steps with thinking.
        calls: Made.
        observations: Messages that became results.
        kept: Messages that look like more than text, and stayed it.
        notations: Calls by the notation that they stand in.
    """

    def __init__(self, messages: Sequence[Message], *, fenced: bool, tools: Tools | None = None) -> None:
        self.tools: Tools | None = None
        self.reasoning = self.calls = self.observations = 0
        self.kept: list[KeptText] = []
        self.notations: dict[str, int] = {}
        self._messages = messages
        self._fenced = fenced
        self._drafts: list[StepDraft] = []
        self._agents: list[StepDraft] = []
        self._called: dict[str, tuple[StepDraft, list[str]]] = {}
        self._turn = 0
        self._caller: StepDraft | None = None
        self._assigned: dict[int, _Waiting | None] = {}
        self._closed = set[tuple[int, str]]()
        self._column_tools = tools
        self._tools_on_offer: OfferedTools | None = None
        self._prompt: str | None = None
        self._kinds = [KINDS.get(message.role or "", "unknown") for message in messages]
        lists = [index for index, each in enumerate(messages) if isinstance(each.content, list)]
        self._blocks = {index: found for index in lists if (found := blocks_of(messages[index].content))}
        self._answered_by_tools = "tool" in self._kinds or any(each.results for each in self._blocks.values())

    @property
    def answered(self) -> int:
        """Calls that a result names."""
        return len(self._closed)

    def read(self, *, system: str | None) -> None:
        """Read all messages, after the prompt that a column holds."""
        self._prompt = system
        if system is not None:
            self._drafts.append(StepDraft("system", system, -1, {COLUMN: "system"}))
        for index, (kind, message) in enumerate(zip(self._kinds, self._messages, strict=True)):
            if kind == "agent":
                self._add_agent(index, message)
            elif index in self._blocks and self._blocks[index].results:
                self._block_results(index, message, self._blocks[index])
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
        elif self.tools is None and not self._agents and message.fields:
            self.tools = next(filter(None, (tools_of(message.fields.get(name)) for name in TOOL_FIELDS)), None)
        if source != "user" and self._kinds[index] == "unknown" and (mark := marks_in_content(message.content)):
            self._keep(index, f"its role {message.role!r} is nobody's, and what begins with {mark} stays text")
        self._drafts.append(StepDraft(source, content, index, extra))

    def _add_agent(self, index: int, message: Message) -> None:
        blocks = self._blocks.get(index)
        spoken = blocks.spoken(message) if blocks else message
        content = content_of(spoken.content)
        text = content if isinstance(content, str) else ""
        read = read_agent_message(
            spoken, text, rejected=self._rejection(index), fenced=self._fenced, offered=self._offered
        )
        calls = _with_ids(read.calls, len(self._agents))
        said = read.message if isinstance(content, str) else content
        draft = StepDraft("agent", said, index, _agents_notes(message, read, said, calls))
        draft.reasoning = read.reasoning
        draft.calls = calls or None
        draft.acts = read.acts and not self._answered_by_tools
        if index and self._kinds[index - 1] != "agent":
            self._turn = len(self._agents)
        self._drafts.append(draft)
        self._agents.append(draft)
        self._remember(draft, read.calls, calls)
        self.reasoning += read.reasoning is not None
        if calls:
            self._caller = draft
            self._count("blocks" if blocks and blocks.calls else read.notation or "", len(calls))
        if read.kept:
            self.kept += [KeptText(message=index, reason=reason) for reason in read.kept]
        if not isinstance(content, str) and not calls and (mark := marks_in_content(spoken.content)):
            self._keep(index, f"its content has several parts, and what begins with {mark} stays text")
        if blocks and blocks.results:
            self._block_results(index, message, blocks, spoken=True)

    def _count(self, notation: str, calls: int) -> None:
        self.calls += calls
        self.notations[notation] = self.notations.get(notation, 0) + calls

    def _keep(self, index: int, reason: str) -> None:
        self.kept.append(KeptText(message=index, reason=reason))

    def _offered(self) -> OfferedTools:
        """The tools on offer, of the column and of what was said before the agent."""
        if self._tools_on_offer is None:
            first = self._kinds.index("agent") if "agent" in self._kinds else 0
            prompts = [each.content for each in self._messages[:first] if isinstance(each.content, str)]
            self._tools_on_offer = OfferedTools(self.tools or self._column_tools, [self._prompt or "", *prompts])
        return self._tools_on_offer

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
        if (several := responses_in(message.content)) and self._fits(several):
            self._block_results(index, message, several)
            return
        content = content_of(message.content)
        notes = notes_of(message, "user", openai_content(content))
        self._attach(draft, index, _only_call(draft), content, notes and {ROLE: message.role} | notes)

    def _result(self, index: int, message: Message) -> None:
        id = _answered(message)
        several = responses_in(message.content) if id is None else None
        if several and self._fits(several):
            self._block_results(index, message, several)
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
        elif self._agents:
            self._attach(self._agents[-1], index, None, content, notes)
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
        turn = [draft for draft in self._agents[self._turn :] if draft.calls]
        steps = turn or ([self._caller] if self._caller else [])
        waiting = [(draft, call) for draft in steps for call in draft.calls or () if self._waits(draft, call)]
        found = assign([call.function_name for _, call in waiting], names)
        return [None if each is None else (waiting[each][0], waiting[each][1].tool_call_id) for each in found]

    def _fits(self, several: Blocks) -> bool:
        """Whether a message has a response for every call that waits for one."""
        return None not in self._assign([each.name for each in several.results])

    def _waits(self, draft: StepDraft, call: ToolCall) -> bool:
        return call.function_name != DONE and _key(draft, call.tool_call_id) not in self._closed

    def _block_results(self, index: int, message: Message, blocks: Blocks, *, spoken: bool = False) -> None:
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
            self._closed.add(_key(draft, call))
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
    for number, (name, arguments, given, unread, further) in enumerate(calls, 1):
        id = _unique(given or f"call_{turn}_{'task_complete' if name == DONE else number}", taken)
        extra = {**(further or {}), **({"unread": unread} if unread else {})} or None
        made.append(ToolCall(tool_call_id=id, function_name=name, arguments=arguments, extra=extra))
    return made


def _unique(name: str, taken: dict[str, int]) -> str:
    while name in taken:
        taken[name] += 1
        name = f"{name}_{taken[name]}"
    taken[name] = 1
    return name


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
