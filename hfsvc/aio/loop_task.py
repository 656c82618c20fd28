"""A coroutine that runs on an event loop for a thread that does not wait for it."""

import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
from anyio import from_thread
from anyio.lowlevel import EventLoopToken, current_token


class LoopTask:
    """Work on an event loop, begun and ended by a thread. What it raises is nobody's business: who needs its effect tries.

    Args:
        token: Of the loop.
        work: What to await.
    """

    def __init__(self, token: EventLoopToken, work: Callable[[], Awaitable[object]]) -> None:
        self._token = token
        self._work = work
        self._scope: anyio.CancelScope | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._wait, name="hfsvc-loop-task", daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        with suppress(BaseException):
            from_thread.run(self._run, token=self._token)

    async def _run(self) -> None:
        with anyio.CancelScope() as self._scope:
            if not self._closed:
                await self._work()

    def _cancel(self) -> None:
        self._closed = True
        if self._scope:
            self._scope.cancel()

    def close(self) -> None:
        """Cancel it, and wait until it has ended, but on the loop itself, where it ends later. May be called twice."""
        if self._is_on_loop():
            self._cancel()
            return
        if self._thread.is_alive():
            with suppress(RuntimeError):
                # The loop may have ended, and the work with it.
                from_thread.run_sync(self._cancel, token=self._token)
        self._thread.join()

    def _is_on_loop(self) -> bool:
        try:
            return current_token() == self._token
        except RuntimeError:
            return False
