"""Which files of a folder may hold documents."""

import os
from collections.abc import Iterator
from pathlib import Path

from hfsvc.errors import PathNotFound
from hfsvc.trajectories.files.json_documents import shape_of


def files_of(path: Path) -> Iterator[Path]:
    """The file itself; of a folder, all files below it that end like JSON or JSON Lines, compressed or not, in order.

    Names that begin with a dot are left out, and links to folders are not followed.

    Raises:
        PathNotFound: There is nothing at the path.
    """
    if path.is_dir():
        yield from _below(path)
    elif path.exists():
        yield path
    else:
        raise PathNotFound(path=str(path))


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        shown = (name for name in sorted(names) if not name.startswith("."))
        yield from (Path(parent, name) for name in shown if shape_of(name) != "unknown")
