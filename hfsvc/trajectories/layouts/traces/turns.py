"""Messages of a session as they are put together from its events. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hfsvc.trajectories.layouts.conversation import FURTHER, Message

Event = Mapping[str, Any]
KEPT = ("timestamp", "model", "usage", "isError", "isMeta")
"""What is kept of an event beside what it says."""


class Session(NamedTuple):
    """A log as its reader understands it.

    Attributes:
        messages: In the order of the session.
        columns: What the log says of the session, by hfsvc's names.
        notes: As `Conversation.notes`.
    """

    messages: list[Message]
    columns: dict[str, Any]
    notes: tuple[tuple[int, str], ...] = ()


class TurnBuilder:
    """Messages in the form of the layout ``openai``, put together from pieces.

    What an agent thinks, says and calls between two answers is one message.

    Attributes:
        messages: Those that are whole.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._content: list[Any] = []
        self._thoughts: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._kept: dict[str, Any] = {}

    @property
    def is_open(self) -> bool:
        """Whether the agent has thought, said or called anything since the last whole message."""
        return bool(self._thoughts or self._content or self._calls)

    @property
    def thinks(self) -> bool:
        """Whether the agent has thought, and neither said nor called anything yet."""
        return bool(self._thoughts) and not (self._content or self._calls)

    def think(self, text: str) -> None:
        """A piece of thinking; a new message where the agent has said or called something already."""
        if self._content or self._calls:
            self.close()
        self._thoughts.append(text)

    def say(self, content: Any, kept: Mapping[str, Any] | None = None) -> None:
        """A piece of what the agent says: a text, or parts."""
        if self._calls:
            self.close()
        self._content += content if isinstance(content, list) else [content] if content else []
        self._kept.update(kept or {})

    def call(
        self,
        name: Any,
        arguments: Any,
        id: Any,
        kept: Mapping[str, Any] | None = None,
        beside: Mapping[str, Any] | None = None,
    ) -> None:
        """A call of the agent's; `beside` is what else the call says of itself."""
        call = {"type": "function", "function": {"name": name, "arguments": arguments}, **(beside or {})}
        self._calls.append(call if id is None else {"id": id, **call})
        self._kept.update(kept or {})

    def answer(self, content: Any, id: Any, kept: Mapping[str, Any] | None = None) -> None:
        """What came back from a call."""
        fields = dict(kept or {}) if id is None else {"tool_call_id": id, **(kept or {})}
        self.add("tool", content, fields)

    def add(self, role: str | None, content: Any, fields: Mapping[str, Any] | None = None) -> None:
        """A message of somebody else."""
        self.close()
        self.messages.append(Message(role, content, fields or {}))

    def close(self) -> None:
        """End the agent's message, if there is one."""
        if not self.is_open:
            # What was kept of an empty piece belongs to no other message.
            self._kept = {}
            return
        fields: dict[str, Any] = {}
        if self._thoughts:
            fields["reasoning_content"] = "\n\n".join(self._thoughts)
        if self._calls:
            fields["tool_calls"] = self._calls
        content = text_or_parts(self._content)
        self.messages.append(Message("assistant", content, fields | self._kept))
        self._content, self._thoughts, self._calls, self._kept = [], [], [], {}


def text_or_parts(pieces: list[Any]) -> Any:
    """Pieces of content as one text where all are texts, else as parts."""
    texts = [each if isinstance(each, str) else _text(each) for each in pieces]
    if all(text is not None for text in texts):
        return "\n\n".join(text for text in texts if text)
    return [{"type": "text", "text": each} if isinstance(each, str) else each for each in pieces]


def _text(part: Any) -> str | None:
    plain = isinstance(part, dict) and part.keys() <= {"type", "text", "annotations", "cache_control", "citations"}
    return part["text"] if plain and isinstance(part.get("text"), str) else None


def kept_of(event: Event) -> dict[str, Any]:
    """What to keep of an event beside what it says."""
    kept = {name: event[name] for name in KEPT if event.get(name) is not None}
    further = event.get(FURTHER)
    return kept | further if isinstance(further, dict) else kept
