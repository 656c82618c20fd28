"""What passes over whole files found: once for each file, for as long as it does not change."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
_MOST = 1000


class FoundBefore(Generic[T]):
    """What was found in files, by their `OpenedFile.identity`; when there is too much of it, all is forgotten."""

    def __init__(self) -> None:
        self._known: dict[tuple[int | str, ...], T] = {}

    def find(self, identity: tuple[int | str, ...], look: Callable[[], T]) -> T:
        """What is known of a file, else what looking finds."""
        if (known := self._known.get(identity)) is None:
            known = look()
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[identity] = known
        return known
