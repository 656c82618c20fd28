"""Command line options for `ReadOptions`: which rows are read, and how they are stored."""

from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, get_args

import click

from hfsvc.models import LayoutName, OnBadRow, Preference, ReadOptions, Style, TraceFilter

LONGEST_NUMBER = 18
# No names can be read as this.
KEPT_WITHOUT_NAMES = ("",)


class _NameAndColumn(click.ParamType[tuple[str, str]]):
    """``NAME=COLUMN``."""

    name = "name=column"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, _, column = value.partition("=")
        if not (name and column):
            self.fail(f"{value!r} names no column: write for example messages=history.", param, ctx)
        return name, column


class NamesType(click.ParamType[tuple[str, ...]]):
    """``NAME,NAME``."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        names = tuple(name for each in value.split(",") if (name := each.strip())) if isinstance(value, str) else value
        if not names:
            self.fail(f"{value!r} names nothing: write for example task,result.", param, ctx)
        return names


_STORED = (
    click.option("--config", help="The configuration to read, where the dataset has several."),
    click.option("--split", help="The split to read."),
    click.option("--layout", type=click.Choice(get_args(LayoutName)), help="How rows are stored; found out otherwise."),
    click.option(
        "--column",
        "columns",
        type=_NameAndColumn(),
        metavar="NAME=COLUMN",
        multiple=True,
        help="What hfsvc calls NAME is in COLUMN; may repeat.",
    ),
    click.option(
        "--episodes",
        type=click.Choice(["all", "last"]),
        help="Leave out rows that a later episode of the same trial goes on from.",
    ),
    click.option(
        "--filter",
        "result",
        type=click.Choice(["all", "success", "failure"]),
        help="Only runs that succeeded, or only those that did not.",
    ),
)
_CHOSEN = (
    click.option("--where", metavar="QUERY", help="Only rows that answer to a query, as hfsvc search takes it."),
    click.option(
        "--rows",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Only the rows that a file names: a number or a key a line.",
    ),
    click.option(
        "--traces",
        type=click.Choice(get_args(TraceFilter)),
        help="Leave out rows of subagents and summaries, by their trace_source.",
    ),
    click.option(
        "--dedupe",
        metavar="[exact|messages|FIELD]",
        help="Keep one of several rows with the same messages, the same first user message, or the same value in a field.",
    ),
    click.option(
        "--prefer",
        type=click.Choice(get_args(Preference)),
        help="Of duplicates keep the first, or the one with the best result.",
    ),
    click.option("--sample", type=click.IntRange(min=0), metavar="N", help="N of the rows that are left, at random."),
    click.option("--seed", type=int, help="Where chance begins: the same number gives the same rows."),
)
_ORDERED = (
    click.option("--shuffle", is_flag=True, help="Rows in random order, by --seed."),
    click.option(
        "--keep",
        type=NamesType(),
        is_flag=False,
        flag_value=KEPT_WITHOUT_NAMES,
        metavar="NAME,…",
        help="Columns, fields of summaries, row, file, dataset or commit that go along with each row. "
        "Without names, with --remote: keep what is read for a later download.",
    ),
)
_STYLED = (
    click.option(
        "--style",
        type=click.Choice(get_args(Style)),
        help="A step a message, or thinking, calls and observations rebuilt from the text.",
    ),
    click.option(
        "--fenced",
        is_flag=True,
        help="With --style structured: the last fenced block of an agent's message is a command.",
    ),
)
_STREAMED = (
    click.option(
        "--on-bad-row",
        type=click.Choice(get_args(OnBadRow)),
        help="Fail at a row that cannot be read, or leave it out.",
    ),
)


def storage_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds what says where rows are; the function gets it as `reading`, `ReadOptions`."""
    return _gather(function, _STORED)


def choosing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with what says which rows."""
    return _gather(function, (*_STORED, *_CHOSEN))


def counting_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with what says how a row becomes a trajectory."""
    return _gather(function, (*_STORED, *_CHOSEN, *_STYLED))


def writing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """All of them: how rows are read, which, in which order, and what goes along with them."""
    return _gather(function, (*_STORED, *_CHOSEN, *_ORDERED, *_STYLED, *_STREAMED))


def row_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with what says how a row becomes a trajectory."""
    return _gather(function, (*_STORED, *_STYLED))


def reading_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with what says how many rows do."""
    return _gather(function, (*_STORED, *_STYLED, *_STREAMED))


def _gather(function: Callable[..., Any], options: Iterable[Callable[..., Any]]) -> Callable[..., Any]:
    options = [*options]
    names = _names_of(options)

    @wraps(function)
    def gather(*args: Any, **given: Any) -> Any:
        # A command may have an option of its own by the name of a field.
        found = {name: given.pop(name) for name in names}
        chosen = {
            name: value for name, value in found.items() if value is not None and value is not False and value != ()
        }
        chosen["columns"] = dict(found["columns"])
        if "prefer" in chosen and "dedupe" not in chosen:
            raise click.UsageError("--prefer says which of duplicates is kept: give --dedupe.")
        if "rows" in chosen:
            chosen["rows"] = _rows_named_in(chosen["rows"])
        return function(*args, reading=ReadOptions(**chosen), **given)

    decorated: Callable[..., Any] = gather
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def _names_of(options: Iterable[Callable[..., Any]]) -> set[str]:
    def nothing() -> None: ...

    for option in options:
        option(nothing)
    params: list[click.Parameter] = nothing.__click_params__  # type: ignore[attr-defined]
    return {each.name or "" for each in params}


def _rows_named_in(file: Path) -> tuple[int | str, ...]:
    """The numbers and keys that a file names, one a line."""
    try:
        lines = map(str.strip, file.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"--rows {file} cannot be read: {error}") from None
    return tuple(int(line) if line.isdecimal() and len(line) <= LONGEST_NUMBER else line for line in lines if line)
