"""Sidecars of a dataset that is not on disk: held in memory up to a limit, those that were read last."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pyarrow as pa

from hfsvc.trajectories.index.sidecars import Sidecar, Sidecars

HELD_BYTES = 64 << 20


class HeldSidecars(Sidecars):
    """As `Sidecars`, without a disk. What has no room is made again from the data when it is asked for.

    Args:
        repo: Whose.
        limit: Bytes that are held at most.
    """

    def __init__(self, repo: str, limit: int = HELD_BYTES) -> None:
        super().__init__(repo, None)
        self._limit = limit
        self._lock = threading.Lock()
        self._held: OrderedDict[str, _HeldBlocks] = OrderedDict()

    def has(self, name: str) -> bool:
        with self._lock:
            return name in self._held

    def write(self, name: str, schema: pa.Schema, blocks: Iterable[pa.RecordBatch]) -> None:
        taken: list[pa.RecordBatch] = []
        size = 0
        for block in blocks:
            size += block.nbytes
            if size > self._limit:
                return
            taken.append(block)
        with self._lock:
            self._held[name] = _HeldBlocks(schema, taken)
            while sum(each.size for each in self._held.values()) > self._limit:
                self._held.popitem(last=False)

    @contextmanager
    def open(self, name: str, columns: Iterable[int] | None = None) -> Iterator[Sidecar | None]:
        with self._lock:
            found = self._held.get(name)
            if found:
                self._held.move_to_end(name)
        # What readers ask of an open sidecar, it has.
        blocks: Any = found and found.with_columns(None if columns is None else [*columns])
        yield cast("Sidecar | None", blocks)

    def prune(self, contents: Iterable[str]) -> None:
        """Remove nothing: what is held is of one commit."""


class _HeldBlocks:
    """The blocks of one sidecar."""

    def __init__(self, schema: pa.Schema, blocks: list[pa.RecordBatch]) -> None:
        self.schema = schema
        self.size = sum(each.nbytes for each in blocks)
        self._blocks = blocks

    @property
    def count(self) -> int:
        return len(self._blocks)

    def block(self, index: int) -> pa.RecordBatch:
        return self._blocks[index]

    def with_columns(self, columns: list[int] | None) -> "_HeldBlocks":
        if columns is None:
            return self
        # As Arrow gives the columns of a file: in the file's order.
        kept = sorted(columns)
        schema = pa.schema([self.schema.field(column) for column in kept], self.schema.metadata)
        return _HeldBlocks(schema, [block.select(kept) for block in self._blocks])
