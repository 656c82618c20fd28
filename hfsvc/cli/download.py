"""The command ``download``: a request from options, and its progress."""

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hfsvc.cli.downloaded import print_dataset, print_plan, telling_plan
from hfsvc.cli.elsewhere import elsewhere_options, take_elsewhere_options
from hfsvc.cli.export_options import ShardType
from hfsvc.cli.options import ByteSize, Options, address_option, check_address, command

if TYPE_CHECKING:
    from hfsvc.models import DownloadedDataset, LockedDataset


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
@click.option(
    "--shard", type=ShardType(), help="Bring the i-th of n parts of the files, counted from 0, of about the same bytes."
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="What brings it: this process, or tasks of a Ray cluster, a shard each.",
)
@click.option("--shards", type=click.IntRange(min=1), help="How many tasks of --engine ray (default: one a machine).")
@address_option
@click.option("--force", is_flag=True, help="Fetch every file again.")
@click.option("--config", help="Only files of this configuration.")
@click.option("--split", help="Only files of this split.")
@click.option(
    "--max-bytes", type=ByteSize(), metavar="SIZE", help="Whole files in order, up to so much in all, as 2GB or 500MiB."
)
@click.option(
    "--max-files", type=click.IntRange(min=1), metavar="N", help="Whole files in order, up to so many in all."
)
@click.option("--rows", metavar="A:B", hidden=True)
@click.option(
    "--converted/--no-converted",
    default=None,
    help="Take the Hub's parquet copy of the dataset, or its own files (default: as before, else its own).",
)
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
    _refuse_rows(given.pop("rows"), given["dataset"] or given["repo"])
    dry_run, progress, locked = given.pop("dry_run"), given.pop("progress"), given.pop("locked")
    check_address(given)
    with_ray, shards = given.pop("engine") == "ray", given.pop("shards")
    address = given.pop("address")
    _check_engine(given, shards, with_ray=with_ray, locked=locked is not None)
    if locked is not None:
        _bring_locked(options, locked, progress, dry_run=dry_run, **given)
        return
    request = _request(options, **given)
    if dry_run:
        plan = run(options, lambda container: container.datasets().plan(request))
        print_plan(options, plan)
        check_files(plan.repo, plan.files)
        return
    if with_ray:
        from hfsvc.cli.run import settings_of
        from hfsvc.ray_download import download_with_ray

        settings = settings_of(options)
        print_dataset(options, run(options, lambda _: download_with_ray(request, settings, shards, address=address)))
        return
    from hfsvc.cli.progress import show_progress

    with show_progress(progress, quiet=options.quiet or options.as_json) as listen:
        told = telling_plan(listen, quiet=options.quiet or options.as_json)
        dataset = run(options, lambda container: container.datasets().download(request, on_event=told))
    if not dataset.shard:
        _check_files(dataset, [name for name in given["files"] if not name.endswith("/")])
    print_dataset(options, dataset)


def _refuse_rows(rows: str | None, dataset: str | None) -> None:
    if rows is None:
        return
    start, colon, stop = rows.partition(":")
    bounds = [f"--{name} {value}" for name, value in (("start", start), ("stop", stop)) if value.isdigit() and colon]
    command = " ".join(["hfsvc", "export", dataset or "DATASET", "--remote", *(bounds or ["--start A --stop B"])])
    raise click.UsageError(f"A download brings whole files. For rows of the Hub: {command}")


def _check_engine(given: dict[str, Any], shards: int | None, *, with_ray: bool, locked: bool) -> None:
    if shards and not with_ray:
        raise click.UsageError("--shards says how many tasks --engine ray has: for one of n parts, give --shard i/n.")
    if with_ray and (given["shard"] or locked):
        raise click.UsageError("--engine ray brings all shards of a dataset: leave --shard and --locked out.")


def _bring_locked(options: Options, path: Path, progress: str, **given: Any) -> None:
    """Bring what a lock file says, one dataset after the other."""
    from hfsvc.cli.lock import chosen_of, read_lock
    from hfsvc.cli.output import write_json
    from hfsvc.cli.progress import show_progress
    from hfsvc.cli.run import run
    from hfsvc.datasets.locking import download_locked

    dataset = given.pop("dataset")
    if others := [name for name, value in given.items() if value not in (None, False, ())]:
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
        print_dataset(options, each)


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
    shard: tuple[int, int] | None,
    force: bool,
    converted: bool | None,
    config: str | None,
    split: str | None,
    max_bytes: int | None,
    max_files: int | None,
) -> Any:
    from hfsvc.cli.run import stored_repo_of
    from hfsvc.datasets.globs import exactly
    from hfsvc.models import DatasetRequest

    if bool(dataset) == bool(repo):
        raise click.UsageError("Name one dataset: DATASET or --repo OWNER/NAME.")
    if files and include:
        raise click.UsageError("Name files or give --include, not both.")
    if files and (config or split or max_bytes or max_files):
        raise click.UsageError("Files that are named are taken whole: leave --config, --split and limits out.")
    wanted = repo or stored_repo_of(options, dataset or "", "downloaded")
    if not (files or include):
        _say_what_is_taken(options, wanted)
    return DatasetRequest(
        repo=wanted,
        revision=revision or "main",
        include=tuple(map(exactly, files)) or include or None,
        exclude=exclude,
        force=force,
        converted=converted,
        config=config,
        split=split,
        max_bytes=max_bytes,
        max_files=max_files,
        shard=shard,
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
