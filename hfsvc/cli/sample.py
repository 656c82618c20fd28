"""The command ``sample``: some trajectories of a dataset, at random or the first ones."""

from contextlib import aclosing
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import click

from hfsvc.cli.options import Options, command
from hfsvc.cli.read_options import reading_options
from hfsvc.cli.remote import remote_option
from hfsvc.cli.trajectories import one_dataset, print_trajectory

if TYPE_CHECKING:
    from hfsvc.atif import Trajectory
    from hfsvc.containers import Container
    from hfsvc.models import ReadOptions
    from hfsvc.protocols import TrajectorySource

LONGEST_NUMBER = 9
# So many more rows are drawn than are asked for, where those that cannot be read are left out.
SPARE_ROWS = 100


class NumberedTrajectory(NamedTuple):
    """A trajectory and the number of its row."""

    row: int
    trajectory: "Trajectory"


@command("sample", example="hfsvc sample 3 openthoughts-sft --seed 7")
@click.argument("words", nargs=-1, metavar="[NUMBER] [DATASET]")
@click.option("--dataset", help="Instead of the default source (HFSVC_DEFAULT_SOURCE).")
@click.option("--seed", type=int, help="The same seed draws the same rows; another one each time unless given.")
@click.option("--first", is_flag=True, help="The first rows instead of random ones.")
@remote_option
@reading_options
def sample_command(
    options: Options, words: tuple[str, ...], dataset: str | None, seed: int | None, first: bool, reading: "ReadOptions"
) -> None:
    """Print NUMBER trajectories of a dataset, drawn at random (default: 1)."""
    from hfsvc.cli.output import say, write_json
    from hfsvc.cli.progress import show_rows
    from hfsvc.cli.run import open_source, run, say_why_nothing, source_of

    if first and seed is not None:
        raise click.UsageError("The first rows need no --seed: leave out one of them.")
    number, named = _number_and_dataset(options, words)
    name = source_of(options, one_dataset(named, dataset))
    chosen = Random().randrange(10**6) if seed is None else seed
    with show_rows("indexing", quiet=options.quiet or options.as_json) as on_rows:

        async def work(container: "Container") -> list[NumberedTrajectory]:
            source = open_source(container, name, reading, on_rows)
            if first:
                return await _first(source, number)
            return await _drawn(source, number, Random(chosen), filtered=reading.chooses)

        found = run(options, work)
    if options.as_json:
        write_json([each.trajectory for each in found])
        return
    for each in found:
        print_trajectory(each.row, each.trajectory)
    if not found:
        say_why_nothing(options, name, reading)
    elif not (first or options.quiet):
        say(f"Drawn with --seed {chosen}.")


def _number_and_dataset(options: Options, words: tuple[str, ...]) -> tuple[int, str | None]:
    from hfsvc.cli.run import repo_of
    from hfsvc.errors import UnknownSource

    numbers = [word for word in words if word.isascii() and word.isdecimal() and len(word) <= LONGEST_NUMBER]
    names = [word for word in words if word not in numbers]
    if len(numbers) > 1 or len(names) > 1:
        raise click.UsageError("Give one NUMBER and one DATASET at most.")
    number = int(numbers[0]) if numbers else 1
    if number < 1:
        raise click.UsageError(f"Invalid value for 'NUMBER': {number} is not in the range x>=1.")
    for name in names:
        try:
            repo_of(options, name)
        except UnknownSource as error:
            raise click.UsageError(f"Invalid value: {name!r} is not a valid integer, and no dataset. {error}") from None
    return number, names[0] if names else None


async def _first(source: "TrajectorySource", number: int) -> list[NumberedTrajectory]:
    found: list[NumberedTrajectory] = []
    async with aclosing(source.stream_rows()) as rows:
        async for row in rows:
            found.append(NumberedTrajectory(row.row, row.trajectory))
            if len(found) == number:
                break
    return found


async def _drawn(
    source: "TrajectorySource", number: int, random: Random, *, filtered: bool
) -> list[NumberedTrajectory]:
    """So many different rows, in row order; fewer where there are no more."""
    total = await source.count()
    places = random.sample(range(total), min(number + SPARE_ROWS, total))
    found: list[NumberedTrajectory] = []
    for place in places:
        row = (await source.list_summaries(place, 1)).items[0].row if filtered else place
        # None where it cannot be read, and such rows are left out.
        found += [NumberedTrajectory(row, each) for each in await source.get_trajectories(row, 1)]
        if len(found) == number:
            break
    return sorted(found, key=lambda each: each.row)
