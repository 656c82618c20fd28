"""Command line options for `ReadOptions`: which rows are read, and how they are stored."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, get_args

import click

from hfsvc.models import LayoutName, OnBadRow, ReadOptions, Style


class _NameAndColumn(click.ParamType[tuple[str, str]]):
    """``NAME=COLUMN``."""

    name = "name=column"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, _, column = value.partition("=")
        if not (name and column):
            self.fail(f"{value!r} names no column: write for example messages=history.", param, ctx)
        return name, column


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


def row_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with what says how a row becomes a trajectory."""
    return _gather(function, (*_STORED, *_STYLED))


def reading_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with what says how many rows do."""
    return _gather(function, (*_STORED, *_STYLED, *_STREAMED))


def _gather(function: Callable[..., Any], options: Iterable[Callable[..., Any]]) -> Callable[..., Any]:
    @wraps(function)
    def gather(*args: Any, **given: Any) -> Any:
        found = {name: given.pop(name) for name in ReadOptions.__struct_fields__ if name in given}
        chosen = {name: value for name, value in found.items() if value}
        chosen["columns"] = dict(found["columns"])
        return function(*args, reading=ReadOptions(**chosen), **given)

    decorated: Callable[..., Any] = gather
    for option in reversed([*options]):
        decorated = option(decorated)
    return decorated
