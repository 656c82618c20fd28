"""The command ``stats``: what is in a dataset, in numbers."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click
import msgspec

from hfsvc.cli.options import Options, command, workers_option
from hfsvc.cli.read_options import counting_options
from hfsvc.cli.remote import remote_option, traffic_facts
from hfsvc.cli.tables import TableColumn, print_table, terminal, write_lines
from hfsvc.cli.token_options import TOKENIZER
from hfsvc.cli.token_stats import count_tokens_of, say_refused, show_tokens, token_lines

if TYPE_CHECKING:
    from hfsvc.containers import Container
    from hfsvc.models import Bucket, DatasetStatistics, Distribution, ReadOptions
    from hfsvc.train.token_counts import TokenStatistics

BAR_WIDTH = 16
ROOM_FOR_BARS = 72
SHARE = TableColumn("SHARE", number=True)
# A terminal shows so many agents, models and results; the rest is one line.
SHOWN_VALUES = 10
_EIGHTHS = " ▏▎▍▌▋▊▉█"


@command("stats", example="hfsvc stats openthoughts-sft")
@click.argument("dataset", required=False)
@TOKENIZER
@workers_option
@remote_option
@counting_options
def stats_command(
    options: Options, dataset: str | None, reading: "ReadOptions", tokenizer: str | None, workers: int
) -> None:
    """Count a dataset's rows, messages and who speaks, in one pass over its files; with --tokenizer tokens, in another.

    Tokens are those of chats, as --style makes them of rows; one process counts them.
    """
    from hfsvc.cli.output import say_left_out, write_json
    from hfsvc.cli.run import say_why_nothing, source_of

    if not tokenizer and (reading.fenced or reading.style != "messages"):
        raise click.UsageError("--style and --fenced say which chats are counted in tokens: give --tokenizer.")
    name = source_of(options, dataset)
    found, tokens = _counted(options, name, reading, tokenizer, workers)
    if options.as_json:
        write_json(msgspec.to_builtins(found) | ({"tokens": tokens} if tokens else {}) | traffic_facts())
        return
    if sys.stdout.isatty():
        _show(found, tokens)
    else:
        write_lines(plain_lines(found))
        write_lines(token_lines(tokens) if tokens else ())
    say_left_out(found.left_out, name)
    if tokens:
        say_refused(tokens)
    if not found.rows:
        say_why_nothing(options, name, reading)


def _counted(
    options: Options, name: str, reading: "ReadOptions", tokenizer: str | None, workers: int
) -> "tuple[DatasetStatistics, TokenStatistics | None]":
    from hfsvc.cli.progress import show_rows
    from hfsvc.cli.run import open_source, run

    # Bad rows are counted, and no error.
    lenient = msgspec.structs.replace(reading, on_bad_row="skip")
    quiet = options.quiet or options.as_json

    async def work(container: "Container") -> "tuple[DatasetStatistics, TokenStatistics | None]":
        tokens = None
        if tokenizer:
            with show_rows("counting tokens", quiet=quiet) as on_rows:
                source = open_source(container, name, lenient, workers=workers)
                tokens = await count_tokens_of(container, source, tokenizer, on_rows)
        with show_rows("counting", quiet=quiet) as on_rows:
            return await open_source(container, name, reading, on_rows, workers=workers).statistics(), tokens

    return run(options, work)


class Breakdown(NamedTuple):
    """A number of the whole, told by what it is made of.

    Attributes:
        title: What is told apart.
        unit: What is counted: rows, messages, characters, steps or calls.
        total: What shares are of.
        parts: Each with its name and its number.
    """

    title: str
    unit: str
    total: int
    parts: Sequence[tuple[str, int]]


def totals(found: "DatasetStatistics") -> Iterator[tuple[str, int, str]]:
    """What there is in all, with the averages."""
    rows, messages = found.steps, found.characters
    yield "rows", found.rows, ""
    yield "bad rows", found.bad_rows, ""
    yield "messages", rows.total, _spread(rows, "row")
    yield "characters", messages.total, _spread(messages, "message")


def _spread(spread: "Distribution", of: str) -> str:
    return f"{spread.mean:,.1f} a {of}, {spread.smallest:,} to {spread.largest:,}" if spread.count else ""


def breakdowns(found: "DatasetStatistics") -> Iterator[Breakdown]:
    """The numbers of a dataset by what they are made of."""
    good, messages = found.rows - found.bad_rows, found.steps.total
    roles = found.roles.items()
    yield Breakdown("rows by number of messages", "rows", good, [*labelled(found.steps.buckets)])
    yield Breakdown("messages by number of characters", "messages", messages, [*labelled(found.characters.buckets)])
    yield Breakdown("messages by role", "messages", messages, [(role, each.messages) for role, each in roles])
    spoken = [(role, each.characters) for role, each in roles]
    yield Breakdown("characters by role", "characters", found.characters.total, spoken)
    for name, values in (("agent", found.agents), ("model", found.models), ("result", found.results)):
        yield Breakdown(f"rows by {name}", "rows", found.rows, [*values.items()])
    calls = found.recovered.calls
    yield Breakdown("calls by notation", "calls", calls, [*found.recovered.notations.items()])


def recovery(found: "DatasetStatistics") -> Iterator[tuple[str, int, int]]:
    """What the style structured recovers: what is counted, how often, and of how many."""
    recovered, messages = found.recovered, found.steps.total
    yield "steps with thinking", recovered.reasoning, 0
    yield "calls", recovered.calls, 0
    yield "calls with an answer", recovered.answered, recovered.calls
    yield "messages that became observations", recovered.observations, messages
    yield "messages kept as text", recovered.kept_as_text, messages


def plain_lines(found: "DatasetStatistics") -> Iterator[Sequence[str]]:
    """Every number on a line of its own: what it counts, of what, the number, and its share where it is part of a whole."""
    for name, count, _ in totals(found):
        yield name, "", str(count), ""
    for name, count, whole in recovery(found):
        yield f"recovered: {name}", "", str(count), _share(count, whole)
    for each in breakdowns(found):
        for part, count in each.parts:
            yield each.title, part, str(count), _share(count, each.total)


def _share(count: int, whole: int) -> str:
    return f"{100 * count / whole:.1f}%" if whole else ""


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


def most_frequent(values: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """The largest `SHOWN_VALUES` of them, the others as one."""
    ordered = sorted(values, key=lambda each: -each[1])
    shown, others = ordered[:SHOWN_VALUES], ordered[SHOWN_VALUES:]
    rest = (f"{len(others):,} more", sum(count for _, count in others))
    return [*shown, rest] if others else shown


def _show(found: "DatasetStatistics", tokens: "TokenStatistics | None") -> None:
    of_all = [TableColumn("IN ALL"), TableColumn("NUMBER", number=True), TableColumn("SPREAD", wraps=True)]
    print_table(of_all, [(name, f"{count:,}", spread) for name, count, spread in totals(found)])
    for each in breakdowns(found):
        ranges = each.title.endswith(("messages", "characters"))
        parts = each.parts if ranges else most_frequent(each.parts)
        if parts:
            click.echo()
            _show_parts(each, parts)
    click.echo()
    by_style = [TableColumn("RECOVERED BY --style structured", wraps=True), TableColumn("NUMBER", number=True), SHARE]
    print_table(by_style, [(name, f"{count:,}", _share(count, whole)) for name, count, whole in recovery(found)])
    if tokens:
        show_tokens(tokens)


def _show_parts(each: Breakdown, parts: Sequence[tuple[str, int]]) -> None:
    most = max(count for _, count in parts)
    columns = [TableColumn(each.title.upper(), wraps=True), TableColumn(each.unit.upper(), number=True), SHARE]
    rows: list[tuple[str, ...]] = [
        (name or "(empty)", f"{count:,}", _share(count, each.total)) for name, count in parts
    ]
    if terminal().width >= ROOM_FOR_BARS:
        columns.append(TableColumn(""))
        rows = [(*row, bar(count, most)) for row, (_, count) in zip(rows, parts, strict=True)]
    print_table(columns, rows)
