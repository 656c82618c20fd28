"""Tables: with headings and as wide as the terminal, or a row a line in a pipe."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from hfsvc.cli.output import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

# What wraps is not made narrower than this: then rows are shown one below the other.
NARROWEST = 16
GAP = 2


class TableColumn(NamedTuple):
    """A column of a table.

    Attributes:
        heading: Above it.
        number: Stands at the right.
        wraps: May be broken into lines.
    """

    heading: str
    number: bool = False
    wraps: bool = False


def write_table(
    columns: Sequence[TableColumn], rows: Iterable[Sequence[str]], *, plain: Iterable[Sequence[str]] | None = None
) -> None:
    """Rows for a person at a terminal; in a pipe a line each, without headings, fields separated by tabs.

    Args:
        columns: Of the terminal.
        rows: Their texts.
        plain: What a pipe is given instead of `rows`.
    """
    if sys.stdout.isatty():
        print_table(columns, [*rows])
    else:
        write_lines(rows if plain is None else plain)


def write_lines(rows: Iterable[Sequence[str]]) -> None:
    """A line for each row, fields separated by tabs."""
    for row in rows:
        click.echo("\t".join(" ".join(printable(cell).splitlines()).replace("\t", " ") for cell in row))


def print_table(columns: Sequence[TableColumn], rows: Sequence[Sequence[str]]) -> None:
    """A table where the terminal has room for it, else a block for each row."""
    console = terminal()
    if not rows:
        return
    if _room_needed(columns, rows) <= console.width:
        console.print(_table(columns, rows))
    else:
        for row in rows:
            _print_block(console, columns, row)


def terminal(*, err: bool = False) -> "Console":
    """The terminal, which shows texts as they are."""
    from rich.console import Console

    return Console(stderr=err, highlight=False, markup=False, emoji=False)


def text_of(cell: str) -> "Text":
    """A text that brackets do not style and that steers nothing."""
    from rich.text import Text

    return Text(printable(cell))


def write_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Names and values, one a line; on a terminal long values go on below themselves."""
    facts = [*facts]
    if sys.stdout.isatty():
        terminal().print(_facts(facts))
        return
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        click.echo(printable(f"{name.ljust(width)}  {value}"))


def _room_needed(columns: Sequence[TableColumn], rows: Sequence[Sequence[str]]) -> int:
    widths = [
        max(_width(text) for text in (column.heading, *cells)) for column, *cells in zip(columns, *rows, strict=True)
    ]
    least = (min(width, NARROWEST) if column.wraps else width for column, width in zip(columns, widths, strict=True))
    return sum(least) + GAP * (len(columns) - 1)


def _width(cell: str) -> int:
    return max((text_of(line).cell_len for line in cell.splitlines()), default=0)


def _table(columns: Sequence[TableColumn], rows: Sequence[Sequence[str]]) -> "RenderableType":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for number, column in enumerate(columns):
        width = max(_width(row[number]) for row in rows)
        table.add_column(
            column.heading,
            justify="right" if column.number else "left",
            no_wrap=not column.wraps,
            overflow="fold",
            min_width=min(width, NARROWEST) if column.wraps else None,
        )
    for row in rows:
        table.add_row(*map(text_of, row))
    return table


def _print_block(console: "Console", columns: Sequence[TableColumn], row: Sequence[str]) -> None:
    title = text_of(row[0])
    title.stylize("bold")
    console.print(title, overflow="fold")
    facts = [(column.heading.lower(), cell) for column, cell in zip(columns[1:], row[1:], strict=True)]
    console.print(_facts(facts, indent=GAP))


def _facts(facts: Sequence[tuple[str, str]], *, indent: int = 0) -> "RenderableType":
    from rich.padding import Padding
    from rich.table import Table

    grid = Table.grid(padding=(0, GAP, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts:
        grid.add_row(text_of(name), text_of(value))
    return Padding(grid, (0, 0, 0, indent))
