"""The layouts ``prompt-completion`` and ``query-answers``: what is asked and what is answered in a column each. Pure.

Source: TRL's datasets (``prompt`` and ``completion``; ``chosen`` of preferences, with or without a prompt, also as one text
with marks of speakers, as hh-rlhf has it), and xLAM's function calls (``query``, ``answers``, ``tools``), as published in 2024 to 2026.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from hfsvc.models import LayoutName, ReadOptions
from hfsvc.trajectories.files.arrow_values import is_binary, is_list, is_text, values_of, written_texts
from hfsvc.trajectories.files.lenient_json import changes_in, read_json, read_listed
from hfsvc.trajectories.layouts.conversation import Conversation, Message, Unreadable
from hfsvc.trajectories.layouts.message_counts import CountedByRow
from hfsvc.trajectories.layouts.metadata import MetadataColumns, columns_read
from hfsvc.trajectories.layouts.objects import message_of
from hfsvc.trajectories.layouts.speaker_marks import spoken

Read = Callable[[Any, Any], list[Message]]
# The answer, and what may stand before it.
_COMPLETIONS = ("completion", "response", "chosen")
_PROMPTS = ("prompt", "question", "instruction", "input", "query")


class QuestionLayout(CountedByRow):
    """Rows of a question and its answer, as a file with these columns has them.

    Args:
        name: Of the layout.
        question: The column with what is asked; None where the other one holds all of it.
        answer: The column with what is answered.
        metadata: The other columns.
        read: The messages of the two values.
    """

    def __init__(
        self, name: LayoutName, question: str | None, answer: str, metadata: MetadataColumns, read: Read
    ) -> None:
        self.name: LayoutName = name
        self.messages = answer
        self.metadata = metadata
        self._question = question
        self._read = read

    @property
    def columns(self) -> list[str]:
        return [*self._own(), *columns_read(self.metadata)]

    def _own(self) -> list[str]:
        return [self.messages] if self._question is None else [self._question, self.messages]

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Unreadable]:
        for columns, question, answer in zip(self.metadata.rows(batch), *self._pairs(batch), strict=True):
            messages = self._read(question, answer)
            notes = tuple((0, word) for value in (question, answer) for word in _changes(value))
            yield Conversation(messages, columns, notes) if messages else Unreadable(self.messages, "it is empty")

    def _pairs(self, batch: pa.RecordBatch) -> tuple[list[Any], list[Any]]:
        answers = _values(batch.column(self.messages))
        return _values(batch.column(self._question)) if self._question else [None] * batch.num_rows, answers

    def leaves_to_count(self, leaves: list[str]) -> list[str]:
        return self._own()

    def count(self, batch: pa.RecordBatch) -> list[int]:
        return [len(messages) for messages in map(self._read, *self._pairs(batch))]


def fit_completion(schema: pa.Schema, options: ReadOptions) -> list[QuestionLayout] | str:
    """The reader of a prompt and its completion, or of a preference, or what a file with these columns lacks."""
    prompt = next((name for name in _PROMPTS if _is_readable(schema, name)), None)
    answers = [name for name in _COMPLETIONS if _is_readable(schema, name) and (prompt or name == "chosen")]
    if not answers:
        return "it has no columns 'prompt' and 'completion', and no 'chosen'"
    metadata = MetadataColumns(schema, (*_PROMPTS, *answers), options)
    return [QuestionLayout("prompt-completion", prompt, name, metadata, read_completion) for name in answers]


def fit_answers(schema: pa.Schema, options: ReadOptions) -> list[QuestionLayout] | str:
    """The reader of a query and the calls that answer it, or what a file with these columns lacks."""
    if not (_is_readable(schema, "query") and _is_readable(schema, "answers")):
        return "it has no columns 'query' and 'answers'"
    metadata = MetadataColumns(schema, ("query", "answers"), options)
    return [QuestionLayout("query-answers", "query", "answers", metadata, read_answers)]


def _is_readable(schema: pa.Schema, name: str) -> bool:
    if schema.names.count(name) != 1:
        return False
    kind = schema.field(name).type
    return not pa.types.is_null(kind) and (is_text(kind) or is_binary(kind) or is_list(kind))


def _changes(value: Any) -> Iterator[str]:
    texts = value if isinstance(value, list) else [value]
    return (word for text in texts if isinstance(text, str) for _, word in changes_in(text))


def _values(column: pa.Array) -> list[Any]:
    return written_texts(column) if is_binary(column.type) else values_of(column)


def read_completion(prompt: Any, completion: Any) -> list[Message]:
    """The messages of a prompt and what completes it, each a text or a list of messages."""
    asked, answered = _said(prompt, "user"), _said(completion, "assistant")
    if not answered:
        return []
    # Preferences often hold the whole of it twice.
    whole = bool(asked) and answered[: len(asked)] == asked
    return answered if whole else [*asked, *answered]


def _said(value: Any, role: str) -> list[Message]:
    listed = read_listed(_parsed(value))
    if isinstance(listed, list) and listed and all(isinstance(each, dict) for each in listed):
        messages = [message_of(each) for each in listed]
        if any(message.role is not None for message in messages):
            return messages
    if not isinstance(value, str) or not value:
        return []
    return spoken(value) or [Message(role, value)]


def read_answers(query: Any, answers: Any) -> list[Message]:
    """The messages of a query and the calls that answer it."""
    asked = _said(query, "user")
    calls = read_listed(_parsed(answers))
    if isinstance(calls, dict):
        calls = [calls]
    if not isinstance(calls, list) or not all(isinstance(each, dict) and "name" in each for each in calls):
        return [*asked, *_said(answers, "assistant")]
    made = [{"type": "function", "function": call} for call in calls]
    return [*asked, Message("assistant", "", {"tool_calls": made})]


def _parsed(value: Any) -> Any:
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return read_json(value).value
    except (ValueError, RecursionError):
        return value
