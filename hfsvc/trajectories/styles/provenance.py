"""Notes in ``extra`` on what a document cannot say of the row it was built from. Pure.

With these notes `hfsvc.trajectories.styles.to_rows.to_rows` gives the row's messages back; to any other reader they are
remarks. They are there only where the document alone would not do.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from hfsvc.atif import Content
from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.styles.parts import content_of, openai_content

ROLE = "original_role"
"""The role, where the exporter would write another one; also on results that were messages of their own."""

RAW = "raw"
"""The content, where the document holds another text, or parts. Others keep something of their own under this name."""

FIELDS = "original_fields"
"""The message's other fields, as they were; a content that is neither text nor a list, too."""

INDEX = "original_index"
"""The place of a result's message in the row, from 0, where it did not come right after its step."""

COLUMN = "original_column"
"""The column that a step comes from; it was no message."""

PART = "original_part"
"""That a step or a result was a part of the message whose content another one holds."""

_RAW_TYPES = (str, list, type(None))


def notes_of(message: Message, role: str, content: Any) -> dict[str, Any] | None:
    """What to note of a message for which `role` and `content` would be written; None where that is all there was."""
    if message.role == role and not message.fields and isinstance(message.content, str):
        # Nearly every message.
        return None if message.content == content else {RAW: message.content}
    if message.role == role and message.content == content and not message.fields:
        return None
    notes: dict[str, Any] = {}
    fields = dict(message.fields)
    if message.role != role:
        notes[ROLE] = message.role
    if isinstance(message.content, _RAW_TYPES):
        if message.content != content:
            notes[RAW] = message.content
    else:
        fields["content"] = message.content
    if fields:
        notes[FIELDS] = fields
    return notes


def noted_content(message: Message) -> tuple[Content, dict[str, Any] | None]:
    """What a message says that is not the agent's, and what to note of it."""
    if isinstance(message.content, str):
        return message.content, notes_of(message, "user", message.content)
    content = content_of(message.content)
    return content, notes_of(message, "user", openai_content(content))


def survive(messages: Sequence[Message]) -> bool:
    """Whether the notes of all messages can be written as JSON and read again: moments, bytes and NaN cannot."""
    # Nearly every message is text alone, and need not be tried.
    return all(_survives(each) for each in messages if each.fields or not isinstance(each.content, str))


def _survives(message: Message) -> bool:
    is_text = message.content is None or isinstance(message.content, str)
    original = [None if is_text else message.content, dict(message.fields)]
    return bool(msgspec.json.decode(msgspec.json.encode(original)) == original)
