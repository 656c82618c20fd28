"""Trajectories as datasets of the library ``datasets``: streamed, or as a table in its cache."""

from collections.abc import Callable, Iterator
from typing import Any

from hfsvc.errors import MissingExtra
from hfsvc.models import TrajectoryRow
from hfsvc.train.row_iterator import iter_rows

MapRow = Callable[[TrajectoryRow], dict[str, Any]]


def stream_dataset(name: str, map: MapRow, *, shards: int = 64, **reading: Any) -> Any:
    """An ``IterableDataset`` of what rows become, which ``datasets`` divides among nodes and workers by shards.

    Args:
        name: As ``container.source`` takes it.
        map: Makes an example of a row: values that Arrow can hold, the same columns each time.
        shards: Into how many parts it can be divided: a multiple of all readers is dealt out evenly.
        reading: As for `hfsvc.iter_rows`, but for ``shard`` and ``cursor``.

    Raises:
        MissingExtra: ``datasets`` is not installed.
    """
    made: Any = _library().IterableDataset.from_generator(
        _examples,
        gen_kwargs={"shards": list(range(shards)), "of": shards, "name": name, "map": map, "reading": reading},
    )
    return made


def build_dataset(name: str, map: MapRow, *, cache_dir: str | None = None, **reading: Any) -> Any:
    """A ``Dataset`` of what rows become, written into the cache of ``datasets``.

    Args:
        name: As for `stream_dataset`, like the others.
        map: Makes an example of a row.
        cache_dir: Of `datasets`; None for its own.
        reading: As for `hfsvc.iter_rows`.
    """
    made: Any = _library().Dataset.from_generator(
        _examples,
        cache_dir=cache_dir,
        gen_kwargs={"shards": [0], "of": 1, "name": name, "map": map, "reading": reading},
    )
    return made


def _examples(shards: list[int], of: int, name: str, map: MapRow, reading: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for index in shards:
        with iter_rows(name, **{**reading, "shard": (index, of)}) as rows:
            for row in rows:
                yield map(row)


def _library() -> Any:
    try:
        import datasets
    except ImportError:
        raise MissingExtra(wanted="datasets", extra="datasets") from None
    return datasets
