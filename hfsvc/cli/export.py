"""The command ``export``: trajectories into files, shards, or stdout."""

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from hfsvc.cli.errors import Terminated
from hfsvc.cli.export_options import STDOUT, check_export, export_options, joined_cursor, seed_of
from hfsvc.cli.exported import say_records, sentence_of, tell_exported, write_report
from hfsvc.cli.options import Options, command
from hfsvc.cli.read_options import writing_options
from hfsvc.cli.remote import remote_option, traffic_facts
from hfsvc.cli.token_options import TokenPlan, token_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hfsvc.containers import Container
    from hfsvc.export import Exported, ExportRequest, RowsExported
    from hfsvc.models import ReadOptions


@command("export", example="hfsvc export openthoughts-sft -o runs.jsonl.zst --stop 100")
@click.argument("dataset")
@export_options
@token_options
@remote_option
@writing_options
def export_command(options: Options, dataset: str, reading: "ReadOptions", **given: Any) -> None:
    """Write a dataset's trajectories into a file or a folder.

    The file is whole under its name, or not there.
    """
    from hfsvc.cli.output import write_json
    from hfsvc.cli.run import say_why_nothing, source_name

    check_export(options, given, reading)
    given["cursor"] = joined_cursor(given.pop("cursors"))
    dataset = source_name(options, dataset)
    if given["output"] == STDOUT:
        write_report(given["report"], [_to_stdout(options, dataset, reading, given)])
        return
    report = given.pop("report")
    done = _to_files(options, dataset, reading, given)
    if report:
        write_report(report, done)
    if options.as_json:
        write_json([msgspec.to_builtins(each, enc_hook=str) | traffic_facts() for each in done])
        return
    tell_exported(options, done)
    if not any(each.rows or each.kept for each in done):
        say_why_nothing(options, dataset, reading)


def _to_stdout(options: Options, dataset: str, reading: "ReadOptions", given: dict[str, Any]) -> "Exported":
    from hfsvc.cli.output import say
    from hfsvc.cli.progress import show_export
    from hfsvc.cli.run import open_source, run
    from hfsvc.export import export_to
    from hfsvc.export.formats import choose_stream
    from hfsvc.export.writers import stream_writer

    format, tokens = choose_stream(given["format"]), given["tokens"]
    writer = stream_writer(sys.stdout.buffer, format)
    rows = {
        name: given[name]
        for name in ("start", "stop", "shard", "cursor", "stripe", "limit", "one_call_a_step", "workers")
    }
    with show_export(given["progress"], quiet=options.quiet) as listen:

        async def work(container: "Container") -> "Exported":
            fit = await tokens.open(container, format)
            source = open_source(container, dataset, reading, workers=given["workers"])
            return await export_to(source, writer, on_event=listen, **rows, **fit)

        done = run(options, work)
    if not options.quiet:
        say(sentence_of(done, "stdout") + (f"; go on with --cursor {done.cursor}" if done.cursor else ""))
        say_records([done])
    return done


def _to_files(options: Options, dataset: str, reading: "ReadOptions", given: dict[str, Any]) -> "list[Exported]":
    from hfsvc.cli.output import say
    from hfsvc.cli.progress import show_export
    from hfsvc.cli.run import open_source, repo_of, run
    from hfsvc.export import ExportRequest, export_shards, export_splits, export_trajectories, shares_of
    from hfsvc.trajectories.local_files import is_path

    engine, shards, progress = given.pop("engine"), given.pop("shards"), given.pop("progress")
    address = given.pop("address")
    by, splits = given.pop("split_by"), given.pop("splits")
    tokens: TokenPlan = given.pop("tokens")
    output = given.pop("output")
    request = ExportRequest(
        path=output,
        job=Path(repo_of(options, dataset)).name if is_path(dataset) else repo_of(options, dataset),
        **given,
    )
    with (
        _telling_what_is_kept(str(output), in_parts=bool(shards) or engine == "ray") as note,
        show_export(progress, quiet=options.quiet or options.as_json) as show,
    ):

        def listen(event: "RowsExported") -> None:
            note(event)
            show(event)

        async def work(container: "Container") -> "list[Exported]":
            if engine == "ray":
                more = {"address": address, "on_event": listen}
                return await _with_ray(container, dataset, reading, request, shards, **more)
            fit = await tokens.open(container, request.format)
            if splits:
                shares = shares_of(splits, by=by, seed=seed_of(reading))
                if (end := max(share.stop for share in shares.values())) < 1:
                    say(f"{1 - end:.2%} of the values of {by} are in no split: the fractions are no 1 together.")
                done = await export_splits(
                    lambda share: open_source(
                        container, dataset, msgspec.structs.replace(reading, share=share), workers=request.workers
                    ),
                    request,
                    shares,
                    on_event=listen,
                    **fit,
                )
                return [*done.values()]
            source = open_source(container, dataset, reading, workers=request.workers)
            if shards:
                return await export_shards(source, request, shards, on_event=listen, **fit)
            return [await export_trajectories(source, request, on_event=listen, **fit)]

        return run(options, work)


@contextmanager
def _telling_what_is_kept(path: str, *, in_parts: bool) -> "Iterator[Callable[[RowsExported], None]]":
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
    container: "Container",
    dataset: str,
    reading: "ReadOptions",
    request: "ExportRequest",
    shards: int | None,
    **more: Any,
) -> "list[Exported]":
    from hfsvc.cli.run import find_dataset
    from hfsvc.export.ray_engine import export_with_ray
    from hfsvc.trajectories.local_files import LocalFiles

    found, registry = await find_dataset(container, dataset), container.registry()
    if registry.means_files(dataset):
        sidecars = LocalFiles(dataset).sidecars(container.settings().root)
        return await export_with_ray(found, reading, request, shards, sidecars=sidecars, **more)
    return await export_with_ray(found, registry.read_options(found.repo, reading), request, shards, **more)
