"""What commands say of exports that are done: paths, what was written, and what became of all other rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from hfsvc.cli.options import Options

if TYPE_CHECKING:
    from hfsvc.export import Exported
    from hfsvc.models import FitRecord, StreamRecord


def tell_exported(options: Options, done: "list[Exported]") -> None:
    """The paths on stdout, and for people what was written and left out."""
    from hfsvc.cli.output import say

    for each in done:
        if not options.quiet:
            say(sentence_of(each, str(each.target)))
        click.echo(str(each.target))
    if not options.quiet:
        say_records(done)


def say_records(done: "list[Exported]") -> None:
    """Why rows were left out, and how some were changed, for people; nothing where none was."""
    from hfsvc.cli.output import say

    for each in done:
        for sentence in _sentences(each.record):
            say(sentence)


def write_report(report: Path | None, done: "list[Exported]") -> None:
    """What became of every row, for machines: of one file, or of each of several."""
    from hfsvc.disk import disk_errors
    from hfsvc.files.atomic import write_whole

    if report is None:
        return
    records = [{"path": each.target, "kept": each.kept, **msgspec.to_builtins(each.record)} for each in done]
    with disk_errors(report):
        write_whole(report, msgspec.json.format(msgspec.json.encode(records[0] if len(records) == 1 else records)))


def sentence_of(done: "Exported", place: str) -> str:
    """What was written to a place."""
    from hfsvc.units import format_bytes

    if done.kept:
        return f"{place} is there already, and stays as it is: what it holds was not compared"
    bad = f"{done.skipped_rows} bad row{'s' * (done.skipped_rows != 1)}"
    skipped = f", {bad} skipped" if done.skipped_rows else ""
    return f"{done.rows} trajectories, {format_bytes(done.written)}, to {place}{skipped}"


def _sentences(record: "StreamRecord") -> Iterator[str]:
    left_out = ", ".join(f"{reason} {rows:,}" for reason, rows in record.left_out.items())
    without = f"; {record.without_result:,} of them have no result" if record.without_result else ""
    if left_out:
        yield f"{record.read:,} rows read, {record.written:,} written, left out: {left_out}{without}"
    if record.fitted:
        yield from _changes(record.fitted, record.left_out.get("template", 0))


def _changes(fitted: "FitRecord", refused: int) -> Iterator[str]:
    from hfsvc.cli.output import count_of

    if fitted.cut_rows:
        yield f"{count_of('tool output', fitted.cut_outputs)} cut, in {count_of('row', fitted.cut_rows)}"
    if fitted.split_rows:
        dropped = fitted.dropped_turns
        without = f"; {count_of('turn', dropped)} left out, too long by themselves" if dropped else ""
        yield f"{count_of('row', fitted.split_rows)} split into {fitted.pieces:,}{without}"
    if refused:
        yield f"{count_of('row', refused)} left out that cannot be tokenized; the first, {fitted.refusal}"
