"""The agent's messages of a row, each taken apart once, ahead of its turn where somebody asks. Pure."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from hfsvc.atif import Content, TextPart
from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.styles.agent_message import AgentMessage, read_agent_message
from hfsvc.trajectories.styles.content_blocks import Blocks
from hfsvc.trajectories.styles.notations import smolagents
from hfsvc.trajectories.styles.notations.base import Call
from hfsvc.trajectories.styles.notations.fences import RAN
from hfsvc.trajectories.styles.notations.terminus import REJECTED
from hfsvc.trajectories.styles.notations.tools import OfferedTools, Tools
from hfsvc.trajectories.styles.parts import content_of
from hfsvc.trajectories.styles.roles import Kind, is_call

_REPLIES = (REJECTED, RAN)
_ReadMessage = tuple[Content, AgentMessage]
"""What the content of a message is without blocks, and what it was taken apart into."""


class AgentReader:
    """Reads the agent's messages of a row.

    Args:
        messages: Of the row.
        kinds: Who speaks in each.
        blocks: The blocks of those that have some, by their places.
        fenced: Whether the last fenced block of a message is a command.
        tools: That a column offers.

    Attributes:
        tools: That a prompt offers; None where none does.
        prompt: That stands in a column.
    """

    def __init__(
        self,
        messages: Sequence[Message],
        kinds: Sequence[Kind],
        blocks: Mapping[int, Blocks],
        *,
        fenced: bool,
        tools: Tools | None,
    ) -> None:
        self.tools: Tools | None = None
        self.prompt = ""
        self._messages = messages
        self._kinds = kinds
        self._blocks = blocks
        self._fenced = fenced
        self._column_tools = tools
        self._tools_on_offer: OfferedTools | None = None
        self._ahead: dict[int, _ReadMessage] = {}

    def take(self, index: int) -> _ReadMessage:
        """The content of a message whose turn it is, without blocks, and what it was taken apart into."""
        return self._ahead.pop(index) if self._ahead and index in self._ahead else self._read(index)

    def calls_at(self, index: int) -> bool:
        """Whether a message ahead calls something; what is read of it is kept until its turn."""
        if index not in self._ahead:
            self._ahead[index] = self._read(index)
        return bool(self._ahead[index][1].calls)

    def _read(self, index: int) -> _ReadMessage:
        message = self._messages[index]
        spoken = self._blocks[index].spoken(message) if self._blocks and index in self._blocks else message
        content: Content = spoken.content if isinstance(spoken.content, str) else content_of(spoken.content)
        text = content if isinstance(content, str) else texts_of(content)
        reply = self._reply_to(index)
        fenced = self._fenced or reply == RAN
        rejected = None if reply == RAN else reply
        read = read_agent_message(spoken, text, rejected=rejected, fenced=fenced, offered=self._offered)
        if read.notation == "smolagents" and self._is_told_again(index + 1, read.calls):
            read = replace(read, calls=[], acts=False, notation=None)
        return content, read

    def _reply_to(self, index: int) -> str | None:
        """What a harness could not parse of a message, or that it was run (`RAN`); None where nothing is said of it."""
        said = self._messages[index + 1].content if index + 1 < len(self._messages) else None
        if isinstance(said, str) and said.startswith(_REPLIES):
            return RAN if said.startswith(RAN) else _reason(said)
        return None

    def _is_told_again(self, index: int, calls: list[Call]) -> bool:
        """Whether the next message is these calls once more, which has their ids."""
        if index >= len(self._messages) or self._kinds[index] != "agent":
            return False
        message = self._messages[index]
        if not is_call(message.role) and (message.content or "tool_calls" not in message.fields):
            return False
        return self.calls_at(index) and smolagents.restates(calls, self._ahead[index][1].calls)

    def _offered(self) -> OfferedTools:
        """The tools on offer, of the column and of what was said before the agent."""
        if self._tools_on_offer is None:
            first = self._kinds.index("agent") if "agent" in self._kinds else 0
            prompts = [each.content for each in self._messages[:first] if isinstance(each.content, str)]
            self._tools_on_offer = OfferedTools(self.tools or self._column_tools, [self.prompt, *prompts])
        return self._tools_on_offer


def _reason(rejection: str) -> str:
    return rejection.removeprefix(REJECTED).lstrip().partition("\n")[0] or REJECTED


def texts_of(content: Content) -> str:
    """All texts of a content as one, without what is no text."""
    if isinstance(content, str):
        return content
    return "\n".join(part.text for part in content if isinstance(part, TextPart))
