"""The processes that a process has started, as the system knows them."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")
LOOK_EVERY_S = 0.005
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="/proc is what tells of processes")


def children_of(process: int) -> set[int]:
    """The numbers of its children that have not ended."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, *_ = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(parent) == process and state != "Z":
            found.add(int(status.parent.name))
    return found


def until_found(find: Callable[[], T]) -> T:
    """What `find` gives as soon as that is something; the test's own timeout ends the wait."""
    while not (found := find()):
        # Looking without a rest would take the time from those who are looked for.
        time.sleep(LOOK_EVERY_S)
    return found
