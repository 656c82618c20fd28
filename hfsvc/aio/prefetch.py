"""Prefetching: the next value of an iterator is made in a thread while the one before it is in use."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Semaphore
from typing import Generic, TypeVar

T = TypeVar("T")


class ReadAhead(Generic[T]):
    """An iterator whose next value is being made, in a thread of its own, while its last one is in use.

    Arrow decodes without Python's lock, so decoding a batch overlaps with building structs of the one before.
    """

    def __init__(self, values: Iterator[T]) -> None:
        self._values = values
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hfsvc-decode")
        self._begun = Semaphore(0)
        self._coming: Future[T | None] | None = None

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        value = (self._coming or self._begin()).result()
        if value is None:
            raise StopIteration
        self._coming = self._begin()
        return value

    def _begin(self) -> Future[T | None]:
        future = self._thread.submit(self._make)
        # Until the thread has had Python's lock once, nothing overlaps: who asks would keep it for milliseconds.
        self._begun.acquire()
        return future

    def _make(self) -> T | None:
        self._begun.release()
        return next(self._values, None)

    def close(self) -> None:
        """Wait for the value that is being made, and end the thread."""
        self._thread.shutdown(cancel_futures=True)
