"""Look-up of one trajectory by what people type: a row number, or a text that some column of the row has."""

from typing import NamedTuple

from hfsvc.atif import Trajectory
from hfsvc.errors import TrajectoryNotFound
from hfsvc.models import KeyColumn
from hfsvc.protocols import TrajectorySource

LONGEST_NUMBER = 15


class LocatedTrajectory(NamedTuple):
    """A trajectory and where it stands. `matches` is the number of rows that answer to the key."""

    row: int
    matches: int
    trajectory: Trajectory


async def look_up(source: TrajectorySource, key: str, *, by: KeyColumn | None, name: str) -> LocatedTrajectory:
    """The first row that answers to a key.

    Args:
        source: Where to look.
        key: A row number, else as `TrajectorySource.find_rows` takes it.
        by: The column that has it; None for a row number, else for any.
        name: What the source is called, for the error.

    Raises:
        TrajectoryNotFound: No row answers.
    """
    number = _row_number(key) if by is None else None
    rows = await source.find_rows(key, by=by) if number is None else (number,)
    trajectory = await source.get_trajectory(rows[0]) if rows else None
    if trajectory is None:
        raise TrajectoryNotFound(source=name, key=key if number is None else number, by=by)
    return LocatedTrajectory(rows[0], len(rows), trajectory)


def _row_number(key: str) -> int | None:
    # Digits of other scripts are a text, and so are more of them than any dataset has rows for.
    return int(key) if key.isascii() and key.isdecimal() and len(key) <= LONGEST_NUMBER else None
