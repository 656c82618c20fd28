"""Values that belong to one process: a forked child makes its own, and lets alone what its parent holds."""

import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from anyio.lowlevel import current_token

T = TypeVar("T")


class PerProcess(Generic[T]):
    """A value that is made at its first use, and once more in each forked child that uses it.

    A lock that was held in the parent would never be free in the child, and what is read from a file or a socket by one
    of them would be missed by the other.

    Args:
        make: Makes the value. Where threads ask at the same time, it may be called more than once.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: tuple[int, T] | None = None

    def __call__(self) -> T:
        """The value of this process."""
        process, made = os.getpid(), self._made
        if made is None or made[0] != process:
            made = self._made = process, self._make()
        return made[1]


class HomeLoop:
    """The event loop that something belongs to: the first that it is used on, in each process."""

    def __init__(self) -> None:
        self._token = PerProcess(current_token)

    @property
    def is_running(self) -> bool:
        """Whether the caller runs on it."""
        return self._token() == current_token()


def soon_on_this_loop() -> Callable[..., Any]:
    """What other threads call to have something run on this event loop."""
    token: Any = current_token()
    # The loop itself on asyncio; later versions of anyio wrap it.
    native: Any = getattr(token, "native_token", token)
    found: Callable[..., Any] = getattr(native, "call_soon_threadsafe", None) or native.run_sync_soon
    return found
