"""Connections that are kept for the next request to the same server."""

import asyncio
from collections import defaultdict, deque
from functools import partial
from typing import Final, NamedTuple

from hfsvc.hub.sockets.connection import Connection

# As long as httpx keeps an idle connection, and as many.
KEEP_S: Final = 5.0
MOST_IDLE: Final = 100


class Origin(NamedTuple):
    """Whom a connection is for."""

    scheme: str
    host: str
    port: int


class ConnectionPool:
    """Connections of one event loop, by server: the one used last is used first, so that the others grow old.

    How many there are at once is decided by who uses them.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: defaultdict[Origin, deque[Connection]] = defaultdict(deque)
        self._timers: dict[Connection, asyncio.TimerHandle] = {}
        self._all: set[Connection] = set()

    def take(self, origin: Origin) -> Connection | None:
        """A connection that carried a round trip before, where there is one."""
        self._notice_loop()
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            self._timers.pop(connection).cancel()
            if connection.is_usable:
                return connection
        return None

    def make(self, origin: Origin) -> Connection:
        """The protocol of one more connection, which comes back by itself when its round trip is over."""
        self._notice_loop()
        return Connection(on_free=partial(self._keep, origin), on_lost=partial(self._forget, origin))

    def hold(self, connection: Connection) -> None:
        """Let `aclose` close a connection that has come about."""
        if not connection.closed.done():
            self._all.add(connection)

    def _notice_loop(self) -> None:
        # Those of another loop are of no use here. In a forked child they are the parent's: closing them there would tell
        # its selector, which both share, to look at them no more.
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            self._idle.clear()
            self._timers.clear()
            self._all.clear()

    def _keep(self, origin: Origin, connection: Connection) -> None:
        if len(self._timers) >= MOST_IDLE:
            next(iter(self._timers)).close()
        self._idle[origin].append(connection)
        self._timers[connection] = connection.loop.call_later(KEEP_S, connection.close)

    def _forget(self, origin: Origin, connection: Connection) -> None:
        self._all.discard(connection)
        if timer := self._timers.pop(connection, None):
            timer.cancel()
            self._idle[origin].remove(connection)

    async def aclose(self) -> None:
        """Close every connection, also those in use, and return when their sockets are closed."""
        self._notice_loop()
        closing = [connection.closed for connection in self._all]
        for connection in list(self._all):
            connection.close()
        if closing:
            await asyncio.wait(closing)
