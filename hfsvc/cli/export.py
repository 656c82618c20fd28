"""The command ``export``: trajectories into files, shards, or stdout."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hfsvc.cli.options import Options, command
from hfsvc.cli.read_options import reading_options

if TYPE_CHECKING:
    from hfsvc.containers import Container
    from hfsvc.export import Exported, ExportRequest
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


@command("export")
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
@click.option("--cursor", help="Go on after the row that this cursor came with.")
@click.option("--shard", type=ShardType(), help="Write the i-th of n parts, counted from 0.")
@click.option("--shards", type=click.IntRange(min=1), help="Write all of n parts, a file each.")
@click.option("--resume", is_flag=True, help="Leave out files that are there already.")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option(
    "--progress", type=click.Choice(["auto", "json", "none"]), default="auto", help="A bar, or events as JSON lines."
)
@reading_options
def export_command(options: Options, dataset: str, reading: "ReadOptions", **given: Any) -> None:
    """Write a dataset's trajectories into a file or a folder.

    The file is whole under its name, or not there.
    """
    from hfsvc.cli.output import write_json

    _check(options, given)
    if given["output"] == STDOUT:
        _to_stdout(options, dataset, reading, given)
        return
    done = _to_files(options, dataset, reading, given)
    if options.as_json:
        write_json(done)
    else:
        _tell(options, done)


def _check(options: Options, given: dict[str, Any]) -> None:
    to_stdout = given["output"] == STDOUT
    if given["shard"] and given["shards"]:
        raise click.UsageError("Give --shard for one part, or --shards for all of them.")
    if given["cursor"] and given["shards"]:
        raise click.UsageError("A cursor goes on within one part: give --shard instead of --shards.")
    if to_stdout and (options.as_json or given["shards"] or given["resume"]):
        raise click.UsageError("On stdout there is only the export itself: no --json, --shards or --resume.")
    if given["engine"] == "ray" and (to_stdout or given["cursor"] or given["shard"]):
        raise click.UsageError("The engine ray writes --shards into files, without --shard or --cursor.")


def _to_stdout(options: Options, dataset: str, reading: "ReadOptions", given: dict[str, Any]) -> None:
    from hfsvc.cli.output import say
    from hfsvc.cli.progress import show_export
    from hfsvc.cli.run import open_source, run
    from hfsvc.export import export_to
    from hfsvc.export.formats import choose_stream
    from hfsvc.export.writers import stream_writer

    writer = stream_writer(sys.stdout.buffer, choose_stream(given["format"]))
    rows = {name: given[name] for name in ("start", "stop", "shard", "cursor")}
    with show_export(given["progress"], quiet=options.quiet) as listen:
        done = run(
            options,
            lambda container: export_to(open_source(container, dataset, reading), writer, on_event=listen, **rows),
        )
    if not options.quiet:
        say(_sentence(done, "stdout") + _going_on(done))


def _to_files(options: Options, dataset: str, reading: "ReadOptions", given: dict[str, Any]) -> "list[Exported]":
    from hfsvc.cli.progress import show_export
    from hfsvc.cli.run import open_source, repo_of, run
    from hfsvc.export import ExportRequest, export_shards, export_trajectories

    engine, shards, progress = given.pop("engine"), given.pop("shards"), given.pop("progress")
    request = ExportRequest(path=given.pop("output"), job=repo_of(options, dataset), **given)
    with show_export(progress, quiet=options.quiet or options.as_json) as listen:

        async def work(container: "Container") -> "list[Exported]":
            if engine == "ray":
                return await _with_ray(container, dataset, reading, request, shards)
            source = open_source(container, dataset, reading)
            if shards:
                return await export_shards(source, request, shards, on_event=listen)
            return [await export_trajectories(source, request, on_event=listen)]

        return run(options, work)


async def _with_ray(
    container: "Container", dataset: str, reading: "ReadOptions", request: "ExportRequest", shards: int | None
) -> "list[Exported]":
    from hfsvc.errors import NotDownloaded
    from hfsvc.export.ray_engine import export_with_ray

    repo = container.registry().repo_of(dataset)
    found = await container.datasets().get_download_info(repo)
    if found is None:
        raise NotDownloaded(repo=repo)
    options = container.registry().read_options(found.repo, reading)
    return await export_with_ray(found, options, request, shards)


def _tell(options: Options, done: "list[Exported]") -> None:
    from hfsvc.cli.output import say

    for each in done:
        if not options.quiet:
            say(_sentence(each, str(each.path)))
        click.echo(str(each.path))


def _sentence(done: "Exported", place: str) -> str:
    from hfsvc.units import format_bytes

    if done.kept:
        return f"{place} is there already"
    bad = f"{done.skipped_rows} bad row{'s' * (done.skipped_rows != 1)}"
    skipped = f", {bad} skipped" if done.skipped_rows else ""
    return f"{done.rows} trajectories, {format_bytes(done.written)}, to {place}{skipped}"


def _going_on(done: "Exported") -> str:
    return f"; go on with --cursor {done.cursor}" if done.cursor else ""
