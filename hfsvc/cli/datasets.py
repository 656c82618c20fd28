"""The commands ``list``, ``info``, ``path``, ``verify``, ``sources`` and ``delete``: datasets, on disk and by name."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from hfsvc.cli.options import Options, command

if TYPE_CHECKING:
    from hfsvc.containers import Container
    from hfsvc.models import DatasetConfig, DownloadedDataset
    from hfsvc.trajectories.files.splits import Splits

# A terminal is shown as much of it as git shows.
SHORT_COMMIT = 7


@command("list")
def list_command(options: Options) -> None:
    """Show the datasets that are on disk."""
    from hfsvc.cli.output import write_json
    from hfsvc.cli.run import run
    from hfsvc.cli.tables import write_lines

    datasets = run(options, lambda container: container.datasets().list_downloaded())
    if options.as_json:
        write_json(datasets)
    elif options.quiet:
        write_lines([(each.repo,) for each in datasets])
    elif datasets:
        _print_list(datasets)
    else:
        _say_where_it_looked(options)


def _print_list(datasets: "Sequence[DownloadedDataset]") -> None:
    from hfsvc.cli.tables import TableColumn, write_table
    from hfsvc.units import format_bytes

    columns = [
        TableColumn("DATASET", wraps=True),
        TableColumn("FILES", number=True),
        TableColumn("SIZE", number=True),
        TableColumn("COMMIT"),
        TableColumn("DOWNLOADED"),
    ]

    def rows(commit: int) -> Iterator[tuple[str, ...]]:
        for each in datasets:
            day = f"{each.downloaded_at:%Y-%m-%d}"
            yield each.repo, str(len(each.files)), format_bytes(each.total_bytes), each.commit[:commit], day

    write_table(columns, rows(SHORT_COMMIT), plain=rows(12))


def _say_where_it_looked(options: Options) -> None:
    from hfsvc.cli.output import say

    say("No datasets here yet: hfsvc download openthoughts-sft")


@command("info")
@click.argument("dataset")
def info_command(options: Options, dataset: str) -> None:
    """Show what is recorded of a dataset, and the splits of its rows."""
    from hfsvc.cli.output import as_json, write_json
    from hfsvc.cli.tables import write_facts
    from hfsvc.trajectories.files.splits import splits_of
    from hfsvc.units import format_bytes

    found = _recorded(options, dataset)
    splits = splits_of(found.files, found.configs)
    if options.as_json:
        write_json({**msgspec.json.decode(as_json(found)), "splits": splits})
        return
    facts = [
        ("dataset", found.repo),
        ("path", str(found.local_path)),
        ("size", format_bytes(found.total_bytes)),
        ("revision", found.revision),
        ("commit", found.commit),
        ("license", found.license or "not stated"),
        ("downloaded", f"{found.downloaded_at:%Y-%m-%d %H:%M:%S} UTC"),
    ]
    facts += _split_facts(splits, found.configs)
    if sys.stdout.isatty():
        write_facts(facts)
        _print_files(found)
    else:
        write_facts([*facts, *(("file", file) for file in found.files)])


def _print_files(found: "DownloadedDataset") -> None:
    from hfsvc.cli.file_tables import FileLine, print_files
    from hfsvc.files.atomic import size_of

    click.echo()
    sizes = {file: size_of(found.local_path / file) for file in found.files}
    print_files([FileLine(file, size or 0, "here" if size is not None else "missing") for file, size in sizes.items()])


def _split_facts(splits: "Splits", configs: "Sequence[DatasetConfig]") -> Iterator[tuple[str, str]]:
    from hfsvc.cli.output import count_files
    from hfsvc.trajectories.files.splits import default_config

    default = default_config(configs)
    for config, found in splits.items():
        note = " (default)" if config == default and len(splits) > 1 else ""
        for split, files in found.items():
            name = f"{config}{note}, {split}" if configs else split
            yield "split", f"{name}: {count_files(len(files))}"


@command("path")
@click.argument("dataset")
def path_command(options: Options, dataset: str) -> None:
    """Print the folder of a dataset."""
    from hfsvc.cli.output import write_json

    found = _recorded(options, dataset)
    if options.as_json:
        write_json({"dataset": found.repo, "path": found.local_path})
    else:
        click.echo(found.local_path)


@command("verify")
@click.argument("dataset")
@click.option("--repair", is_flag=True, help="Fetch damaged files again, at the recorded commit.")
def verify_command(options: Options, dataset: str, *, repair: bool) -> None:
    """Hash a dataset's files again.

    Ends with exit code 6 when something is damaged and not repaired.
    """
    from hfsvc.cli.output import count_files, printable, say, write_json
    from hfsvc.cli.progress import show_hashing
    from hfsvc.cli.run import repo_of, run
    from hfsvc.units import format_bytes

    repo = repo_of(options, dataset)
    with show_hashing(quiet=options.quiet or options.as_json) as listen:
        report = run(options, lambda container: container.datasets().verify(repo, repair=repair, on_event=listen))
    if options.as_json:
        write_json(report)
    else:
        for file in report.damaged:
            state = "repaired" if file.path in report.repaired else "missing" if file.actual is None else "damaged"
            click.echo(printable(f"{state}\t{file.path}"))
        if not options.quiet:
            checked = f"{count_files(report.checked_files)}, {format_bytes(report.checked_bytes)} checked"
            advice = "" if report.ok else f"; mend it: hfsvc verify {dataset} --repair"
            say(f"{report.repo}: {checked}, {len(report.damaged)} damaged{advice}")
    if not report.ok:
        sys.exit(6)


@command("sources")
def sources_command(options: Options) -> None:
    """Show the datasets that are known by name, and how they are read.

    Your own are those of the file HFSVC_SOURCES, and of installed packages.
    """
    from hfsvc.cli.output import write_json
    from hfsvc.cli.run import run
    from hfsvc.cli.tables import TableColumn, write_lines, write_table

    found = run(options, _known_datasets)
    if options.as_json:
        write_json(found)
    elif options.quiet:
        write_lines([(each["alias"],) for each in found])
    else:
        rows = [
            (
                each["alias"],
                each["repo"],
                each["layout"] or "found out",
                "here" if each["onDisk"] else "-",
                each["about"],
            )
            for each in found
        ]
        columns = [
            TableColumn("ALIAS"),
            TableColumn("HERE"),
            TableColumn("DATASET, WHAT IT IS, ITS LAYOUT", wraps=True),
        ]
        shown = [
            (alias, here.replace("here", "yes"), f"{repo}\n{about}; {layout}")
            for alias, repo, layout, here, about in rows
        ]
        write_table(columns, shown, plain=rows)


async def _known_datasets(container: "Container") -> list[dict[str, Any]]:
    here = {each.repo.casefold() for each in await container.datasets().list_downloaded()}
    known = container.registry().all
    return [msgspec.to_builtins(each) | {"onDisk": each.repo.casefold() in here} for each in known]


@command("delete")
@click.argument("dataset")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete_command(options: Options, dataset: str, *, yes: bool) -> None:
    """Remove a dataset from disk."""
    from hfsvc.cli.output import count_files, say, write_json
    from hfsvc.cli.run import run
    from hfsvc.units import format_bytes

    found = _recorded(options, dataset)
    size = format_bytes(found.total_bytes)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("Without a terminal to ask on, deleting needs --yes.")
        if not click.confirm(f"Delete {count_files(len(found.files))}, {size}, of {found.repo}?", err=True):
            raise click.ClickException("Nothing was deleted.")
    run(options, lambda container: container.datasets().delete(found.repo))
    if options.as_json:
        write_json({"deleted": found.repo, "bytes": found.total_bytes})
    elif not options.quiet:
        say(f"{found.repo} deleted, {size} freed")


def _recorded(options: Options, dataset: str) -> Any:
    from hfsvc.cli.run import repo_of, run
    from hfsvc.errors import NotDownloaded

    repo = repo_of(options, dataset)
    found = run(options, lambda container: container.datasets().get_download_info(repo))
    if found is None:
        raise NotDownloaded(repo=dataset)
    return found
