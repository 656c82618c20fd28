"""What a parser gives."""

from typing import Any, NamedTuple


class Call(NamedTuple):
    """A call as it stands in a message.

    Attributes:
        name: Of the function.
        arguments: By name.
        id: As the message gives it; None where it gives none.
        unread: Why the arguments are the bare text, under ``_raw``; None where they were read.
    """

    name: str
    arguments: dict[str, Any]
    id: str | None = None
    unread: str | None = None


class ParsedText(NamedTuple):
    """Calls, and what the message says beside them. Waiting is an action without a call."""

    message: str
    calls: list[Call]


class Broken(NamedTuple):
    """Looks like the notation, and is not."""

    reason: str
