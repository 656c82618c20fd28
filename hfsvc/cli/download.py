"""The command ``download``: a request from options, its progress, and what was downloaded or would be."""

import sys
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hfsvc.cli.elsewhere import elsewhere_options, take_elsewhere_options
from hfsvc.cli.options import Options, command

if TYPE_CHECKING:
    from hfsvc.models import DownloadedDataset, LockedDataset, OnEvent


@command("download", example="hfsvc download openthoughts-sft")
@click.argument("dataset", required=False)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--repo", metavar="OWNER/NAME", help="The dataset by its id or address, instead of DATASET.")
@click.option("--revision", metavar="REV", help="Branch, tag or commit (default: main).")
@click.option(
    "--include",
    multiple=True,
    metavar="GLOB",
    help="Files to take, may repeat (default: as before, else **/*.parquet).",
)
@click.option("--exclude", multiple=True, metavar="GLOB", help="Files to leave out, may repeat.")
@click.option("--force", is_flag=True, help="Fetch every file again.")
@click.option(
    "--locked",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Bring exactly what this lock file says, of DATASET or of all that it names.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be fetched.")
@click.option(
    "--progress", type=click.Choice(["auto", "json", "none"]), default="auto", help="A bar, or events as JSON lines."
)
@elsewhere_options
def download_command(options: Options, **given: Any) -> None:
    """Bring a dataset onto disk, verified, or up to date.

    DATASET is an alias such as openthoughts-sft, OWNER/NAME, OWNER/NAME@REV, or an address of its page: of the address of a
    folder or a file only that is taken. FILEs are exact paths inside it.
    """
    from hfsvc.cli.run import run
    from hfsvc.datasets.plan import check_files

    take_elsewhere_options(options, given)
    dry_run, progress, locked = given.pop("dry_run"), given.pop("progress"), given.pop("locked")
    if locked is not None:
        _bring_locked(options, locked, progress, dry_run=dry_run, **given)
        return
    request = _request(options, **given)
    if dry_run:
        plan = run(options, lambda container: container.datasets().plan(request))
        _print_plan(options, plan)
        check_files(plan.repo, plan.files)
        return
    from hfsvc.cli.progress import show_progress

    with show_progress(progress, quiet=options.quiet or options.as_json) as listen:
        told = _telling_names(listen, quiet=options.quiet or options.as_json)
        dataset = run(options, lambda container: container.datasets().download(request, on_event=told))
    _check_files(dataset, [name for name in given["files"] if not name.endswith("/")])
    _print_dataset(options, dataset)


def _bring_locked(options: Options, path: Path, progress: str, **given: Any) -> None:
    """Bring what a lock file says, one dataset after the other."""
    from hfsvc.cli.lock import chosen_of, read_lock
    from hfsvc.cli.output import write_json
    from hfsvc.cli.progress import show_progress
    from hfsvc.cli.run import run
    from hfsvc.datasets.locking import download_locked

    dataset = given.pop("dataset")
    if others := [name for name, value in given.items() if value]:
        flags = ", ".join("FILE" if name == "files" else f"--{name.replace('_', '-')}" for name in sorted(others))
        raise click.UsageError(f"--locked says which files of which commit, so {flags} cannot be given too.")

    def bring(repo: str, locked: "LockedDataset") -> "DownloadedDataset":
        with show_progress(progress, quiet=options.quiet or options.as_json) as listen:
            return run(options, lambda container: download_locked(container.datasets(), repo, locked, on_event=listen))

    brought = [bring(*each) for each in chosen_of(options, read_lock(path), path, dataset)]
    if options.as_json:
        write_json(brought)
        return
    for each in brought:
        _print_dataset(options, each)


def _telling_names(listen: "OnEvent", *, quiet: bool) -> "OnEvent":
    from hfsvc.models import Planned

    def tell(event: Any) -> None:
        if isinstance(event, Planned) and not quiet:
            _tell_names(event.plan)
        listen(event)

    return tell


def _tell_names(plan: Any) -> None:
    from hfsvc.cli.output import say

    if plan.unportable:
        first, count = plan.unportable[0], len(plan.unportable)
        say(
            f"{count} of these names cannot be kept on other systems, such as Windows: {first}{' …' if count > 1 else ''}"
        )


def _check_files(dataset: Any, names: list[str]) -> None:
    from hfsvc.errors import FileNotFound

    missing = tuple(name for name in names if name not in dataset.files)
    if missing:
        here = dataset.files
        meant = get_close_matches(missing[0], here, 1)
        guess = f" Did you mean {meant[0]}?" if meant else ""
        hint = f"The files that it has were downloaded.{guess}"
        raise FileNotFound(repo=dataset.repo, patterns=missing, available=here[:10], total=len(here), hint=hint)


def _request(
    options: Options,
    dataset: str | None,
    files: tuple[str, ...],
    repo: str | None,
    revision: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    *,
    force: bool,
) -> Any:
    from hfsvc.cli.run import stored_repo_of
    from hfsvc.datasets.globs import exactly
    from hfsvc.models import DatasetRequest

    if bool(dataset) == bool(repo):
        raise click.UsageError("Name one dataset: DATASET or --repo OWNER/NAME.")
    if files and include:
        raise click.UsageError("Name files or give --include, not both.")
    wanted = repo or stored_repo_of(options, dataset or "", "downloaded")
    if not (files or include):
        _say_what_is_taken(options, wanted)
    return DatasetRequest(
        repo=wanted,
        revision=revision or "main",
        include=tuple(map(exactly, files)) or include or None,
        exclude=exclude,
        force=force,
    )


def _say_what_is_taken(options: Options, repo: str) -> None:
    from hfsvc.cli.output import say
    from hfsvc.cli.pasting import pasteable
    from hfsvc.cli.run import settings_of
    from hfsvc.errors import typed
    from hfsvc.hub.urls import parse_repo

    address = parse_repo(repo, settings_of(options).endpoint)
    if address.path and not options.quiet:
        name = typed(address.repo) + (f"@{address.revision}" if address.revision else "")
        others = pasteable(f"hfsvc download {name} --include '**'", options)
        say(f"Only {address.path} of {address.repo} is taken, as the address says; for all of it: {others}")


def _print_dataset(options: Options, dataset: Any) -> None:
    from hfsvc.cli.output import count_files, say, write_json
    from hfsvc.units import format_bytes

    if options.as_json:
        write_json(dataset)
        return
    if not options.quiet:
        count = count_files(len(dataset.files))
        say(f"{dataset.repo}: {count}, {format_bytes(dataset.total_bytes)}, commit {dataset.commit[:12]}, verified")
    click.echo(dataset.local_path)


def _print_plan(options: Options, plan: Any) -> None:
    from hfsvc.cli.file_tables import FileLine, print_files
    from hfsvc.cli.output import say, write_json
    from hfsvc.cli.tables import write_lines
    from hfsvc.units import format_bytes, format_free

    if options.as_json:
        write_json(plan)
        return
    if sys.stdout.isatty():
        print_files([FileLine(file.path, file.size, _state(file)) for file in plan.files])
    else:
        write_lines([(file.path, str(file.size), _state(file)) for file in plan.files])
    if not options.quiet:
        fetch, total = format_bytes(plan.fetch_bytes), format_bytes(plan.total_bytes)
        copy = f", {format_bytes(plan.copied_bytes)} to copy" if plan.copied_bytes else ""
        say(
            f"{plan.repo} at {plan.commit[:12]}: {fetch} of {total} to fetch{copy}, {format_free(plan.free_bytes)} free"
        )
        _tell_names(plan)


def _state(file: Any) -> str:
    if file.fault:
        return "cannot be fetched"
    if file.present:
        return "here"
    if file.copy_of:
        return f"copy of {file.copy_of}"
    here = [f"{file.kept_bytes} bytes here"] if file.kept_bytes else []
    if file.copied_bytes:
        here.append(f"{file.copied_bytes} bytes to copy from {file.delta.donor}")
    if file.whole_because:
        here.append(f"to fetch: {file.whole_because}")
    return ", ".join(here) or "to fetch"
