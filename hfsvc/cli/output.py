"""What commands print."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
import msgspec


def write_json(value: Any, *, err: bool = False) -> None:
    """One JSON value and a line end; indented for a person at a terminal."""
    text = msgspec.json.encode(value)
    stream = sys.stderr if err else sys.stdout
    click.echo(msgspec.json.format(text, indent=2) if stream.isatty() else text, err=err)


def write_columns(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Aligned columns with a header on a terminal, tab-separated values without one into a pipe."""
    rows = list(rows)
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def write_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Names and values, one a line."""
    facts = list(facts)
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        click.echo(f"{name.ljust(width)}  {value}")


def say(text: str) -> None:
    """Words for a person, on stderr."""
    click.echo(text, err=True)
