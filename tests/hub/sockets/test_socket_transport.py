"""The transport over real sockets: servers that hang up, stall, dribble, answer early, and what is left afterwards."""

import asyncio
import multiprocessing
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest

from hfsvc.hub.sockets import incoming, pool
from hfsvc.hub.sockets.socket_transport import SocketTransport
from hfsvc.testing import LocalHub

from .scripted import ScriptedServer, Visit, scripted

trustme = pytest.importorskip("trustme", reason="trustme is not installed")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"
SHORT_S = 0.2
PATIENCE_S = 20
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@asynccontextmanager
async def open_client(
    tls: ssl.SSLContext = NOBODY, read_timeout_s: float = PATIENCE_S
) -> AsyncIterator[httpx.AsyncClient]:
    """A client over the transport; behind it no task, no socket and no timer is left."""
    before = asyncio.all_tasks()
    transport = SocketTransport(lambda: tls)
    timeout = httpx.Timeout(PATIENCE_S, read=read_timeout_s)
    async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=timeout) as client:
        yield client
    assert transport._pool._all == set()
    # Tasks that are not this client's are those of the server, which may have ended.
    assert {task for task in asyncio.all_tasks() - before if "sockets" in str(task.get_coro())} == set()


async def asked_once(visit: Visit, *pieces: bytes) -> None:
    await visit.asked()
    await visit.say(*pieces)


async def say_ok(visit: Visit) -> None:
    while True:
        await asked_once(visit, OK)


# ---- bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pieces",
    [
        [OK],
        [OK[:20], OK[20:-1], OK[-1:]],
        [bytes([each]) for each in OK],
        [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", OK],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1", b"\r\nk\r\n0\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\n\r\no", b"k"],
        [b"HTTP/1.0 200 OK\r\n\r\no", b"k"],
        [b"HTTP/1.0 200 OK\nContent-Length: 2\n\nok"],
    ],
    ids=range(8),
)
async def test_a_body_comes_however_it_is_framed(pieces: list[bytes]) -> None:
    async def answer(visit: Visit) -> None:
        await asked_once(visit, *pieces)

    async with scripted(answer) as server, open_client() as client:
        assert (await client.get(server.url())).content == b"ok"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_an_answer_without_a_body_leaves_the_connection_usable(method: str, status: int) -> None:
    async def answer(visit: Visit) -> None:
        while True:
            await asked_once(visit, b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status)

    async with scripted(answer) as server, open_client() as client:
        for _ in range(2):
            assert (await client.request(method, server.url())).content == b""
        assert server.visits == 1


async def test_a_body_is_read_in_large_blocks_that_nobody_writes_to_again() -> None:
    body = os.urandom(5 << 20)

    async def answer(visit: Visit) -> None:
        await asked_once(visit, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body)

    async with scripted(answer) as server, open_client() as client, client.stream("GET", server.url()) as response:
        kept = [block async for block in response.aiter_raw()]
    assert b"".join(kept) == body
    assert max(map(len, kept)) <= incoming.BLOCK_BYTES


async def test_what_has_come_is_handed_on_before_more_comes() -> None:
    async def answer(visit: Visit) -> None:
        await asked_once(visit, BEGUN)
        await visit.gone()

    async with scripted(answer) as server, open_client() as client, client.stream("GET", server.url()) as response:
        assert bytes(await anext(response.aiter_raw())) == b"abc"


