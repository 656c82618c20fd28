"""The command about datasets that are known by name: ``sources``."""

from typing import TYPE_CHECKING, Any

import msgspec

from hfsvc.cli.options import Options, command

if TYPE_CHECKING:
    from hfsvc.containers import Container


@command("sources")
def sources_command(options: Options) -> None:
    """Show the datasets that are known by name, and how they are read.

    Your own are those of the file HFSVC_SOURCES, and of installed packages.
    """
    from hfsvc.cli.output import write_columns, write_json
    from hfsvc.cli.run import run

    found = run(options, _find)
    if options.as_json:
        write_json(found)
    elif options.quiet:
        write_columns((), [(each["alias"],) for each in found])
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
        write_columns(("ALIAS", "DATASET", "LAYOUT", "ON DISK", "ABOUT"), rows)


async def _find(container: "Container") -> list[dict[str, Any]]:
    here = {each.repo.casefold() for each in await container.datasets().list_downloaded()}
    known = container.registry().all
    return [msgspec.to_builtins(each) | {"onDisk": each.repo.casefold() in here} for each in known]
