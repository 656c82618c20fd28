"""Tables of a dataset's files: the large ones, many small ones together."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from hfsvc.cli.tables import TableColumn, print_table
from hfsvc.units import format_bytes

# A terminal is shown so many files; of more, the largest of those that are not small, and the others as one line.
SHOWN_FILES = 20
SMALL_BYTES = 1_000_000


class FileLine(NamedTuple):
    """A file of a dataset, its size in bytes, and what is of it here."""

    path: str
    size: int
    state: str


def print_files(files: Sequence[FileLine]) -> None:
    """Files with sizes and states, for a terminal."""
    columns = [TableColumn("FILE", wraps=True), TableColumn("SIZE", number=True), TableColumn("STATE", wraps=True)]
    print_table(columns, [(each.path, format_bytes(each.size), each.state) for each in gathered(files)])


def gathered(files: Sequence[FileLine]) -> list[FileLine]:
    """The files, or of many the large ones in their order, and of the others one line for each state."""
    if len(files) <= SHOWN_FILES:
        return [*files]
    by_size = sorted(range(len(files)), key=lambda number: -files[number].size)
    shown = {number for number in by_size[:SHOWN_FILES] if files[number].size >= SMALL_BYTES}
    large = [file for number, file in enumerate(files) if number in shown]
    others = (file for number, file in enumerate(files) if number not in shown)
    return [*large, *_together(others, "other " if large else "")]


def _together(files: Iterable[FileLine], which: str) -> Iterator[FileLine]:
    by_state: dict[str, list[FileLine]] = {}
    for each in files:
        # Where they are copied from differs from file to file.
        state = "copy" if each.state.startswith("copy of ") else each.state
        by_state.setdefault(state, []).append(each)
    for state, found in by_state.items():
        yield FileLine(f"{len(found):,} {which}files", sum(each.size for each in found), state)
