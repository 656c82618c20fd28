"""Messages of a row into ATIF steps: who says what, which results belong to which step. Pure."""

import re
from collections.abc import Sequence
from typing import Any

from hfsvc.atif import AudioPart, Content, ImagePart, Source, Step, TextPart, ToolCall
from hfsvc.models import KeptText
from hfsvc.trajectories.layouts.conversation import REASONING, Message
from hfsvc.trajectories.styles.agent_message import AgentMessage
from hfsvc.trajectories.styles.agent_reader import AgentReader, texts_of
from hfsvc.trajectories.styles.answers import Answers
from hfsvc.trajectories.styles.content_blocks import blocks_of
from hfsvc.trajectories.styles.notations.base import Call
from hfsvc.trajectories.styles.notations.precedence import marks_in_content
from hfsvc.trajectories.styles.notations.terminus import DONE
from hfsvc.trajectories.styles.notations.tools import TOOL_FIELDS, Tools, tools_in, tools_of
from hfsvc.trajectories.styles.notations.whole_runs import Run, run_in
from hfsvc.trajectories.styles.plain_turn import NOTATION, plain_turn
from hfsvc.trajectories.styles.provenance import COLUMN, PART, noted_content, notes_of
from hfsvc.trajectories.styles.roles import KINDS, Kind, kind_of
from hfsvc.trajectories.styles.step_draft import StepDraft, mark_last, step_of
from hfsvc.trajectories.styles.to_rows import written

_OBSERVED = re.compile(
    r"New Terminal Output:|Current Terminal Screen:|Current terminal state:|Previous response had|OBSERVATION:"
    r"|Observation:|EXECUTION RESULT of \[|<tool_response>|<returncode>|<output>|<function_results>|<tool_result>"
    r"|<information>|<observation>|\[TOOL_RESULTS\]"
)
"""How environments open what they say in a user's turn."""


Part = TextPart | ImagePart | AudioPart


