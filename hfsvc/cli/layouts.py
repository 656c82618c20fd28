"""``hfsvc layouts``."""

from typing import TYPE_CHECKING

import click

from hfsvc.cli.options import Options, command
from hfsvc.cli.read_options import storage_options

if TYPE_CHECKING:
    from hfsvc.containers import Container
    from hfsvc.models import FileLayout, ReadOptions


@command("layouts", example="hfsvc layouts openthoughts-sft")
@click.argument("dataset", required=False)
@storage_options
def layouts_command(options: Options, dataset: str | None, reading: "ReadOptions") -> None:
    """Show how each file of a dataset is read: which layout it has, why, and what was ruled out.

    DATASET is the default source unless given.
    """
    from hfsvc.cli.output import write_json
    from hfsvc.cli.run import run, source_of
    from hfsvc.cli.tables import TableColumn, write_lines, write_table

    name = source_of(options, dataset)
    found = run(options, lambda container: _explain(container, name, reading))
    if options.as_json:
        write_json({"source": name, "files": found})
    elif options.quiet:
        write_lines([(each.file, each.layout or "-") for each in found])
    else:
        rows = [
            (
                each.file,
                "-" if each.rows is None else f"{each.rows:,}",
                each.layout or "-",
                each.column or "-",
                each.reason,
            )
            for each in found
        ]
        columns = [
            TableColumn("FILE", wraps=True),
            TableColumn("ROWS", number=True),
            TableColumn("LAYOUT"),
            TableColumn("COLUMN"),
            TableColumn("WHY", wraps=True),
        ]
        write_table(columns, rows)
        _say_ruled_out(found)
        _say_unread(found)


def _say_ruled_out(found: "list[FileLayout]") -> None:
    """The reasons, once where they are the same for several files."""
    from hfsvc.cli.output import printable, say

    said: dict[tuple[str, str], list[str]] = {}
    for file in found:
        for each in file.ruled_out:
            said.setdefault((each.layout, each.reason), []).append(file.file)
    for (layout, reason), files in said.items():
        where = (
            "" if len(files) == len(found) else f" in {files[0]}" + (f" and {len(files) - 1} more" * (len(files) > 1))
        )
        say(printable(f"not {layout}{where}: {reason}"))


def _say_unread(found: "list[FileLayout]") -> None:
    """The columns that are not read, once where they are the same for several files."""
    from hfsvc.cli.output import count_files, printable, say

    said: dict[tuple[str, ...], list[str]] = {}
    for file in found:
        if file.unread:
            said.setdefault(file.unread, []).append(file.file)
    for columns, files in said.items():
        where = files[0] if len(files) == 1 else f"{files[0]} and {count_files(len(files) - 1)} more"
        say(printable(f"columns not read in {where}: {', '.join(columns)}"))


async def _explain(container: "Container", name: str, reading: "ReadOptions") -> "list[FileLayout]":
    from anyio import to_thread

    from hfsvc.cli.run import find_dataset, open_files_source
    from hfsvc.trajectories.judged_files import judge_files

    dataset = await find_dataset(container, name)
    if not dataset.is_on_disk:
        return await open_files_source(container, name, reading).explain_layouts()
    options = container.registry().read_options(dataset.repo, reading)
    return await to_thread.run_sync(lambda: [each.told for each in judge_files(dataset, options)])
