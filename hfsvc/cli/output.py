"""What commands print: JSON, and words for a person, safe for the terminal."""

import json
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from hfsvc.models import FileLayout


def as_json(value: Any) -> bytes:
    """A value as JSON, paths as texts."""
    try:
        return msgspec.json.encode(value, enc_hook=str)
    except UnicodeEncodeError:
        # Names that are no text: escapes of half characters are JSON, from which Python gets the name back.
        return json.dumps(msgspec.to_builtins(value, enc_hook=str), separators=(",", ":")).encode()


def write_json(value: Any, *, err: bool = False) -> None:
    """One JSON value and a line end; indented for a person at a terminal."""
    text = as_json(value)
    stream = sys.stderr if err else sys.stdout
    with suppress(OSError) if err else nullcontext():
        click.echo(_for_terminal(text, stream.encoding) if stream.isatty() else text, err=err)


def write_json_stream(name: str, items: Iterable[Any], facts: Callable[[], dict[str, Any]]) -> None:
    """One JSON object: first `items` under `name`, each written as it comes, then the `facts` that are known by then."""
    if sys.stdout.isatty():
        write_json({name: list(items), **facts()})
        return
    click.echo(b"{" + as_json(name) + b":[", nl=False)
    for number, item in enumerate(items):
        click.echo((b"," if number else b"") + as_json(item), nl=False)
    click.echo(b"]," + as_json(facts())[1:])


def _for_terminal(text: bytes, encoding: str) -> str:
    indented = msgspec.json.format(text, indent=2).decode()
    return "".join(each if _can_show(each, encoding) else _escaped(each) for each in indented)


def _can_show(character: str, encoding: str) -> bool:
    if character.isascii():
        return not _steers(character)
    if _steers(character):
        return False
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def printable(text: str) -> str:
    """The text without what could steer the terminal it is shown on: names and messages come from strangers."""
    if text.isprintable():
        return text
    # What was taken from a terminal ends its lines with both characters.
    lines = text.replace("\r\n", "\n")
    return "".join("\N{REPLACEMENT CHARACTER}" if _steers(each) else each for each in lines)


def _steers(character: str) -> bool:
    # Control characters of both sets, what reorders or hides text, and halves of characters.
    return character not in "\n\t" and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def count_files(count: int) -> str:
    """``1 file``, ``2 files``."""
    return count_of("file", count)


def count_of(noun: str, count: int) -> str:
    """``1 noun``, ``2 nouns``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def say(text: str) -> None:
    """Words for a person, on stderr; where that takes no more of them, the work and its exit code stay what they are."""
    with suppress(OSError):
        click.echo(printable(text), err=True)


def say_left_out(files: "Sequence[FileLayout]", name: str) -> None:
    """Which files of the dataset `name` are not read, the first of them with the reason."""
    if files:
        first, others = files[0], len(files) - 1
        more = f"; and {count_of('other', others)}" if others else ""
        say(
            f"{count_files(len(files))} left out: {first.file} ({first.reason}){more}. Of each tells: hfsvc layouts {name}"
        )