class StepBuilder:
    """Builds the steps of a row from its messages, read one after the other.

    Args:
        messages: At least one.
        fenced: Whether the last fenced block of an agent's message is a command.
        tools: That a column offers.

    Attributes:
        reasoning: Steps with thinking.
        calls: Made.
        kept: Messages that look like more than text, and stayed it.
        notations: Calls by the notation that they stand in.
    """

    def __init__(self, messages: Sequence[Message], *, fenced: bool, tools: Tools | None = None) -> None:
        self.reasoning = self.calls = 0
        self.kept: list[KeptText] = []
        self.notations: dict[str, int] = {}
        self._messages = messages
        self._drafts: list[StepDraft] = []
        self._kinds: list[Kind] = [KINDS.get(role or "") or kind_of(role) for role in [each.role for each in messages]]
        self._blocks = {
            index: found
            for index, message in enumerate(messages)
            if isinstance(message.content, list) and (found := blocks_of(message.content))
        }
        self._answered_by_tools = "tool" in self._kinds or (
            bool(self._blocks) and any(each.results for each in self._blocks.values())
        )
        self._reader = AgentReader(messages, self._kinds, self._blocks, fenced=fenced, tools=tools)
        self._answers = Answers(messages, self._kinds, self._blocks, self._drafts, reader=self._reader, kept=self.kept)
        self._agents = self._answers.agents
        self._screen = -1

    @property
    def tools(self) -> Tools | None:
        """That a prompt offers; None where none does."""
        return self._reader.tools

    @property
    def answered(self) -> int:
        """Calls that a result names."""
        return self._answers.answered

    @property
    def observations(self) -> int:
        """Results of calls, and what environments said."""
        return self._answers.observations

    def read(self, *, system: str | None) -> None:
        """Read all messages, after the prompt that a column holds."""
        if system is not None:
            self._reader.prompt = system
            self._drafts.append(StepDraft("system", self._without_tools(system), -1, {COLUMN: "system"}))
        for index, message in enumerate(self._messages):
            kind = self._kinds[index]
            if index <= self._screen:
                continue
            if kind == "agent":
                if not self._add_plain(index):
                    self._add_agent(index, message)
            elif self._blocks and index in self._blocks and self._blocks[index].results:
                self._answers.block_results(index, message, self._blocks[index])
            elif kind == "tool":
                self._answers.result(index, message)
            elif kind == "user" and self._is_observation(index, message):
                self._answers.observe(self._drafts[-1], index, message)
            else:
                self._say("user" if kind == "user" else "system", index, message)

    def steps(self) -> list[Step]:
        """The steps of what was read."""
        if self._agents:
            mark_last(self._agents[-1])
        return [step_of(number, draft) for number, draft in enumerate(self._drafts, 1)]

    # ---- who speaks -------------------------------------------------------------------------------------------------

    def _say(self, source: Source, index: int, message: Message) -> None:
        content, extra = noted_content(message)
        if self.tools is None and not self._agents and isinstance(content, str):
            left = self._without_tools(content)
            extra = extra if left == content else notes_of(message, "user", left)
            content = left
        if self.tools is None and not self._agents and message.fields:
            self._reader.tools = next(filter(None, (tools_of(message.fields.get(name)) for name in TOOL_FIELDS)), None)
        if source != "user" and self._kinds[index] == "unknown" and (mark := marks_in_content(message.content)):
            self._keep(index, f"its role {message.role!r} is nobody's, and what begins with {mark} stays text")
        self._drafts.append(StepDraft(source, content, index, extra))

    def _without_tools(self, prompt: str) -> str:
        """A prompt without the tools that it opens with; they are taken wherever they stand in it."""
        if (found := tools_in(prompt)) is None:
            return prompt
        self._reader.tools, (start, end) = found
        return prompt if prompt[:start].strip() else prompt[end:].lstrip("\n")

    def _add_plain(self, index: int) -> bool:
        """Add a turn that is as nearly all are, with the message after it; False where it is not."""
        if self._answered_by_tools or not (draft := plain_turn(self._messages, index, len(self._agents))):
            return False
        self._screen = draft.end
        self._drafts.append(draft)
        self._answers.add_plain(index, draft)
        if draft.calls:
            self._count(NOTATION, len(draft.calls))
        return True

    def _add_agent(self, index: int, message: Message) -> None:
        blocks = self._blocks.get(index) if self._blocks else None
        content, read = self._reader.take(index)
        calls = _with_ids(read.calls, len(self._agents)) if read.calls else []
        if read.kept and not calls and not message.fields.keys() & {*REASONING} and (run := run_in(texts_of(content))):
            self._add_run(index, message, run)
            return
        said = read.message if isinstance(content, str) else _with_media(read, content)
        draft = StepDraft("agent", said, index, _agents_notes(message, read, said, calls))
        draft.reasoning = read.reasoning
        draft.calls = calls or None
        draft.acts = read.acts and not self._answered_by_tools
        self._drafts.append(draft)
        self._answers.add_agent(index, draft, read.calls, calls)
        self.reasoning += read.reasoning is not None
        if calls:
            self._count("blocks" if blocks and blocks.calls else read.notation or "", len(calls))
        if read.kept:
            self.kept += [KeptText(message=index, reason=reason) for reason in read.kept]
        if blocks and blocks.results:
            self._answers.block_results(index, message, blocks, spoken=True)

    def _add_run(self, index: int, message: Message, run: Run) -> None:
        """Several turns that stand in one message; the first holds how it was."""
        extra = notes_of(message, "assistant", None)
        for turn in run.turns:
            draft = StepDraft("agent", turn.message, index, extra)
            given = [turn.call] if turn.call else []
            calls = _with_ids(given, len(self._agents))
            draft.reasoning, draft.calls, draft.acts = turn.reasoning, calls or None, bool(calls)
            draft.acts = draft.acts and not self._answered_by_tools
            self._drafts.append(draft)
            self._answers.add_agent(index, draft, given, calls)
            if turn.observation is not None:
                self._answers.observed_inside(draft, index, turn.observation)
            self.reasoning += turn.reasoning is not None
            if calls:
                self._count(run.notation, len(calls))
            extra = {PART: True}

    def _count(self, notation: str, calls: int) -> None:
        self.calls += calls
        self.notations[notation] = self.notations.get(notation, 0) + calls

    def _keep(self, index: int, reason: str) -> None:
        self.kept.append(KeptText(message=index, reason=reason))

    # ---- what comes back --------------------------------------------------------------------------------------------

    def _is_observation(self, index: int, message: Message) -> bool:
        draft = self._drafts[-1] if self._drafts else None
        if draft is None or draft.source != "agent" or draft.observed or draft.end != index - 1:
            return False
        if draft.acts and not draft.results:
            return True
        return isinstance(message.content, str) and _OBSERVED.match(message.content) is not None


def _agents_notes(message: Message, read: AgentMessage, said: Content, calls: list[ToolCall]) -> dict[str, Any] | None:
    if said is message.content and not (calls or read.reasoning or read.kept):
        # All of it is text, and holds no end of a thought: that would be kept, or taken out.
        return notes_of(message, "assistant", said)
    if calls and not message.fields and not str(message.content).endswith("</tool_call>"):
        # In another notation than the exporter's: no need to write them to see that they differ.
        return notes_of(message, "assistant", None)
    return notes_of(message, "assistant", written(read.reasoning, said, calls, message.fields))


def _with_media(read: AgentMessage, content: list[Part]) -> Content:
    """The parts of a message of which something was read: what is left of its texts, and what is no text."""
    if not read.calls and read.message == texts_of(content):
        return content
    media = [part for part in content if not isinstance(part, TextPart)]
    return [*([TextPart(text=read.message)] if read.message else []), *media] if media else read.message


def _with_ids(calls: list[Call], turn: int) -> list[ToolCall]:
    """Calls with the ids they have, or are given: as the Terminus 2 harness counts, turns from 0 and calls from 1."""
    taken: dict[str, int] = {}
    made = []
    for number, call in enumerate(calls, 1):
        name, id, extra = call.name, call.id, None
        if call.unread or call.extra:
            extra = {**(call.extra or {}), **({"unread": call.unread} if call.unread else {})}
        id = _unique(id or f"call_{turn}_{'task_complete' if name == DONE else number}", taken)
        made.append(ToolCall(tool_call_id=id, function_name=name, arguments=call.arguments, extra=extra))
    return made


def _unique(name: str, taken: dict[str, int]) -> str:
    while name in taken:
        taken[name] += 1
        name = f"{name}_{taken[name]}"
    taken[name] = 1
    return name
