"""The command ``export``: trajectories into files, shards, or stdout."""

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from hfsvc.cli.errors import Terminated
from hfsvc.cli.options import Options, command, workers_option
from hfsvc.cli.read_options import writing_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hfsvc.containers import Container
    from hfsvc.export import Exported, ExportRequest, RowsExported
    from hfsvc.models import ReadOptions

STDOUT = Path("-")
# As `hfsvc.export.FORMATS` has them; importing that takes a while.
FORMATS = ("jsonl", "parquet", "steps", "openai", "sharegpt", "atif-dir", "sts", "prompt-completion", "tokens")
LONGEST_SHARD = 30


class ShardType(click.ParamType[tuple[int, int]]):
    """``i/n``, counted from 0."""

    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        index, slash, shards = value.partition("/")
        # Python refuses to read numbers of thousands of digits.
        numbers = len(value) < LONGEST_SHARD and index.isdecimal() and shards.isdecimal()
        if not (slash and numbers and int(index) < int(shards)):
            self.fail(f"{value!r} is no shard: write i/n, with i from 0 to n - 1.", param, ctx)
        return int(index), int(shards)


class SplitsType(click.ParamType[dict[str, float]]):
    """``NAME=FRACTION,NAME=FRACTION``."""

    name = "splits"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        if isinstance(value, dict):
            return value
        found: dict[str, float] = {}
        for each in value.split(","):
            name, _, fraction = each.strip().partition("=")
            try:
                found[name] = float(fraction)
            except ValueError:
                name = ""
            if not name or "/" in name:
                self.fail(f"{each!r} is no split: write for example train=0.9,test=0.1.", param, ctx)
        return found


@command("export", example="hfsvc export openthoughts-sft -o runs.jsonl.zst --stop 100")
@click.argument("dataset")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    required=True,
    help="The file or folder to write; - for stdout.",
)
@click.option("--format", type=click.Choice(FORMATS), help="What to write (default: by the ending of the name).")
@click.option("--start", type=click.IntRange(min=0), default=0, help="First row, from 0.")
@click.option("--stop", type=click.IntRange(min=0), help="Row to stop before.")
@click.option(
    "--cursor",
    "cursors",
    multiple=True,
    help="Go on after the row that this cursor came with; those of all shards of a run, to divide its rest anew.",
)
@click.option("--limit", type=click.IntRange(min=0), help="Most rows to write.")
@click.option("--shard", type=ShardType(), help="Write the i-th of n parts, counted from 0.")
@click.option("--shards", type=click.IntRange(min=1), help="Write all of n parts, a file each.")
@click.option("--stripe", is_flag=True, help="Parts are every n-th row, not stretches.")
@click.option(
    "--split-by", metavar="FIELD", help="Write a file for each of --splits; no value of FIELD is in two of them."
)
@click.option(
    "--splits", type=SplitsType(), metavar="NAME=FRACTION,…", help="Names and sizes, such as train=0.9,test=0.1."
)
@click.option("--one-call-a-step", is_flag=True, help="Steps of several calls become steps of one call each.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write what became of every row into a JSON file.",
)
@click.option("--resume", is_flag=True, help="Leave out files that are there already.")
@workers_option
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option(
    "--progress", type=click.Choice(["auto", "json", "none"]), default="auto", help="A bar, or events as JSON lines."
)
@writing_options
def export_command(options: Options, dataset: str, reading: "ReadOptions", **given: Any) -> None:
    """Write a dataset's trajectories into a file or a folder.

    The file is whole under its name, or not there.
    """
    from hfsvc.cli.output import write_json
    from hfsvc.cli.run import say_why_nothing, source_name

    _check(options, given)
    given["cursor"] = _joined(given.pop("cursors"))
    dataset = source_name(options, dataset)
    if given["output"] == STDOUT:
        write_report(given["report"], [_to_stdout(options, dataset, reading, given)])
        return
    report = given.pop("report")
    done = _to_files(options, dataset, reading, given)
    if report:
        write_report(report, done)
    if options.as_json:
        write_json(done)
        return
    tell_exported(options, done)
    if not any(each.rows or each.kept for each in done):
        say_why_nothing(options, dataset, reading)


