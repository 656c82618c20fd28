"""The commands ``list``, ``info``, ``path``, ``verify`` and ``sources``: datasets, on disk and by name."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from hfsvc.cli.options import Options, command

if TYPE_CHECKING:
    from hfsvc.containers import Container
    from hfsvc.models import DatasetConfig, DatasetUsage, DownloadedDataset
    from hfsvc.models.splits import Splits

# A terminal is shown as much of it as git shows.
SHORT_COMMIT = 7


@command("list", example="hfsvc list --json")
def list_command(options: Options) -> None:
    """Show the datasets that are on disk."""
    from hfsvc.cli.output import write_json
    from hfsvc.cli.run import run
    from hfsvc.cli.tables import write_lines
    from hfsvc.cli.usage import say_unfinished

    datasets, usage = run(options, _here)
    if options.as_json:
        write_json(datasets)
        return
    if options.quiet:
        write_lines([(each.repo,) for each in datasets])
        return
    if datasets:
        _print_list(datasets)
    else:
        _say_where_it_looked(options)
    say_unfinished(options, usage)


async def _here(container: "Container") -> "tuple[list[DownloadedDataset], list[DatasetUsage]]":
    return await container.datasets().list_downloaded(), await container.datasets().disk_usage()


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
    from hfsvc.cli.pasting import pasteable
    from hfsvc.cli.run import other_root, root_of, settings_of

    say(pasteable(f"No datasets in {root_of(options)} yet: hfsvc download openthoughts-sft", options))
    if other := other_root(settings_of(options)):
        say(f"Another store is {other}: {pasteable('hfsvc list', options._replace(root=other))}")


@command("info", example="hfsvc info openthoughts-sft")
@click.argument("dataset")
def info_command(options: Options, dataset: str) -> None:
    """Show what is recorded of a dataset, and the splits of its rows."""
    from hfsvc.cli.output import as_json, write_json
    from hfsvc.cli.tables import write_facts
    from hfsvc.models.splits import splits_of
    from hfsvc.trajectories.local_files import LOCAL_REVISION
    from hfsvc.units import format_bytes

    found = recorded(options, dataset)
    splits = splits_of(found.files, found.configs)
    if options.as_json:
        write_json({**msgspec.json.decode(as_json(found)), "splits": splits})
        return
    facts = [
        ("dataset", found.repo),
        ("path", found.folder),
        ("size", format_bytes(found.total_bytes)),
        ("revision", found.revision),
        ("commit", found.commit),
        *_part_facts(found),
        ("license", found.license or "not stated"),
        (
            "changed" if found.revision == LOCAL_REVISION else "downloaded",
            f"{found.downloaded_at:%Y-%m-%d %H:%M:%S} UTC",
        ),
    ]
    facts += _split_facts(splits, found.configs)
    if sys.stdout.isatty():
        write_facts(facts)
        _print_files(found)
    else:
        write_facts([*facts, *(("file", file) for file in found.files)])


def _part_facts(found: "DownloadedDataset") -> Iterator[tuple[str, str]]:
    from hfsvc.cli.output import count_files
    from hfsvc.units import format_bytes

    if copied := found.conversion:
        yield "files of", f"{copied.about}, {copied.revision}"
    if left := found.left:
        yield "left out", f"{count_files(left.files)}, {format_bytes(left.total_bytes)}; next is {left.next_path}"


def _print_files(found: "DownloadedDataset") -> None:
    from hfsvc.cli.file_tables import FileLine, print_files
    from hfsvc.files.atomic import size_of

    click.echo()
    if not found.is_on_disk:
        print_files([FileLine(file, found.sizes[file], "recorded") for file in found.files])
        return
    sizes = {file: size_of(found.local_path / file) for file in found.files}
    print_files([FileLine(file, size or 0, "here" if size is not None else "missing") for file, size in sizes.items()])


def _split_facts(splits: "Splits", configs: "Sequence[DatasetConfig]") -> Iterator[tuple[str, str]]:
    from hfsvc.cli.output import count_files
    from hfsvc.models.splits import default_config

    default = default_config(configs)
    for config, found in splits.items():
        note = " (default)" if config == default and len(splits) > 1 else ""
        for split, files in found.items():
            name = f"{config}{note}, {split}" if configs else split
            yield "split", f"{name}: {count_files(len(files))}"


@command("path", example="hfsvc path openthoughts-sft")
@click.argument("dataset")
def path_command(options: Options, dataset: str) -> None:
    """Print the folder of a dataset."""
    from hfsvc.cli.output import write_json

    found = recorded(options, dataset)
    if options.as_json:
        write_json({"dataset": found.repo, "path": found.local_path})
    else:
        click.echo(found.local_path)


@command("verify", example="hfsvc verify openthoughts-sft --repair")
@click.argument("dataset")
@click.option("--repair", is_flag=True, help="Fetch damaged files again, at the recorded commit.")
def verify_command(options: Options, dataset: str, *, repair: bool) -> None:
    """Hash a dataset's files again.

    Ends with exit code 6 when something is damaged and not repaired.
    """
    from hfsvc.cli.output import count_files, printable, say, write_json
    from hfsvc.cli.pasting import pasteable
    from hfsvc.cli.progress import show_hashing
    from hfsvc.cli.run import run, stored_repo_of
    from hfsvc.units import format_bytes

    repo = stored_repo_of(options, dataset, "verified", "No hash of them is recorded.")
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
            advice = "" if report.ok else pasteable(f"; mend it: hfsvc verify {shlex.quote(dataset)} --repair", options)
            say(f"{report.repo}: {checked}, {len(report.damaged)} damaged{advice}")
    if not report.ok:
        sys.exit(6)


@command("sources", example="hfsvc sources")
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


def recorded(options: Options, dataset: str) -> "DownloadedDataset":
    """What is recorded of a dataset, or there of files of one's own.

    Raises:
        NotDownloaded: Nothing is.
        PathNotFound: No such files are there.
    """
    from hfsvc.cli.run import find_dataset, repo_of, run

    repo = repo_of(options, dataset)
    return run(options, lambda container: find_dataset(container, repo))
