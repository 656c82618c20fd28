"""One contender of ``benchmarks.atif``: reads ATIF documents, a line each, with this Python's library.

Usage: ``python atif_worker.py {hfsvc,decode,check,harbor,harbor-json,harbor-dict} {drop,keep} FILE``.
"""

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path


def reader(how: str) -> Callable[[bytes], object]:
    """What the contender does with one document; where it only starts, that is to look at its length."""
    if not how.startswith("harbor"):
        atif = importlib.import_module("hfsvc.atif")
        ours: dict[str, Callable[[bytes], object]] = {"decode": atif.decode, "check": atif.check}
        return ours.get(how, len)
    model = importlib.import_module("harbor.models.trajectories").Trajectory
    theirs: dict[str, Callable[[bytes], object]] = {
        "harbor-json": model.model_validate_json,
        "harbor-dict": lambda document: model.model_validate(json.loads(document)),
    }
    return theirs.get(how, len)


def documents(file: str) -> Iterator[bytes]:
    with Path(file).open("rb") as lines:
        yield from lines


def main(how: str, fate: str, file: str) -> None:
    read = reader(how)
    kept = [read(document) for document in documents(file)] if fate == "keep" else []
    if fate == "drop":
        for document in documents(file):
            read(document)
    sys.stdout.write(f"{len(kept)}\n")


main(*sys.argv[1:])
