"""The command ``files``: what a dataset holds on the Hub, with sizes and hashes, and what of it is here."""

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from hfsvc.cli.options import Options, command

if TYPE_CHECKING:
    from hfsvc.models import DownloadPlan, PlannedFile

EVERYTHING = ("**",)


@command("files", example="hfsvc files openthoughts-sft --include 'data/*'")
@click.argument("dataset")
@click.option("--revision", metavar="REV", help="Branch, tag or commit (default: main).")
@click.option("--include", multiple=True, metavar="GLOB", help="Only these files, may repeat (default: all).")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Not these files, may repeat.")
@click.option(
    "--converted/--no-converted",
    default=None,
    help="Those of the Hub's parquet copy, or its own files (default: as downloaded, else its own).",
)
def files_command(
    options: Options,
    dataset: str,
    revision: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    *,
    converted: bool | None,
) -> None:
    """Show what a dataset holds on the Hub: sizes, hashes, and what is here of each file.

    Downloads nothing. DATASET is an alias, an id or an address; of the address of a folder only that folder is shown.
    Where a file cannot be brought here it says why, and ends as a download of it does.
    """
    from hfsvc.cli.output import write_json
    from hfsvc.cli.run import run, settings_of, stored_repo_of
    from hfsvc.datasets.plan import check_files
    from hfsvc.hub.urls import parse_repo
    from hfsvc.models import DatasetRequest

    repo = stored_repo_of(options, dataset, "listed by the Hub", f"hfsvc info {shlex.quote(dataset)} lists them.")
    inside = parse_repo(repo, settings_of(options).endpoint).path
    wanted = include or ((inside, f"{inside}/") if inside else EVERYTHING)
    request = DatasetRequest(
        repo=repo, revision=revision or "main", include=wanted, exclude=exclude, converted=converted
    )
    plan = run(options, lambda container: container.datasets().plan(request))
    files = _among(plan, wanted, exclude)
    if options.as_json:
        write_json(_document(plan, files))
    else:
        _print(options, plan, files)
    check_files(plan.repo, files)


def _among(plan: "DownloadPlan", include: Sequence[str], exclude: Sequence[str]) -> "list[PlannedFile]":
    from hfsvc.datasets.globs import make_matcher

    # The plan holds too what was downloaded before.
    is_wanted, is_excluded = make_matcher(include), make_matcher(exclude)
    return [file for file in plan.files if is_wanted(file.path) and not is_excluded(file.path)]


def _document(plan: "DownloadPlan", files: "list[PlannedFile]") -> dict[str, Any]:
    shown = [
        {"path": file.path, "size": file.size, "checksum": file.checksum, "here": file.present, "fault": file.fault}
        for file in files
    ]
    return {
        "repo": plan.repo,
        "revision": plan.revision,
        "commit": plan.commit,
        "conversion": plan.conversion,
        "files": shown,
    }


def _print(options: Options, plan: "DownloadPlan", files: "list[PlannedFile]") -> None:
    from hfsvc.cli.output import count_files, say
    from hfsvc.cli.tables import TableColumn, print_table, write_lines
    from hfsvc.units import format_bytes

    if options.quiet:
        write_lines([(file.path,) for file in files])
    elif sys.stdout.isatty():
        columns = [
            TableColumn("FILE", wraps=True),
            TableColumn("SIZE", number=True),
            TableColumn("HASH"),
            TableColumn("HERE"),
        ]
        print_table(
            columns, [(file.path, format_bytes(file.size), _short(file.checksum), _here(file)) for file in files]
        )
    else:
        write_lines([(file.path, str(file.size), file.checksum or "-", _here(file)) for file in files])
    if not options.quiet:
        total, here = sum(file.size for file in files), sum(file.size for file in files if file.present)
        count = f"{count_files(len(files))}, {format_bytes(total)}"
        say(f"{plan.repo} at {plan.commit[:12]}: {count}, of which {format_bytes(here)} are here")


def _here(file: "PlannedFile") -> str:
    if file.fault:
        return "cannot be fetched"
    if file.present:
        return "yes"
    return f"{100 * file.kept_bytes // file.size}%" if file.kept_bytes else "-"


def _short(checksum: str | None) -> str:
    return (checksum or "-").removeprefix("git-").replace(":", " ")[:15]
