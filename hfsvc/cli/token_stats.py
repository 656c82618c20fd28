"""What ``stats`` says of tokens: how many, whose, and how they are spread over rows."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from hfsvc.cli.tables import TableColumn, print_table

if TYPE_CHECKING:
    from hfsvc.containers import Container
    from hfsvc.protocols import TrajectorySource
    from hfsvc.train.token_counts import TokenSpread, TokenStatistics

ALL = "(all)"
NUMBERS = ("mean", "median", "p90", "p99", "max")


async def count_tokens_of(
    container: "Container", source: "TrajectorySource", tokenizer: str, on_rows: "Callable[[int, int], None]"
) -> "TokenStatistics":
    """Count a dataset's tokens.

    Raises:
        MissingExtra: The extra ``train`` is not installed.
        InvalidTokenizer: There is none of that name, or its chat template takes no row.
    """
    from hfsvc.train.tokenizer_files import open_tokenizer

    opened = await open_tokenizer(container, tokenizer)
    from hfsvc.train.token_counts import token_statistics

    return await token_statistics(source, opened, on_rows=on_rows)


def token_lines(found: "TokenStatistics") -> Iterator[Sequence[str]]:
    """Every number on a line of its own: what it counts, whose, the number, and its share where it is part of a whole."""
    yield "rows in tokens", "", str(found.rows), ""
    yield "rows that the chat template refuses", "", str(found.refused_rows), ""
    yield "tokens", "", str(found.tokens.total), ""
    for role, spread in found.roles.items():
        yield "tokens by role", role, str(spread.total), _share(spread, found)
    for role, spread in ((ALL, found.tokens), *found.roles.items()):
        for name, number in zip(NUMBERS, _numbers(spread), strict=True):
            yield f"tokens of a row, {name}", role, number, ""


def show_tokens(found: "TokenStatistics") -> None:
    """The same as a table, for people."""
    columns = [TableColumn("TOKENS BY ROLE"), TableColumn("TOKENS", number=True), TableColumn("SHARE", number=True)]
    columns += [
        TableColumn(f"{name.upper()} OF A ROW" if name == "mean" else name.upper(), number=True) for name in NUMBERS
    ]
    rows = [
        (role, f"{spread.total:,}", _share(spread, found), *_numbers(spread, grouped=","))
        for role, spread in ((ALL, found.tokens), *found.roles.items())
    ]
    click.echo()
    print_table(columns, rows)


def say_refused(found: "TokenStatistics") -> None:
    """Rows that were not counted, and messages that were not told apart."""
    from hfsvc.cli.output import count_of, say

    if found.refused_rows:
        say(f"{count_of('row', found.refused_rows)} not counted in tokens; the first, {found.refusal}")
    if found.untold:
        messages = count_of("message", found.untold)
        say(f"Thinking and calls of {messages} cannot be told apart in the chat template; they count as assistant.")


def _numbers(spread: "TokenSpread", grouped: str = "") -> tuple[str, ...]:
    whole = (spread.median, spread.p90, spread.p99, spread.largest)
    return (format(spread.mean, f"{grouped}.1f"), *(format(number, grouped) for number in whole))


def _share(spread: "TokenSpread", found: "TokenStatistics") -> str:
    return f"{100 * spread.total / found.tokens.total:.1f}%" if found.tokens.total else ""
