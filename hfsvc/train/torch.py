"""Trajectories as an ``IterableDataset`` of PyTorch, divided among ranks and workers, and resumed where they stopped."""

import os
from collections.abc import Callable, Iterator
from typing import Any

from torch import distributed
from torch.utils.data import IterableDataset, get_worker_info

from hfsvc.models import TrajectoryRow
from hfsvc.train.row_iterator import iter_rows


class TrajectoryIterableDataset(IterableDataset[Any]):
    """The rows of a dataset, each in one worker of one rank alone, whose shares differ by one row at most.

    Its state is what ``torchdata.stateful_dataloader`` asks every worker for, and gives back to it. To go on with another
    number of ranks or workers, give every worker the state ``{"cursor": hfsvc.join_cursors(…)}`` of all cursors.

    Args:
        name: As ``container.source`` takes it.
        map: Makes an item of a row; None for rows themselves.
        rank: Of this process; None to ask ``torch.distributed``, or the variable ``RANK``.
        world_size: How many there are; None likewise, or ``WORLD_SIZE``.
        reading: As for `hfsvc.iter_rows`, but for ``shard`` and ``cursor``.
    """

    def __init__(
        self,
        name: str,
        *,
        map: Callable[[TrajectoryRow], Any] | None = None,
        rank: int | None = None,
        world_size: int | None = None,
        **reading: Any,
    ) -> None:
        super().__init__()
        self._name = name
        self._map = map
        self._world = (rank, world_size)
        self._reading = {"stripe": True, **reading}
        self._cursor: str | None = None
        self._ended = False
        self._loaded: str | None = None

    def __iter__(self) -> Iterator[Any]:
        # Only a state that was loaded is gone on from: whoever looked at some rows before has not trained on them.
        cursor, self._loaded = self._loaded, None
        self._cursor, self._ended = cursor, False
        with iter_rows(self._name, shard=self.shard(), cursor=cursor, **self._reading) as rows:
            for row in rows:
                self._cursor = row.cursor
                yield self._map(row) if self._map else row
        self._ended = True

    def shard(self) -> tuple[int, int]:
        """Which part of the rows this worker of this rank reads, of how many."""
        worker = get_worker_info()
        index, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        rank, ranks = _rank_of(*self._world)
        return rank * workers + index, ranks * workers

    def state_dict(self) -> dict[str, Any]:
        """Where this worker stands: the cursor of its last row, if there was one, and whether that was the end."""
        return {"cursor": self._cursor, "ended": self._ended}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on there in the next epoch; those after it begin anew."""
        self._cursor, self._ended = state["cursor"], state.get("ended", False)
        self._loaded = None if self._ended else self._cursor


def _rank_of(rank: int | None, world_size: int | None) -> tuple[int, int]:
    running = distributed.is_available() and distributed.is_initialized()
    own = distributed.get_rank() if running else int(os.environ.get("RANK", "0"))
    ranks = distributed.get_world_size() if running else int(os.environ.get("WORLD_SIZE", "1"))
    return own if rank is None else rank, ranks if world_size is None else world_size
