"""The Hub's parquet copy of a dataset, which a bot makes on a ref of its own: where it lies, and what its paths say. Pure.

Source: the ref ``refs/convert/parquet`` and its layout as the Hub documents them in 2026: ``CONFIG/SPLIT/0000.parquet``,
``CONFIG/partial-SPLIT/…`` where only the beginning was converted, ``CONFIG/SPLIT-part1/…`` of what is very large.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from hfsvc.models.datasets import DatasetConfig

CONVERSION_REVISION: Final = "refs/convert/parquet"
# No name of a split holds a dash.
_SPLIT = re.compile(r"(?:partial-)?(\w+(?:\.\w+)*)(?:-part\d+)?")
_PLACE = re.compile(rf"([^/]+)/({_SPLIT.pattern})/\d+\.parquet")


class ConvertedFile(NamedTuple):
    """What the path of a converted file says: its configuration and split, and whether they were converted whole."""

    config: str
    split: str
    is_partial: bool


def converted_file(path: str) -> ConvertedFile | None:
    """What a path says; None for one that is no converted file's."""
    found = _PLACE.fullmatch(path)
    return found and ConvertedFile(found[1], split_of(found[2]), is_partial(found[2]))


def split_of(folder: str) -> str:
    """The split that a folder holds, as its name says."""
    found = _SPLIT.fullmatch(folder)
    return found[1] if found else folder


def is_partial(folder: str) -> bool:
    """Whether a folder's name says that only the beginning of its split was converted."""
    return folder.startswith("partial-")


def converted_configs(paths: Iterable[str], default: str | None) -> tuple[DatasetConfig, ...]:
    """The configurations of a conversion, as its paths name them.

    Args:
        paths: Of its files.
        default: The dataset's configuration that is taken where none is named.
    """
    found: dict[str, dict[str, set[str]]] = {}
    for path in sorted(paths):
        if file := converted_file(path):
            folder = path.rpartition("/")[0]
            found.setdefault(file.config, {}).setdefault(file.split, set()).add(folder)
    return tuple(
        DatasetConfig(
            name=config,
            default=config == default,
            patterns={
                split: tuple(f"{_plain(folder)}/*.parquet" for folder in sorted(folders))
                for split, folders in splits.items()
            },
        )
        for config, splits in found.items()
    )


def _plain(folder: str) -> str:
    # A name may hold signs of globs.
    return re.sub(r"[*?\[]", r"[\g<0>]", folder)