async def test_who_does_not_read_is_not_sent_more_than_is_held() -> None:
    sent = 0

    async def answer(visit: Visit) -> None:
        nonlocal sent
        await asked_once(visit, b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await visit.say(bytes(1 << 20))
            sent += 1

    async with scripted(answer) as server, open_client() as client, client.stream("GET", server.url()) as response:
        blocks = aiter(response.aiter_raw())
        await anext(blocks)
        # Until nothing moves any more.
        seen = -1
        while seen != sent:
            seen = sent
            await asyncio.sleep(SHORT_S)
        assert sent < 40
        for _ in range(50):
            await anext(blocks)


# ---- what breaks -----------------------------------------------------------------------------------------------------


async def hang_up(visit: Visit) -> None:
    await visit.asked()


async def hang_up_in_the_head(visit: Visit) -> None:
    await asked_once(visit, BEGUN[:30])


async def hang_up_in_the_body(visit: Visit) -> None:
    await asked_once(visit, BEGUN)


async def say_nothing_more(visit: Visit) -> None:
    await asked_once(visit, BEGUN)
    visit.half_close()
    await visit.gone()


async def hang_up_in_a_chunk(visit: Visit) -> None:
    await asked_once(visit, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc")


async def talk_nonsense(visit: Visit) -> None:
    await asked_once(visit, b"\x16\x03\x01 nonsense\r\n\r\n")


async def send_an_endless_head(visit: Visit) -> None:
    await asked_once(visit, b"HTTP/1.1 200 OK\r\n")
    while True:
        await visit.say(b"X-More: " + b"x" * 1000 + b"\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        hang_up,
        hang_up_in_the_head,
        hang_up_in_the_body,
        say_nothing_more,
        hang_up_in_a_chunk,
        talk_nonsense,
        send_an_endless_head,
    ],
)
async def test_an_answer_that_ends_too_early_or_is_none_is_told_as_that(
    answer: Callable[[Visit], Awaitable[None]],
) -> None:
    async with scripted(answer) as server, open_client() as client:
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            await client.get(server.url())
        assert caught.value.request.url == server.url()


async def test_a_connection_that_is_reset_is_told_as_that() -> None:
    async def answer(visit: Visit) -> None:
        await asked_once(visit, BEGUN)
        visit.reset()

    async with scripted(answer) as server, open_client() as client:
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await client.get(server.url())


@pytest.mark.parametrize("said", [b"", BEGUN[:30], BEGUN, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"])
async def test_a_server_that_falls_silent_is_left_and_its_connection_closed(said: bytes) -> None:
    async def answer(visit: Visit) -> None:
        await asked_once(visit, said)
        await visit.gone()

    async with scripted(answer) as server, open_client(read_timeout_s=SHORT_S) as client:
        with anyio.fail_after(PATIENCE_S):
            with pytest.raises(httpx.ReadTimeout):
                await client.get(server.url())
            await server.ended.wait()


async def test_a_head_that_dribbles_has_an_end() -> None:
    async def answer(visit: Visit) -> None:
        await asked_once(visit, b"HTTP/1.1 200 OK\r\n")
        while True:
            await visit.say(b"X: y\r\n")
            await asyncio.sleep(SHORT_S / 4)

    async with scripted(answer) as server, open_client(read_timeout_s=SHORT_S) as client:
        with anyio.fail_after(PATIENCE_S), pytest.raises(httpx.ReadTimeout):
            await client.get(server.url())


async def test_a_body_that_dribbles_comes_whole() -> None:
    async def answer(visit: Visit) -> None:
        await asked_once(visit, b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n")
        for _ in range(12):
            await visit.say(b"x")
            await asyncio.sleep(SHORT_S / 4)

    async with scripted(answer) as server, open_client(read_timeout_s=SHORT_S) as client:
        assert (await client.get(server.url())).content == b"x" * 12


async def test_an_answer_before_the_request_is_sent_counts() -> None:
    async def answer(visit: Visit) -> None:
        await visit.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        await visit.gone()

    async with scripted(answer) as server, open_client() as client:
        response = await client.post(server.url(), content=bytes(1 << 20))
    assert (response.status_code, response.content) == (413, b"no")


# ---- connections that are kept ---------------------------------------------------------------------------------------


async def test_a_connection_is_used_again() -> None:
    async with scripted(say_ok) as server, open_client() as client:
        for _ in range(3):
            assert (await client.get(server.url())).content == b"ok"
        assert server.visits == 1


async def test_requests_at_once_have_connections_of_their_own() -> None:
    async with scripted(say_ok) as server, open_client() as client:
        async with client.stream("GET", server.url()), client.stream("GET", server.url()):
            pass
        found = await asyncio.gather(*(client.get(server.url()) for _ in range(3)))
        assert [each.content for each in found] == [b"ok"] * 3
        assert server.visits >= 2


async def test_an_answer_that_is_over_frees_its_connection_whoever_reads_it() -> None:
    async with scripted(say_ok) as server, open_client() as client, client.stream("GET", server.url()) as unread:
        assert (await client.get(server.url())).content == b"ok"
        assert await unread.aread() == b"ok"


@pytest.mark.parametrize(
    "last", [OK + b"HTTP/1.1 200 OK\r\n", OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), BEGUN]
)
async def test_a_connection_that_holds_more_or_less_than_its_answer_is_not_used_again(last: bytes) -> None:
    async def answer(visit: Visit) -> None:
        await asked_once(visit, last)
        await visit.gone()

    async with scripted(answer) as server, open_client() as client:
        for _ in range(2):
            async with client.stream("GET", server.url()) as response:
                await anext(response.aiter_raw())
        assert server.visits == 2


async def answer_once_then_hang_up(visit: Visit) -> None:
    await asked_once(visit, OK)
    if visit.number == 1:
        await visit.asked()
    else:
        await say_ok(visit)


async def test_a_request_over_a_connection_that_was_dead_is_sent_once_more() -> None:
    async with scripted(answer_once_then_hang_up) as server, open_client() as client:
        for _ in range(3):
            assert (await client.get(server.url())).content == b"ok"
        assert server.visits == 2


async def test_what_may_have_been_done_is_not_sent_once_more() -> None:
    async with scripted(answer_once_then_hang_up) as server, open_client() as client:
        assert (await client.post(server.url())).content == b"ok"
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(server.url())
        assert server.visits == 1


async def test_a_request_that_heard_something_is_not_sent_once_more() -> None:
    async def answer(visit: Visit) -> None:
        await asked_once(visit, OK)
        await asked_once(visit, b"HTTP/1.1 ")

    async with scripted(answer) as server, open_client() as client:
        assert (await client.get(server.url())).content == b"ok"
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(server.url())
        assert server.visits == 1


async def test_idle_connections_are_closed_after_a_while_and_when_there_are_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answer(visit: Visit) -> None:
        await asked_once(visit, OK)
        await visit.gone()

    monkeypatch.setattr(pool, "KEEP_S", 0.01)
    async with scripted(answer) as server, open_client() as client:
        await client.get(server.url())
        with anyio.fail_after(PATIENCE_S):
            await server.ended.wait()
    monkeypatch.setattr(pool, "KEEP_S", 60)
    monkeypatch.setattr(pool, "MOST_IDLE", 1)
    async with scripted(answer) as server, open_client() as client:
        await asyncio.gather(client.get(server.url()), client.get(server.url()))
        with anyio.fail_after(PATIENCE_S):
            await server.ended.wait()


# ---- cancellation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [b"", BEGUN[:30], BEGUN])
@pytest.mark.parametrize("native", [True, False])
async def test_cancelling_closes_the_socket(said: bytes, native: bool) -> None:
    heard = asyncio.Event()

    async def answer(visit: Visit) -> None:
        await asked_once(visit, said)
        heard.set()
        await visit.gone()

    async with scripted(answer) as server, open_client() as client:
        with anyio.fail_after(PATIENCE_S):
            if native:
                task = asyncio.create_task(client.get(server.url()))
                await heard.wait()
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled()
            else:
                async with anyio.create_task_group() as group:
                    group.start_soon(client.get, server.url())
                    await heard.wait()
                    group.cancel_scope.cancel()
            await server.ended.wait()


@pytest.mark.parametrize("turns", range(12))
async def test_cancelling_while_a_connection_comes_about_leaves_nothing(turns: int) -> None:
    async with scripted(say_ok) as server, open_client() as client:
        task = asyncio.create_task(client.get(server.url("localhost")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        # A socket that is left over would warn, and every warning ends a test.
        assert task.cancelled() or task.result().content == b"ok"
        assert (await client.get(server.url())).content == b"ok"


async def test_who_is_cancelled_with_the_answer_in_hand_leaves_the_connection_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scripted(say_ok) as server, open_client() as client:
        await client.get(server.url())
        for _ in range(20):
            first = asyncio.create_task(client.get(server.url()))
            second = asyncio.create_task(client.get(server.url()))
            await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
            first.cancel()
            assert (await second).content == b"ok"
            await asyncio.wait([first])


async def test_leaving_a_body_closes_the_socket() -> None:
    async def answer(visit: Visit) -> None:
        await asked_once(visit, BEGUN)
        await visit.gone()

    async with scripted(answer) as server, open_client() as client:
        async with client.stream("GET", server.url()):
            pass
        with anyio.fail_after(PATIENCE_S):
            await server.ended.wait()


async def test_closing_the_client_ends_what_runs() -> None:
    async def answer(visit: Visit) -> None:
        await asked_once(visit, BEGUN)
        await visit.gone()

    async with scripted(answer) as server:
        async with open_client() as client:
            request = client.build_request("GET", server.url())
            response = await client.send(request, stream=True)
        with anyio.fail_after(PATIENCE_S):
            await server.ended.wait()
        with pytest.raises(httpx.RemoteProtocolError):
            await response.aread()


# ---- addresses and certificates --------------------------------------------------------------------------------------


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_an_address_of_ipv6_stands_in_brackets() -> None:
    heard: list[bytes] = []

    async def answer(visit: Visit) -> None:
        heard.append(await visit.asked())
        await visit.say(OK)

    async with scripted(answer, host="::1") as server, open_client() as client:
        assert (await client.get(server.url("[::1]"))).content == b"ok"
    assert f"Host: [::1]:{server.port}".encode() in heard[0]


async def test_a_name_without_an_address_is_told_as_that() -> None:
    async with open_client() as client:
        with pytest.raises(httpx.ConnectError, match=r"Errno|known|No address"):
            await client.get("http://nowhere.invalid/")
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://{'x' * 70}.invalid/")


async def test_a_port_that_nobody_listens_on_is_told_as_that() -> None:
    async with scripted(say_ok) as server:
        pass
    async with open_client() as client:
        with pytest.raises(httpx.ConnectError, match="All connection attempts failed"):
            await client.get(server.url())


@pytest.mark.parametrize("url", ["ftp://h/x", "ws://h/x"])
async def test_another_protocol_is_refused(url: str) -> None:
    async with open_client() as client:
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get(url)


@pytest.fixture(scope="module")
def authority() -> Any:
    return trustme.CA()


def tls_of(authority: Any, *names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's context and the client's."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert(*names).configure_cert(server)
    authority.configure_trust(client)
    return server, client


@asynccontextmanager
async def by_tls(
    answer: Callable[[Visit], Awaitable[None]], authority: Any, *names: str
) -> AsyncIterator[tuple[ScriptedServer, httpx.AsyncClient]]:
    server_tls, client_tls = tls_of(authority, *names)
    async with scripted(answer, tls=server_tls) as server, open_client(client_tls) as client:
        yield server, client


async def test_bodies_come_by_tls_over_one_connection(authority: Any) -> None:
    body = os.urandom(3 << 20)

    async def answer(visit: Visit) -> None:
        while True:
            await asked_once(visit, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body)

    async with by_tls(answer, authority, "localhost") as (server, client):
        for _ in range(2):
            assert (await client.get(server.url("localhost", "https"))).content == body
        assert server.visits == 1


async def test_the_name_is_told_and_the_certificate_must_be_its(authority: Any) -> None:
    told: list[str | None] = []
    server_tls, client_tls = tls_of(authority, "127.0.0.1", "elsewhere.example")
    server_tls.sni_callback = lambda _, name, __: told.append(name)
    async with scripted(say_ok, tls=server_tls) as server, open_client(client_tls) as client:
        # An address is no name to tell, and is in the certificate.
        assert (await client.get(server.url("127.0.0.1", "https"))).content == b"ok"
        with pytest.raises(httpx.ConnectError, match="certificate verify failed") as caught:
            await client.get(server.url("localhost", "https"))
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert told == [None, "localhost"]


async def test_a_server_that_falls_silent_in_the_handshake_is_no_connection() -> None:
    async def answer(visit: Visit) -> None:
        await visit.gone()

    timeout = httpx.Timeout(PATIENCE_S, connect=SHORT_S)
    async with scripted(answer) as server, open_client() as client:
        with pytest.raises(httpx.ConnectTimeout):
            await client.get(server.url("localhost", "https"), timeout=timeout)
        with anyio.fail_after(PATIENCE_S):
            await server.ended.wait()


async def test_a_server_without_tls_is_no_connection() -> None:
    async def answer(visit: Visit) -> None:
        await visit.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with scripted(answer) as server, open_client() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(server.url("localhost", "https"))


async def test_leaving_a_body_by_tls_closes_the_socket(authority: Any) -> None:
    async def answer(visit: Visit) -> None:
        await asked_once(visit, BEGUN)
        await visit.gone()

    async with by_tls(answer, authority, "localhost") as (server, client):
        async with client.stream("GET", server.url("localhost", "https")) as response:
            assert bytes(await anext(response.aiter_raw())) == b"abc"
        with anyio.fail_after(PATIENCE_S):
            await server.ended.wait()


# ---- loops and processes ---------------------------------------------------------------------------------------------


async def ask(transport: SocketTransport, url: str) -> int:
    response = await transport.handle_async_request(httpx.Request("GET", url))
    await response.aread()
    return response.status_code


def in_child(transport: SocketTransport, url: str) -> None:
    assert asyncio.run(asked_and_closed(transport, url)) == 404


async def asked_and_closed(transport: SocketTransport, url: str) -> int:
    try:
        return await ask(transport, url)
    finally:
        await transport.aclose()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
async def test_a_forked_child_has_connections_of_its_own(local_hub: LocalHub) -> None:
    transport, url = SocketTransport(lambda: NOBODY), f"{local_hub.endpoint}/nothing"
    assert await ask(transport, url) == 404
    child = multiprocessing.get_context("fork").Process(target=in_child, args=(transport, url))
    child.start()
    await asyncio.to_thread(child.join)
    assert child.exitcode == 0
    # What the child did not use is as it was.
    assert [await ask(transport, url), local_hub.connections("hub")] == [404, 1]
    await transport.aclose()


def test_one_loop_after_the_other_may_use_it(local_hub: LocalHub) -> None:
    transport, url = SocketTransport(lambda: NOBODY), f"{local_hub.endpoint}/nothing"
    for _ in range(2):
        assert asyncio.run(asked_and_closed(transport, url)) == 404


def test_another_event_loop_of_asyncio_will_do(local_hub: LocalHub) -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        transport, url = SocketTransport(lambda: NOBODY), f"{local_hub.endpoint}/nothing"
        assert runner.run(asked_and_closed(transport, url)) == 404