def _check(options: Options, given: dict[str, Any]) -> None:
    to_stdout = given["output"] == STDOUT
    if given["shard"] and given["shards"]:
        raise click.UsageError("Give --shard for one part, or --shards for all of them.")
    if len(given["cursors"]) == 1 and given["shards"]:
        raise click.UsageError("A cursor goes on within one part: give --shard instead of --shards.")
    if bool(given["split_by"]) != bool(given["splits"]):
        raise click.UsageError("--split-by names the field, --splits the files: give both.")
    if given["splits"] and (given["shard"] or given["shards"] or given["cursors"] or to_stdout):
        raise click.UsageError("Splits are files of their own: no --shard, --shards or --cursor, and no stdout.")
    if given["stop"] is not None and given["stop"] <= given["start"]:
        raise click.UsageError("No row lies between --start and --stop: --stop is the row after the last one.")
    if to_stdout and (options.as_json or given["shards"] or given["resume"]):
        raise click.UsageError("On stdout there is only the export itself: no --json, --shards or --resume.")
    if given["engine"] == "ray" and given["workers"] != 1:
        raise click.UsageError("The engine ray has workers of its own: give --engine or --workers.")
    if given["engine"] == "ray" and (to_stdout or given["cursors"] or given["shard"] or given["limit"] is not None):
        raise click.UsageError("The engine ray writes --shards into files, without --shard, --cursor or --limit.")


def _to_stdout(options: Options, dataset: str, reading: "ReadOptions", given: dict[str, Any]) -> "Exported":
    from hfsvc.cli.output import say
    from hfsvc.cli.progress import show_export
    from hfsvc.cli.run import open_source, run
    from hfsvc.export import export_to
    from hfsvc.export.formats import choose_stream
    from hfsvc.export.writers import stream_writer

    writer = stream_writer(sys.stdout.buffer, choose_stream(given["format"]))
    rows = {name: given[name] for name in ("start", "stop", "shard", "cursor", "stripe", "limit", "workers")}
    with show_export(given["progress"], quiet=options.quiet) as listen:
        done = run(
            options,
            lambda container: export_to(
                open_source(container, dataset, reading, workers=given["workers"]), writer, on_event=listen, **rows
            ),
        )
    if not options.quiet:
        say(_sentence(done, "stdout") + _going_on(done))
        _say_record([done])
    return done


def _to_files(options: Options, dataset: str, reading: "ReadOptions", given: dict[str, Any]) -> "list[Exported]":
    from hfsvc.cli.progress import show_export
    from hfsvc.cli.run import open_source, repo_of, run
    from hfsvc.export import ExportRequest, export_shards, export_splits, export_trajectories, shares_of
    from hfsvc.trajectories.local_files import is_path

    engine, shards, progress = given.pop("engine"), given.pop("shards"), given.pop("progress")
    by, splits = given.pop("split_by"), given.pop("splits")
    request = ExportRequest(
        path=given.pop("output"),
        job=Path(repo_of(options, dataset)).name if is_path(dataset) else repo_of(options, dataset),
        **given,
    )
    with (
        _telling_what_is_kept(request.path, in_parts=bool(shards)) as note,
        show_export(progress, quiet=options.quiet or options.as_json) as show,
    ):

        def listen(event: "RowsExported") -> None:
            note(event)
            show(event)

        async def work(container: "Container") -> "list[Exported]":
            if engine == "ray":
                return await _with_ray(container, dataset, reading, request, shards)
            if splits:
                shares = shares_of(splits, by=by, seed=_seed_of(reading))
                done = await export_splits(
                    lambda share: open_source(
                        container, dataset, msgspec.structs.replace(reading, share=share), workers=request.workers
                    ),
                    request,
                    shares,
                    on_event=listen,
                )
                return [*done.values()]
            source = open_source(container, dataset, reading, workers=request.workers)
            if shards:
                return await export_shards(source, request, shards, on_event=listen)
            return [await export_trajectories(source, request, on_event=listen)]

        return run(options, work)


