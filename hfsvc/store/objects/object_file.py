"""A new object that is written like a file: it goes up while it is written, and is there when all of it is. Everything blocks."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from queue import Empty, Full, Queue
from threading import Thread
from typing import Any, BinaryIO, cast

from hfsvc.store.objects.object_bucket import ObjectBucket
from hfsvc.store.objects.upload_part import PART_BYTES, PARTS_AT_ONCE, Abandoned

BLOCK_BYTES = 1 << 20
WAITING_BLOCKS = 16
LOOK_EVERY_S = 0.2


class ObjectWriter(io.RawIOBase):
    """What is written to it goes up in another thread.

    Args:
        bucket: It goes there.
        key: Under this name.
    """

    def __init__(self, bucket: ObjectBucket, key: str) -> None:
        super().__init__()
        self._bucket = bucket
        self._key = key
        self._at = 0
        self._gathered = bytearray()
        self._blocks: Queue[bytes | Abandoned | None] = Queue(WAITING_BLOCKS)
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._go_up, name=f"upload of {key}", daemon=True)
        self._thread.start()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        """Take all of it; waits while the store is slower.

        Raises:
            HfsvcError: The store takes none.
        """
        self._gathered += data
        length = memoryview(data).nbytes
        self._at += length
        if len(self._gathered) >= BLOCK_BYTES:
            self._hand_over(bytes(self._gathered))
            self._gathered.clear()
        return length

    def _hand_over(self, block: bytes | Abandoned | None) -> None:
        while self._thread.is_alive():
            with suppress(Full):
                self._blocks.put(block, timeout=LOOK_EVERY_S)
                return
        if self._failure and not isinstance(block, Abandoned):
            raise self._failure

    def complete(self) -> None:
        """Let it be seen.

        Raises:
            HfsvcError: The store does not take it.
        """
        self._hand_over(bytes(self._gathered))
        self._hand_over(None)
        self._thread.join()
        if self._failure:
            raise self._failure

    def abandon(self) -> None:
        """Let nothing of it be seen."""
        with suppress(Empty):
            while True:
                self._blocks.get_nowait()
        self._hand_over(Abandoned())
        self._thread.join()

    def _go_up(self) -> None:
        try:
            self._put(self._taken())
        except Abandoned:
            pass
        except BaseException as error:
            self._failure = error

    def _put(self, blocks: Iterator[bytes]) -> None:
        first: list[bytes] = []
        while sum(map(len, first)) < PART_BYTES:
            if (block := next(blocks, None)) is None:
                # In parts there would be none of an empty one.
                self._bucket.write_whole(self._key, b"".join(first))
                return
            first.append(block)
        self._bucket.write_parts(self._key, chain(first, blocks), part=PART_BYTES, at_once=PARTS_AT_ONCE)

    def _taken(self) -> Iterator[bytes]:
        while (block := self._blocks.get()) is not None:
            if isinstance(block, Abandoned):
                raise block
            yield block


@contextmanager
def whole_object(bucket: ObjectBucket, key: str) -> Iterator[BinaryIO]:
    """A new object that takes the place of what is there at the end of the context; after an exception nothing has changed.

    Raises:
        HfsvcError: The store does not take it.
    """
    writer = ObjectWriter(bucket, key)
    try:
        yield cast("BinaryIO", writer)
    except BaseException:
        writer.abandon()
        raise
    writer.complete()
