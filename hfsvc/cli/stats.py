"""The command ``stats``: what is in a dataset, in numbers."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from hfsvc.cli.options import Options, command
from hfsvc.cli.read_options import storage_options

if TYPE_CHECKING:
    from rich.table import Table

    from hfsvc.models import Bucket, DatasetStatistics, ReadOptions, RecoveryStatistics, RoleStatistics

BAR_WIDTH = 30
# A terminal shows so many agents, models and results; the rest is one line.
SHOWN_VALUES = 10
_EIGHTHS = " ▏▎▍▌▋▊▉█"


@command("stats")
@click.argument("dataset", required=False)
@storage_options
def stats_command(options: Options, dataset: str | None, reading: "ReadOptions") -> None:
    """Count a dataset's rows, messages and who speaks, in one pass over its files."""
    from hfsvc.cli.output import printable, say_left_out, write_json
    from hfsvc.cli.run import open_source, run, source_of

    name = source_of(options, dataset)
    found = run(options, lambda container: open_source(container, name, reading).statistics())
    if options.as_json:
        write_json(found)
    elif sys.stdout.isatty():
        _show(found)
    else:
        for line in plain_lines(found):
            click.echo(printable("\t".join(map(str, line))))
    if not options.as_json:
        say_left_out(found.left_out)


def plain_lines(found: "DatasetStatistics") -> Iterator[Sequence[str | int]]:
    """Every number on a line of its own, after what it counts."""
    yield "rows", found.rows
    yield "bad rows", found.bad_rows
    for name, spread in (("steps", found.steps), ("characters", found.characters)):
        yield name, spread.total
        for label, count in labelled(spread.buckets):
            yield name, label, count
    for role, each in found.roles.items():
        yield "role", role, each.messages, each.characters
    for name, values in (("agent", found.agents), ("model", found.models), ("result", found.results)):
        for value, rows in values.items():
            yield name, value, rows
    for label, count in recovery(found.recovered):
        yield "recovered", label, count
    for notation, calls in found.recovered.notations.items():
        yield "notation", notation, calls


def recovery(found: "RecoveryStatistics") -> Iterator[tuple[str, int]]:
    """What the style structured recovers, as people call it."""
    yield "thinking", found.reasoning
    yield "calls", found.calls
    yield "answered calls", found.answered
    yield "observations", found.observations
    yield "kept as text", found.kept_as_text


def labelled(buckets: "Sequence[Bucket]") -> Iterator[tuple[str, int]]:
    """Every bucket's range, as people write it, and its count."""
    for bucket in buckets:
        low, high = bucket.at_least, bucket.below
        label = f"{low:,}+" if high is None else f"{low:,}" if high == low + 1 else f"{low:,}-{high - 1:,}"
        yield label, bucket.count


def bar(count: int, most: int) -> str:
    """A bar as long as `count` of `most`, drawn in eighths; something that is there is never drawn as nothing."""
    eighths = max(round(count * BAR_WIDTH * 8 / most), 1) if count else 0
    return _EIGHTHS[8] * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _show(found: "DatasetStatistics") -> None:
    from rich.console import Console

    console = Console(highlight=False)
    bad = f", {found.bad_rows:,} bad" if found.bad_rows else ""
    console.print(f"{found.rows:,} rows{bad}")
    for name, spread in (("steps of a row", found.steps), ("characters of a message", found.characters)):
        ends = f", {spread.smallest:,} to {spread.largest:,}" if spread.count else ""
        console.print(f"\n{name}: {spread.total:,} in all, {spread.mean:,.1f} on average{ends}", style="bold")
        console.print(_bars([(label, count, "") for label, count in labelled(spread.buckets)]))
    for name, values in shares(found):
        if values:
            console.print(f"\n{name}", style="bold")
            console.print(_bars(values))


def shares(found: "DatasetStatistics") -> Iterator[tuple[str, list[tuple[str, int, str]]]]:
    """What a row or message is of, with how many are of each, and a note; the most frequent ones."""
    said = [(role, each.messages, _said(each)) for role, each in found.roles.items()]
    yield "who speaks", most_frequent(said)
    for name, values in (("agents", found.agents), ("models", found.models), ("results", found.results)):
        yield name, most_frequent([(value, rows, "") for value, rows in values.items()])
    yield "recovered by --style structured", [(label, count, "") for label, count in recovery(found.recovered)]
    yield "calls by notation", most_frequent([(name, calls, "") for name, calls in found.recovered.notations.items()])


def _said(role: "RoleStatistics") -> str:
    return f"{role.characters / max(1, role.messages):,.0f} characters on average"


def most_frequent(values: Sequence[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    """The largest `SHOWN_VALUES` of them, the others as one."""
    ordered = sorted(values, key=lambda each: -each[1])
    shown, others = ordered[:SHOWN_VALUES], ordered[SHOWN_VALUES:]
    rest = (f"{len(others):,} more", sum(count for _, count, _ in others), "")
    return [*shown, rest] if others else shown


def _bars(values: Sequence[tuple[str, int, str]]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    from hfsvc.cli.output import printable

    table = Table(box=None, show_header=False, pad_edge=True)
    table.add_column(min_width=12, overflow="fold")
    table.add_column(justify="right")
    table.add_column(style="cyan", no_wrap=True)
    most = max((count for _, count, _ in values), default=1)
    for name, count, note in values:
        # As text: names come from strangers, and brackets would be markup.
        table.add_row(Text(printable(name)), f"{count:,}", bar(count, most), note)
    return table