@contextmanager
def _telling_what_is_kept(path: Path, *, in_parts: bool) -> "Iterator[Callable[[RowsExported], None]]":
    """Let an export that is stopped say what there is of it, and how the others could be had."""
    cursor: str | None = None

    def listen(event: "RowsExported") -> None:
        nonlocal cursor
        cursor = event.cursor

    try:
        yield listen
    except (KeyboardInterrupt, Terminated) as stopped:
        if in_parts:
            stopped.add_note("whole parts are kept: the same command with --resume goes on after them.")
        else:
            after = f" The rows after those that were done could be written with --cursor {cursor}" if cursor else ""
            stopped.add_note(f"nothing is kept of {path}.{after}")
        raise


async def _with_ray(
    container: "Container", dataset: str, reading: "ReadOptions", request: "ExportRequest", shards: int | None
) -> "list[Exported]":
    from hfsvc.errors import NotDownloaded
    from hfsvc.export.ray_engine import export_with_ray
    from hfsvc.trajectories.local_files import is_path

    if is_path(dataset):
        raise click.UsageError("The engine ray reads downloaded datasets, not files of one's own.")
    repo = container.registry().repo_of(dataset)
    found = await container.datasets().get_download_info(repo)
    if found is None:
        raise NotDownloaded(repo=repo)
    options = container.registry().read_options(found.repo, reading)
    return await export_with_ray(found, options, request, shards)


def tell_exported(options: Options, done: "list[Exported]") -> None:
    """The paths on stdout, and for people what was written and left out."""
    from hfsvc.cli.output import say

    for each in done:
        if not options.quiet:
            say(_sentence(each, str(each.path)))
        click.echo(str(each.path))
    if not options.quiet:
        _say_record(done)


def _say_record(done: "list[Exported]") -> None:
    """Why rows were left out, for people; nothing where none was."""
    from hfsvc.cli.output import say

    for each in done:
        record = each.record
        left_out = ", ".join(f"{reason} {rows:,}" for reason, rows in record.left_out.items())
        without = f"; {record.without_result:,} of them have no result" if record.without_result else ""
        if left_out:
            say(f"{record.read:,} rows read, {record.written:,} written, left out: {left_out}{without}")


def write_report(report: Path | None, done: "list[Exported]") -> None:
    """What became of every row, for machines: of one file, or of each of several."""
    from hfsvc.disk import disk_errors
    from hfsvc.files.atomic import write_whole

    if report is None:
        return
    records = [{"path": each.target, "kept": each.kept, **msgspec.to_builtins(each.record)} for each in done]
    with disk_errors(report):
        write_whole(report, msgspec.json.format(msgspec.json.encode(records[0] if len(records) == 1 else records)))


def _joined(cursors: tuple[str, ...]) -> str | None:
    from hfsvc.trajectories.cursor import join_cursors

    return join_cursors(cursors) if len(cursors) > 1 else (cursors[0] if cursors else None)


def _seed_of(reading: "ReadOptions") -> int:
    if reading.seed is None:
        raise click.UsageError("Splits are dealt out by chance, which begins with a number: give --seed.")
    return reading.seed


def _sentence(done: "Exported", place: str) -> str:
    from hfsvc.units import format_bytes

    if done.kept:
        return f"{place} is there already"
    bad = f"{done.skipped_rows} bad row{'s' * (done.skipped_rows != 1)}"
    skipped = f", {bad} skipped" if done.skipped_rows else ""
    return f"{done.rows} trajectories, {format_bytes(done.written)}, to {place}{skipped}"


def _going_on(done: "Exported") -> str:
    return f"; go on with --cursor {done.cursor}" if done.cursor else ""
