"""A worker of Ray that writes one shard of an export, and tells how far it is."""

import asyncio
import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from hfsvc.errors import EngineUnusable, HfsvcError
from hfsvc.export.local_engine import export_trajectories
from hfsvc.export.models import Exported, ExportRequest, RowsExported
from hfsvc.models import DownloadedDataset, ReadOptions
from hfsvc.trajectories.source import FileTrajectorySource

if TYPE_CHECKING:
    from hfsvc.trajectories.snapshot import DatasetLookup


class SharedDataset(NamedTuple):
    """What the tasks of an export have in common.

    Attributes:
        dataset: On a disk that all workers see.
        options: How to read it.
        sidecars: Where those of the dataset lie; None for the store that holds it.
    """

    dataset: DownloadedDataset
    options: ReadOptions
    sidecars: Path | None


class ShardOutcome(NamedTuple):
    """What came of a shard.

    Attributes:
        result: What was written, or why it was not: Ray would wrap an error that is raised into its own.
        host: The machine that did it.
    """

    result: Exported | HfsvcError
    host: str


class ProgressBoard:
    """How far each shard is, as their workers tell it: an actor of Ray."""

    def __init__(self) -> None:
        self._shards: dict[int, tuple[int, int]] = {}

    def tell(self, shard: int, done: int, written: int) -> None:
        """So many rows of a shard are behind, and so many bytes written."""
        self._shards[shard] = done, written

    def sums(self) -> tuple[int, int]:
        """Rows and bytes of all shards."""
        return sum(done for done, _ in self._shards.values()), sum(written for _, written in self._shards.values())


def write_shard(packed: bytes, request: ExportRequest, board: Any) -> bytes:
    """Write the shard of a request; what comes back is a pickled `ShardOutcome`.

    Args:
        packed: A pickled `SharedDataset`.
        request: With a shard, and an absolute path.
        board: The actor.
    """
    index, _ = request.shard or (0, 1)

    def tell(event: RowsExported) -> None:
        board.tell.remote(index, event.done, event.written)

    return pickle.dumps(ShardOutcome(_written(pickle.loads(packed), request, tell), socket.gethostname()))


def _written(
    shared: SharedDataset, request: ExportRequest, tell: Callable[[RowsExported], None]
) -> Exported | HfsvcError:
    dataset, options, sidecars = shared
    try:
        if not dataset.local_path.exists():
            reason = (
                f"{dataset.local_path} is not there on {socket.gethostname()}: all machines have to see the dataset"
            )
            raise EngineUnusable(engine="ray", reason=reason)
        lookup = cast("DatasetLookup", _Recorded(dataset))
        source = FileTrajectorySource(dataset.repo, datasets=lookup, options=options, sidecars=sidecars)
        return asyncio.run(export_trajectories(source, request, on_event=tell))
    except HfsvcError as error:
        return error


class _Recorded:
    """A source asks for no more than what is on disk, and on a worker there is no more to ask."""

    def __init__(self, dataset: DownloadedDataset) -> None:
        self._dataset = dataset

    async def get_download_info(self, repo: str) -> DownloadedDataset:
        return self._dataset
