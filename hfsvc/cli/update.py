"""The command ``update``: what the Hub has of datasets that are here, and bringing it."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from hfsvc.cli.options import Options, command
from hfsvc.errors import HfsvcError

if TYPE_CHECKING:
    from hfsvc.containers import Container
    from hfsvc.models import DatasetUpdate

SOMETHING_NEW = 10
MOST_AT_ONCE = 8
T = TypeVar("T")


class Outcome(NamedTuple):
    """What came of one dataset.

    Attributes:
        name: As it was named.
        found: What the Hub has; None where that could not be told.
        updated: Whether it was brought.
        error: Why not.
    """

    name: str
    found: "DatasetUpdate | None" = None
    updated: bool = False
    error: HfsvcError | None = None

    @property
    def state(self) -> str:
        """In one word."""
        if self.error or self.found is None:
            return "failed"
        if not self.found.is_new:
            return "pinned" if self.found.revision == self.found.commit else "current"
        return "updated" if self.updated else "new"


@command("update", example="hfsvc update --check")
@click.argument("datasets", nargs=-1, metavar="[DATASET]...")
@click.option("--check", is_flag=True, help="Only say what is new; ends with 10 where anything is.")
@click.option(
    "--progress", type=click.Choice(["auto", "json", "none"]), default="auto", help="A bar, or events as JSON lines."
)
def update_command(options: Options, datasets: tuple[str, ...], progress: str, *, check: bool) -> None:
    """Bring datasets up to date, or all that are on disk: to the newest commit of the revision each was downloaded from.

    What was asked for before is brought: only files that changed are fetched. One dataset that fails does not stop the
    others; the exit code is then that of the worst failure.
    """
    from hfsvc.cli.run import run, stored_repo_of

    names = [stored_repo_of(options, name, "updated") for name in datasets] or run(options, _recorded)
    outcomes = run(options, lambda container: _check_all(container, names))
    if not check:
        outcomes = [_updated(options, each, progress) for each in outcomes]
    _tell(options, outcomes)
    failed = [each.error.exit_code for each in outcomes if each.error]
    if failed:
        sys.exit(max(failed))
    if check and any(each.state == "new" for each in outcomes):
        sys.exit(SOMETHING_NEW)


async def _recorded(container: "Container") -> list[str]:
    from hfsvc.errors import typed

    return [typed(each.repo) for each in await container.datasets().list_downloaded()]


async def _check_all(container: "Container", names: Sequence[str]) -> list[Outcome]:
    from anyio import CapacityLimiter, create_task_group

    found: dict[int, Outcome] = {}
    limit = CapacityLimiter(MOST_AT_ONCE)

    async def look(number: int, name: str) -> None:
        async with limit:
            found[number] = await _outcome(name, lambda: container.datasets().check_update(name))

    async with create_task_group() as group:
        for number, name in enumerate(names):
            group.start_soon(look, number, name)
    return [found[number] for number in range(len(names))]


async def _outcome(name: str, look: "Callable[[], Awaitable[DatasetUpdate]]") -> Outcome:
    try:
        return Outcome(name, await look())
    except HfsvcError as error:
        return Outcome(name, error=error)


def _updated(options: Options, outcome: Outcome, progress: str) -> Outcome:
    """The same once its dataset is up to date."""
    from hfsvc.cli.progress import show_progress
    from hfsvc.cli.run import run
    from hfsvc.errors import typed
    from hfsvc.models import DatasetRequest

    found = outcome.found
    if found is None or not found.is_new:
        return outcome
    request = DatasetRequest(repo=typed(found.repo), revision=found.revision)
    try:
        with show_progress(progress, quiet=options.quiet or options.as_json) as listen:
            run(options, lambda container: container.datasets().download(request, on_event=listen))
    except HfsvcError as error:
        return outcome._replace(error=error)
    return outcome._replace(updated=True)


def _tell(options: Options, outcomes: Sequence[Outcome]) -> None:
    from hfsvc.cli.downloaded import tell_left
    from hfsvc.cli.errors import as_document
    from hfsvc.cli.output import say, write_json
    from hfsvc.cli.pasting import pasteable

    if options.as_json:
        write_json([
            {
                "name": each.name,
                "state": each.state,
                "update": each.found,
                "error": as_document(each.error) if each.error else None,
            }
            for each in outcomes
        ])
        return
    if not outcomes and not options.quiet:
        say(pasteable("Nothing is here to be updated: hfsvc download brings a dataset.", options))
    _print(outcomes)
    for each in outcomes:
        if each.error:
            say(pasteable(f"{each.name}: {each.error}", options))
        if each.found and not options.quiet:
            tell_left(options, each.found, each.found.fetch_bytes + each.found.kept_bytes)
    if not options.quiet and any(each.state == "new" for each in outcomes):
        say(pasteable("Bring what is new with: hfsvc update", options))


def _print(outcomes: Sequence[Outcome]) -> None:
    from hfsvc.cli.tables import TableColumn, write_table

    numbers = (TableColumn(name, number=True) for name in ("NEW", "CHANGED", "GONE", "TO FETCH", "KEPT", "TO COPY"))
    columns = [TableColumn("DATASET", wraps=True), TableColumn("STATE"), TableColumn("COMMIT"), *numbers]
    write_table(columns, map(_shown, outcomes), plain=map(_plain, outcomes))


def _shown(outcome: Outcome) -> tuple[str, ...]:
    from hfsvc.units import format_bytes

    found = outcome.found
    if found is None:
        return (outcome.name, outcome.state, *("-",) * 7)
    commits = found.commit[:7] + (f" → {found.new_commit[:7]}" if found.is_new else "")
    counts = (str(len(each)) for each in (found.added, found.changed, found.removed))
    return found.repo, outcome.state, commits, *counts, *map(format_bytes, _sizes(found))


def _plain(outcome: Outcome) -> tuple[str, ...]:
    found: Any = outcome.found
    if found is None:
        return (outcome.name, outcome.state, *("",) * 8)
    counts = (str(len(each)) for each in (found.added, found.changed, found.removed))
    return found.repo, outcome.state, found.commit[:12], found.new_commit[:12], *counts, *map(str, _sizes(found))


def _sizes(found: "DatasetUpdate") -> tuple[int, int, int]:
    return found.fetch_bytes, found.kept_bytes, found.copied_bytes
