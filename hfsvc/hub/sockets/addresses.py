"""TCP connections to names that have several addresses: whichever of them answers first.

Source: RFC 8305. asyncio's own way (Python 3.11 to 3.13) leaks a socket that connects while its caller is cancelled, and
uvloop has none.
"""

import asyncio
import socket
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any, Final, NamedTuple

import anyio

# Before the next address is tried too (RFC 8305 §5).
NEXT_ADDRESS_S: Final = 0.25


class Address(NamedTuple):
    """One address of a name, as ``getaddrinfo`` has it."""

    family: int
    kind: int
    protocol: int
    name: str
    target: tuple[Any, ...]


async def connect(host: str, port: int) -> socket.socket:
    """A socket that is connected to a host, by whichever of its addresses answers first.

    Raises:
        OSError: No address is known (`socket.gaierror`), or none answers.
    """
    return await connect_to_first(_numeric(host, port) or await _resolve(host, port))


def _numeric(host: str, port: int) -> list[Address]:
    # Without the thread that names need.
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return []
    return [Address._make(each) for each in found]


async def _resolve(host: str, port: int) -> list[Address]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [Address._make(each) for each in found]


async def connect_to_first(addresses: Sequence[Address]) -> socket.socket:
    """A socket that is connected to one of some addresses; the next is tried when one fails, or takes its time.

    Raises:
        OSError: The failure of the first, when all have failed.
    """
    connected: list[socket.socket] = []
    failures: list[OSError] = []

    async def attempt(address: Address, failed: anyio.Event) -> None:
        try:
            connected.append(await _connect_to(address))
            group.cancel_scope.cancel()
        except OSError as error:
            failures.append(error)
            failed.set()

    try:
        async with anyio.create_task_group() as group:
            for address in alternating(addresses):
                failed = anyio.Event()
                group.start_soon(attempt, address, failed)
                with anyio.move_on_after(NEXT_ADDRESS_S):
                    await failed.wait()
        if not connected:
            raise failures[0]
        return connected.pop()
    finally:
        for late in connected:
            late.close()


def alternating(addresses: Sequence[Address]) -> list[Address]:
    """The addresses with the families taking turns, the family of the first one first. Pure."""
    same = [each for each in addresses if each.family == addresses[0].family]
    other = [each for each in addresses if each.family != addresses[0].family]
    return [each for each in chain.from_iterable(zip_longest(same, other)) if each is not None]


async def _connect_to(address: Address) -> socket.socket:
    sock = socket.socket(address.family, address.kind, address.protocol)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address.target)
    except BaseException:
        sock.close()
        raise
    return sock
