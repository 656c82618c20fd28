"""The commands ``du``, ``prune`` and ``delete``: what takes room in the store, and how it is freed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hfsvc.cli.options import Options, command
from hfsvc.errors import typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hfsvc.containers import Container
    from hfsvc.models import DatasetUsage


@command("du", example="hfsvc du --json")
def du_command(options: Options) -> None:
    """Show how much of the disk each dataset takes: its files, unfinished downloads, and the index of its rows."""
    from hfsvc.cli.output import say, write_json
    from hfsvc.cli.run import root_of, run
    from hfsvc.files.atomic import free_bytes
    from hfsvc.settings import is_address
    from hfsvc.units import format_bytes, format_free

    found = run(options, lambda container: container.datasets().disk_usage())
    root, total = root_of(options), sum(each.total_bytes for each in found)
    free = None if is_address(root) else free_bytes(Path(root))
    if options.as_json:
        write_json({"root": root, "datasets": found, "totalBytes": total, "freeBytes": free})
        return
    _print(found)
    if not options.quiet:
        say(f"{root}: {format_bytes(total)} in all, {format_free(free)} free")
        say_unfinished(options, found)


def _print(found: "Sequence[DatasetUsage]") -> None:
    from hfsvc.cli.tables import TableColumn, write_table
    from hfsvc.units import format_bytes

    names = ("FILES", "UNFINISHED", "INDEX", "IN ALL")
    columns = [TableColumn("DATASET", wraps=True), *(TableColumn(name, number=True) for name in names)]
    sizes = [(each.file_bytes, each.unfinished_bytes, each.index_bytes, each.total_bytes) for each in found]
    shown = [(each.repo, *map(format_bytes, row)) for each, row in zip(found, sizes, strict=True)]
    write_table(columns, shown, plain=[(each.repo, *map(str, row)) for each, row in zip(found, sizes, strict=True)])


def say_unfinished(options: Options, found: "Sequence[DatasetUsage]") -> None:
    """Name the downloads that were not finished, how they go on, and how they are removed."""
    from hfsvc.cli.output import say
    from hfsvc.cli.pasting import pasteable
    from hfsvc.units import format_bytes

    left = [each for each in found if each.unfinished_bytes]
    for each in left:
        kept = format_bytes(each.unfinished_bytes)
        # Of what was never recorded nobody knows which files were asked for.
        also = "" if each.recorded else " (and the options that it began with)"
        go_on = f"go on with: hfsvc download {typed(each.repo)}{also}"
        say(pasteable(f"Unfinished: {each.repo}, {kept}; {go_on}", options))
    if left:
        say(pasteable("Remove what is unfinished with: hfsvc prune", options))


@command("prune", example="hfsvc prune openthoughts-sft")
@click.argument("dataset", required=False)
def prune_command(options: Options, dataset: str | None) -> None:
    """Remove what unfinished downloads have left, of DATASET or of all; downloads under way are left alone."""
    from hfsvc.cli.output import say, write_json
    from hfsvc.cli.run import root_of, run, stored_repo_of
    from hfsvc.units import format_bytes

    repo = stored_repo_of(options, dataset, "pruned") if dataset else None
    pruned = run(options, lambda container: container.datasets().prune(repo))
    if options.as_json:
        write_json([{"repo": each.repo, "bytes": each.unfinished_bytes} for each in pruned])
        return
    for each in pruned:
        click.echo(f"{each.repo}\t{each.unfinished_bytes}")
    if not options.quiet:
        freed = format_bytes(sum(each.unfinished_bytes for each in pruned))
        say(f"{freed} freed" if pruned else f"Nothing unfinished in {root_of(options)}")


@command("delete", example="hfsvc delete openthoughts-sft --yes")
@click.argument("dataset")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete_command(options: Options, dataset: str, *, yes: bool) -> None:
    """Remove a dataset from disk, or what an unfinished download has left of it."""
    from hfsvc.cli.output import count_files, say, write_json
    from hfsvc.cli.run import run, stored_repo_of
    from hfsvc.units import format_bytes

    repo = stored_repo_of(options, dataset, "deleted")
    found = run(options, lambda container: _usage_of(container, repo))
    what = count_files(found.files) if found.recorded else "what is unfinished"
    size = format_bytes(found.total_bytes)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("Without a terminal to ask on, deleting needs --yes.")
        try:
            is_meant = click.confirm(f"Delete {what}, {size}, of {found.repo}?", err=True)
        except click.Abort as stopped:
            stopped.add_note("nothing was deleted.")
            raise
        if not is_meant:
            raise click.ClickException("Nothing was deleted.")
    run(options, lambda container: _remove(container, found))
    if options.as_json:
        write_json({"deleted": found.repo, "bytes": found.total_bytes})
    elif not options.quiet:
        say(f"{found.repo} deleted, {size} freed")


async def _usage_of(container: "Container", repo: str) -> "DatasetUsage":
    from hfsvc.errors import NotDownloaded
    from hfsvc.hub.urls import parse_repo

    name = parse_repo(repo, container.settings().endpoint).repo
    # It may be recorded under a newer name.
    known = await container.datasets().get_download_info(name)
    wanted = (known.repo if known else name).casefold()
    for each in await container.datasets().disk_usage():
        if each.repo.casefold() == wanted and (each.recorded or each.unfinished_bytes):
            return each
    raise NotDownloaded(repo=name)


async def _remove(container: "Container", found: "DatasetUsage") -> None:
    if found.recorded:
        await container.datasets().delete(typed(found.repo))
    else:
        await container.datasets().prune(typed(found.repo))
