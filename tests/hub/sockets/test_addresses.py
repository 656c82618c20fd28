"""Which address of a name is taken: the others take over from one that refuses, or that says nothing."""

import asyncio
import gc
import socket
from collections.abc import Iterator

import pytest

from hfsvc.hub.sockets import addresses
from hfsvc.hub.sockets.addresses import Address, alternating, connect_to_first

V4, V6 = socket.AF_INET, socket.AF_INET6


def address(port: int, family: int = V4) -> Address:
    return Address(family, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))


def test_families_take_turns_and_the_first_one_begins() -> None:
    found = alternating([address(1, V6), address(2, V6), address(3, V6), address(4), address(5)])
    assert [each.target[1] for each in found] == [1, 4, 2, 5, 3]
    assert alternating([address(1)]) == [address(1)]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


@pytest.fixture
def refusing() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Address:
    """An address from which nothing comes back."""
    found = address(1)
    connect_to = addresses._connect_to

    async def connect(wanted: Address) -> socket.socket:
        if wanted == found:
            await asyncio.Event().wait()
        return await connect_to(wanted)

    monkeypatch.setattr(addresses, "_connect_to", connect)
    monkeypatch.setattr(addresses, "NEXT_ADDRESS_S", 0.01)
    return found


async def test_the_next_address_takes_over_from_one_that_refuses(listener: socket.socket, refusing: int) -> None:
    port = listener.getsockname()[1]
    with await connect_to_first([address(refusing), address(refusing), address(port)]) as found:
        assert found.getpeername()[1] == port


async def test_the_next_address_takes_over_from_one_that_says_nothing(listener: socket.socket, silent: Address) -> None:
    port = listener.getsockname()[1]
    before = asyncio.all_tasks()
    with await connect_to_first([silent, address(port)]) as found:
        assert found.getpeername()[1] == port
    assert asyncio.all_tasks() == before


async def test_the_first_failure_is_told_when_all_have_failed(refusing: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        await connect_to_first([address(refusing), address(refusing)])


@pytest.mark.parametrize("turns", range(10))
async def test_cancelling_leaves_no_socket_open(listener: socket.socket, silent: Address, turns: int) -> None:
    task = asyncio.create_task(connect_to_first([address(listener.getsockname()[1]), silent]))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.done()
    if not task.cancelled():
        task.result().close()
    # A socket that is left over would warn, and every warning ends a test.
    gc.collect()
