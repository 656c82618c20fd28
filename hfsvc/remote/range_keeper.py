"""The keeper of ranges that were read remotely: it leaves them for a later download to reuse."""

import logging

import anyio

from hfsvc.errors import LocalStorage
from hfsvc.models import RemoteDataset, RemoteFile
from hfsvc.remote.spans import Bytes
from hfsvc.store.dataset_store import DatasetStore
from hfsvc.transfer.part_folder import SMALL_FILE_BYTES

KEEP_WITHIN_S = 10.0
logger = logging.getLogger(__name__)


class RangeKeeper:
    """Puts bytes of large files into their part files. Small ones come in one request anyway.

    Args:
        store: Where part files lie.
        remote: The dataset at its commit.
    """

    def __init__(self, store: DatasetStore, remote: RemoteDataset) -> None:
        self._store = store
        self._remote = remote
        # One after the other: to the store, a second one would be somebody else.
        self._writing = anyio.Lock()

    async def keep(self, file: RemoteFile, piece: Bytes) -> None:
        """Write bytes down, unless a download of the dataset is under way, or the disk refuses."""
        if file.size <= SMALL_FILE_BYTES or len(piece.data) == file.size:
            return
        try:
            # All threads may be waiting for what is read, and for each other, where many read at once.
            with anyio.move_on_after(KEEP_WITHIN_S):
                async with self._writing:
                    await self._store.keep_range(self._remote, file, piece.start, piece.data)
        except LocalStorage as error:
            logger.warning("bytes of %s that were read are not kept: %s", file.path, error)
