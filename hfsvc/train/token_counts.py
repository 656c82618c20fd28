"""Tokens of chats, counted: in all, and by who speaks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

import anyio.to_thread

from hfsvc.models import Distribution, Model, TrajectoryRow
from hfsvc.protocols import TrajectorySource
from hfsvc.train.chat_template import TemplateRefused
from hfsvc.train.chats import Chat, chat_of, for_template
from hfsvc.train.message_spans import MessageFinder
from hfsvc.train.tokenizer import ChatTokenizer
from hfsvc.trajectories.statistics import Histogram

TEMPLATE = "(template)"
"""Whose tokens those are that belong to no message: what the template writes around them, and schemas of tools."""
_CHUNK = 16


class TokenStatistics(Model, frozen=True, kw_only=True):
    """How many tokens the rows of a dataset have.

    Attributes:
        tokenizer: Its name.
        rows: That were counted.
        refused_rows: That the chat template does not take.
        reason: Why it does not take the first of them.
        tokens: Of a row.
        roles: Tokens by who speaks, the most frequent first; ``(template)`` for those of no message.
    """

    tokenizer: str
    rows: int
    refused_rows: int
    reason: str | None
    tokens: Distribution
    roles: Mapping[str, int]


def count_tokens(tokenizer: ChatTokenizer, chat: Chat) -> int:
    """How many tokens a chat has.

    Raises:
        TemplateRefused: The template does not take it.
    """
    rendering = tokenizer.template.render(for_template(tokenizer.template, chat), chat.tools)
    return len(tokenizer.encode(rendering.text).ids)


def count_by_role(tokenizer: ChatTokenizer, chat: Chat) -> Counter[str]:
    """Tokens of a chat by role; a token belongs to the message in which it begins.

    Raises:
        TemplateRefused: The template does not take it.
    """
    messages = for_template(tokenizer.template, chat)
    finder = MessageFinder(tokenizer.template, messages, chat.tools)
    spans = [(span, messages[index]["role"]) for index in range(len(messages)) if (span := _span(finder, index))]
    counts: Counter[str] = Counter()
    at = 0
    for start, _ in tokenizer.encode(finder.text).offsets:
        while at < len(spans) and start >= spans[at][0][1]:
            at += 1
        inside = at < len(spans) and start >= spans[at][0][0]
        counts[str(spans[at][1]) if inside else TEMPLATE] += 1
    return counts


async def token_statistics(
    source: TrajectorySource, tokenizer: ChatTokenizer, *, where: str | None = None
) -> TokenStatistics:
    """Count the tokens of a dataset's rows, in bounded memory.

    Args:
        source: Where they are.
        tokenizer: Counts, with its chat template.
        where: As for `TrajectorySource.stream_rows`.

    Raises:
        HfsvcError: What the source raises.
    """
    tally = _Tally(tokenizer)
    chunk: list[TrajectoryRow] = []
    async with aclosing(source.stream_rows(where=where)) as rows:
        async for row in rows:
            chunk.append(row)
            if len(chunk) == _CHUNK:
                await anyio.to_thread.run_sync(tally.add, chunk)
                chunk = []
    await anyio.to_thread.run_sync(tally.add, chunk)
    return tally.result()


class _Tally:
    def __init__(self, tokenizer: ChatTokenizer) -> None:
        self._tokenizer = tokenizer
        self._histogram = Histogram()
        self._roles: Counter[str] = Counter()
        self._rows = 0
        self._refused: list[str] = []

    def add(self, rows: Sequence[TrajectoryRow]) -> None:
        for row in rows:
            try:
                counts = count_by_role(self._tokenizer, chat_of(row))
            except TemplateRefused as error:
                self._refused.append(str(error))
            else:
                self._rows += 1
                self._histogram.add([counts.total()])
                self._roles.update(counts)

    def result(self) -> TokenStatistics:
        return TokenStatistics(
            tokenizer=self._tokenizer.name,
            rows=self._rows,
            refused_rows=len(self._refused),
            reason=self._refused[0] if self._refused else None,
            tokens=self._histogram.result(),
            roles=dict(self._roles.most_common()),
        )


def _span(finder: MessageFinder, index: int) -> Any:
    try:
        return finder.span(index)
    except TemplateRefused:
        # One that the template writes nowhere has no tokens.
        return None
