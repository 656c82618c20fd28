"""What the parser of a notation gives: calls and the text beside them, or why there are none."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Call(msgspec.Struct, frozen=True, gc=False):
    """A call as it stands in a message.

    Attributes:
        name: Of the function.
        arguments: By name.
        id: As the message gives it; None where it gives none.
        unread: What of it was not understood, such as arguments that are the bare text, under ``_raw``; None where all
            was.
        extra: What else the message says of it.
    """

    name: str
    arguments: dict[str, Any]
    id: str | None = None
    unread: str | None = None
    extra: Mapping[str, Any] | None = None


class ParsedText(msgspec.Struct, frozen=True, gc=False):
    """A message's calls, and what it says and thinks beside them. Waiting is an action without a call."""

    message: str
    calls: list[Call]
    reasoning: str | None = None


class Broken(msgspec.Struct, frozen=True, gc=False):
    """The reason why a text looks like the notation, and is not."""

    reason: str
