"""What commands print: JSON, columns, facts, and words for a person, safe for the terminal."""

import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from hfsvc.models import FileLayout


def as_json(value: Any) -> bytes:
    """A value as JSON, paths as texts."""
    return msgspec.json.encode(value, enc_hook=str)


def write_json(value: Any, *, err: bool = False) -> None:
    """One JSON value and a line end; indented for a person at a terminal."""
    text = as_json(value)
    stream = sys.stderr if err else sys.stdout
    click.echo(_for_terminal(text) if stream.isatty() else text, err=err)


def write_json_stream(name: str, items: Iterable[Any], facts: Callable[[], dict[str, Any]]) -> None:
    """One JSON object: first `items` under `name`, each written as it comes, then the `facts` that are known by then."""
    if sys.stdout.isatty():
        write_json({name: list(items), **facts()})
        return
    click.echo(b"{" + as_json(name) + b":[", nl=False)
    for number, item in enumerate(items):
        click.echo((b"," if number else b"") + as_json(item), nl=False)
    click.echo(b"]," + as_json(facts())[1:])


def _for_terminal(text: bytes) -> str:
    indented = msgspec.json.format(text, indent=2).decode()
    return "".join(f"\\u{ord(each):04x}" if _steers(each) and ord(each) <= 0xFFFF else each for each in indented)


def printable(text: str) -> str:
    """The text without what could steer the terminal it is shown on: names and messages come from strangers."""
    # What was taken from a terminal ends its lines with both characters.
    lines = text.replace("\r\n", "\n")
    return "".join("\N{REPLACEMENT CHARACTER}" if _steers(each) else each for each in lines)


def _steers(character: str) -> bool:
    # Control characters of both sets, what reorders or hides text, and halves of characters.
    return character not in "\n\t" and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def write_columns(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Aligned columns with a header on a terminal, tab-separated values without one into a pipe."""
    rows = list(rows)
    if not sys.stdout.isatty():
        for row in rows:
            click.echo(printable("\t".join(row)))
        return
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(printable(line.rstrip()))


def write_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Names and values, one a line."""
    facts = list(facts)
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        click.echo(printable(f"{name.ljust(width)}  {value}"))


def count_files(count: int) -> str:
    """``1 file``, ``2 files``."""
    return count_of("file", count)


def count_of(noun: str, count: int) -> str:
    """``1 noun``, ``2 nouns``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def say(text: str) -> None:
    """Words for a person, on stderr."""
    click.echo(printable(text), err=True)


def say_left_out(files: "Sequence[FileLayout]") -> None:
    """Which files of a dataset are not read, the first of them with the reason."""
    if files:
        first, others = files[0], len(files) - 1
        more = f"; and {count_of('other', others)}" if others else ""
        say(f"{count_files(len(files))} left out: {first.file} ({first.reason}){more}. hfsvc layouts tells of each.")
