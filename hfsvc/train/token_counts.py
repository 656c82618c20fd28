"""Tokens of chats, counted: in all, and by who speaks."""

from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import NamedTuple

import anyio.to_thread

from hfsvc.export.fit_tally import FitTally
from hfsvc.models import Model, TrajectoryRow
from hfsvc.protocols import TrajectorySource
from hfsvc.train.chat_template import Span, TemplateRefused
from hfsvc.train.chats import Chat, chat_of, for_template
from hfsvc.train.loss_mask import without
from hfsvc.train.message_spans import AGENT, MessageFinder
from hfsvc.train.tokenizer import ChatTokenizer

TEMPLATE = "(template)"
"""Whose tokens those are that belong to no message: what the template writes around them, and schemas of tools."""
ROLES = ("system", "user", AGENT, "thinking", "calls", "tool")
_CHUNK = 16


class TokenSpread(Model, frozen=True, kw_only=True):
    """How many tokens of one kind the rows have.

    Attributes:
        total: In all rows.
        mean: Of a row.
        median: So many or fewer are in half of the rows; like the next ones, a number that a row has.
        p90: The same for nine of ten rows.
        p99: The same for 99 of 100.
        largest: In one row.
    """

    total: int = 0
    mean: float = 0.0
    median: int = 0
    p90: int = 0
    p99: int = 0
    largest: int = 0


class TokenStatistics(Model, frozen=True, kw_only=True):
    """How many tokens the rows of a dataset have.

    Attributes:
        tokenizer: Its name.
        rows: That were counted.
        refused_rows: That the chat template does not take.
        refusal: What is the matter with the first of them.
        untold: Messages of which it cannot be told which tokens are thinking or calls; they count as ``assistant``.
        tokens: Of whole rows.
        roles: Of ``system``, ``user``, ``assistant``, ``thinking``, ``calls``, ``tool``, where there are any, of roles that
            only the rows know, and ``(template)``, those of no message. Together they are `tokens`.
    """

    tokenizer: str
    rows: int
    refused_rows: int
    refusal: str | None
    untold: int
    tokens: TokenSpread
    roles: Mapping[str, TokenSpread]


class RoleCount(NamedTuple):
    """The tokens of a chat by role, and the messages whose thinking and calls cannot be told apart from the rest."""

    tokens: Counter[str]
    untold: int


def count_tokens(tokenizer: ChatTokenizer, chat: Chat) -> int:
    """How many tokens a chat has.

    Raises:
        TemplateRefused: The template does not take it.
    """
    rendering = tokenizer.template.render(for_template(tokenizer.template, chat), chat.tools)
    return len(tokenizer.encode(rendering.text).ids)


def count_by_role(tokenizer: ChatTokenizer, chat: Chat) -> RoleCount:
    """Tokens of a chat by role; a token belongs to the part in which it begins.

    Raises:
        TemplateRefused: The template does not take it.
    """
    messages = for_template(tokenizer.template, chat)
    finder = MessageFinder(tokenizer.template, messages, chat.tools)
    untold = 0
    named: list[tuple[Span, str]] = []
    for index, message in enumerate(messages):
        role = str(message["role"])
        if (whole := _span(finder, index)) is None:
            continue
        parts = _parts(finder, index) if role == AGENT else []
        untold += parts is None
        cuts = [(span, name) for name, span in parts or () if span]
        named += cuts + [(span, role) for span in without([whole], [span for span, _ in cuts])]
    return RoleCount(_counted(tokenizer.encode(finder.text).offsets, sorted(named)), untold)


def _counted(offsets: Sequence[Span], named: Sequence[tuple[Span, str]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    at = 0
    for start, _ in offsets:
        while at < len(named) and start >= named[at][0][1]:
            at += 1
        inside = at < len(named) and start >= named[at][0][0]
        counts[named[at][1] if inside else TEMPLATE] += 1
    return counts


def _parts(finder: MessageFinder, index: int) -> list[tuple[str, Span | None]] | None:
    """Where an answer's thinking and calls stand; None where that cannot be told."""
    try:
        thinking, calls = finder.thinking(index), finder.calls(index)
    except TemplateRefused:
        return None
    if thinking and calls and thinking[1] > calls[0]:
        return None
    return [("thinking", thinking), ("calls", calls)]


async def token_statistics(
    source: TrajectorySource,
    tokenizer: ChatTokenizer,
    *,
    where: str | None = None,
    on_rows: Callable[[int, int], None] = lambda done, rows: None,
) -> TokenStatistics:
    """Count the tokens of a dataset's rows; memory holds four bytes for each number that is told of a row.

    Args:
        source: Where they are.
        tokenizer: Counts, with its chat template.
        where: As for `TrajectorySource.stream_rows`.
        on_rows: Told how many rows are done, of how many at most.

    Raises:
        InvalidTokenizer: Its chat template takes none of the rows.
        HfsvcError: What the source raises.
    """
    tally = _Tally(tokenizer)
    chunk: list[TrajectoryRow] = []
    most = await source.count()
    async with aclosing(source.stream_rows(where=where)) as rows:
        async for row in rows:
            chunk.append(row)
            if len(chunk) == _CHUNK:
                await anyio.to_thread.run_sync(tally.add, chunk)
                chunk = []
                on_rows(tally.seen, most)
    await anyio.to_thread.run_sync(tally.add, chunk)
    return tally.result()


class _Tally:
    def __init__(self, tokenizer: ChatTokenizer) -> None:
        self._tokenizer = tokenizer
        self._refused = FitTally(tokenizer.name)
        self._untold = 0
        self._tokens = array("I")
        self._roles: dict[str, array[int]] = {}

    @property
    def seen(self) -> int:
        return self._refused.seen

    def add(self, rows: Sequence[TrajectoryRow]) -> None:
        for row in rows:
            self._refused.seen += 1
            try:
                found = count_by_role(self._tokenizer, chat_of(row))
            except TemplateRefused as error:
                self._refused.refused(f"row {row.row}: {error}")
            else:
                self._add(found)

    def _add(self, found: RoleCount) -> None:
        self._untold += found.untold
        for role, tokens in found.tokens.items():
            self._roles.setdefault(role, array("I")).append(tokens)
        self._tokens.append(found.tokens.total())

    def result(self) -> TokenStatistics:
        self._refused.check()
        rows = len(self._tokens)
        order = sorted(self._roles, key=lambda role: (role == TEMPLATE, (*ROLES, role).index(role), role))
        return TokenStatistics(
            tokenizer=self._tokenizer.name,
            rows=rows,
            refused_rows=self._refused.lost,
            refusal=self._refused.refusal,
            untold=self._untold,
            tokens=spread_of(self._tokens, rows),
            roles={role: spread_of(self._roles[role], rows) for role in order},
        )


def spread_of(numbers: Sequence[int], rows: int) -> TokenSpread:
    """How numbers are spread over rows; those that have none have 0. Pure."""
    ordered = sorted(numbers)
    if not ordered:
        return TokenSpread()

    def at(percent: int) -> int:
        # The smallest number that so many of all rows do not exceed.
        place = -(-percent * rows // 100) - 1 - (rows - len(ordered))
        return ordered[place] if place >= 0 else 0

    total = sum(ordered)
    return TokenSpread(total=total, mean=total / rows, median=at(50), p90=at(90), p99=at(99), largest=ordered[-1])


def _span(finder: MessageFinder, index: int) -> Span | None:
    try:
        return finder.span(index)
    except TemplateRefused:
        # One that the template writes nowhere has no tokens.
        return None
