"""What logs show of addresses and tokens, how long an answer may take, and what of httpx a bare client leaves out."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest
import respx

from hfsvc.aio.throttle import Throttle
from hfsvc.errors import HubUnavailable
from hfsvc.hub.connection_per_request import ConnectionPerRequest
from hfsvc.hub.errors import RequestContext
from hfsvc.hub.proxies import Proxy
from hfsvc.hub.session import HubRequest, HubSession
from hfsvc.hub.sockets.socket_transport import SocketTransport
from hfsvc.hub.transport import BareClient, RoutedTransport, make_client, redact
from hfsvc.metrics import Counters
from hfsvc.settings import Settings

ENDLESS_S = 60.0
SHORT_S = 0.5
QUEUE_AT_MOST = 8


@asynccontextmanager
async def session_for(port: int, transport: str, **timeouts: float) -> AsyncIterator[HubSession]:
    endless = {"connect_timeout_s": ENDLESS_S, "api_timeout_s": ENDLESS_S, "stall_timeout_s": ENDLESS_S}
    settings = Settings(
        root=Path("unused"),
        endpoint=f"http://127.0.0.1:{port}",
        transport=transport,  # type: ignore[arg-type]  # a parameter of the tests
        trust_env=False,
        **(endless | timeouts),  # type: ignore[arg-type]  # all floats
    )
    async with make_client(settings) as http:
        yield HubSession(lambda: http, settings, metrics=Counters(), throttle=Throttle(None))


@contextmanager
def busy_port() -> Iterator[int]:
    """A port whose queue is full, so that no further connection comes about."""
    with ExitStack() as stack:
        busy = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(QUEUE_AT_MOST):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(SHORT_S)
            try:
                waiting.connect(busy.getsockname())
            except TimeoutError:
                break
        else:
            pytest.skip("this machine's network takes every connection")
        yield busy.getsockname()[1]


async def failure(session: HubSession, *, content: bool) -> HubUnavailable:
    with pytest.raises(HubUnavailable) as caught:
        await session.send(HubRequest(f"{session.endpoint}/x", RequestContext("a/b"), token=None, content=content))
    return caught.value


@pytest.mark.parametrize("transport", ["httpx", "auto"])
@pytest.mark.parametrize(("content", "timeout"), [(False, "api_timeout_s"), (True, "stall_timeout_s")])
async def test_a_head_that_never_comes_is_a_stall_by_the_timeout_of_its_kind(
    transport: str, content: bool, timeout: str
) -> None:
    # The kernel takes the connection, and nobody ever looks at it.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with session_for(silent.getsockname()[1], transport, **{timeout: SHORT_S}) as session:
            error = await failure(session, content=content)
    assert error.stalled
    assert error.reason == "no answer in time"


@pytest.mark.parametrize("transport", ["httpx", "auto"])
async def test_a_connection_that_never_comes_is_told_as_that(transport: str) -> None:
    with busy_port() as port:
        async with session_for(port, transport, connect_timeout_s=SHORT_S) as session:
            error = await failure(session, content=True)
    assert not error.stalled
    assert error.reason == "no connection in time"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://h/x?Signature=geheim", "GET https://h/x?…"),
        ("GET https://h/x?name=UTF-8''a.parquet&Signature=geheim done", "GET https://h/x?… done"),
        ('GET https://h/it\'s?Signature=geheim "HTTP/1.1 206"', 'GET https://h/it\'s?… "HTTP/1.1 206"'),
        ('[(b"location", b"https://h/it\'s?Signature=geheim")]', '[(b"location", b"https://h/it\'s?…'),
        ("Authorization: Bearer hf_geheim", "Authorization: Bearer …"),
        ("a token hf_geheim", "a token hf_…"),
        ("no address? and no token", "no address? and no token"),
    ],
)
def test_queries_and_tokens_are_cut(text: str, shown: str) -> None:
    assert redact(text) == shown


# ---- bare ------------------------------------------------------------------------------------------------------------


def moved(request: httpx.Request) -> httpx.Response:
    return httpx.Response(302, headers={"location": "https://h/next", "set-cookie": "a=b"}, request=request)


async def send_bare(client: httpx.AsyncClient) -> httpx.Response:
    request = client.build_request("GET", "https://h/x")
    return await client.send(request, stream=True, auth=None, follow_redirects=False)


async def test_a_bare_request_takes_no_cookies_and_prepares_no_redirect() -> None:
    async with BareClient(httpx.MockTransport(moved)) as client:
        response = await send_bare(client)
        assert (response.status_code, response.next_request) == (302, None)
        assert response.request.url == "https://h/x"
        assert not client.cookies


async def test_a_request_that_asks_for_more_gets_it() -> None:
    async with BareClient(httpx.MockTransport(moved)) as client:
        response = await client.get("https://h/x")
        assert response.next_request is not None
        assert client.cookies["a"] == "b"


async def test_who_listens_to_httpx_hears_of_bare_requests_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="httpx")
    async with BareClient(httpx.MockTransport(moved)) as client:
        await send_bare(client)
    assert "https://h/x" in caplog.text


async def test_hooks_hear_of_bare_requests_too() -> None:
    heard: list[httpx.Request] = []

    async def hear(request: httpx.Request) -> None:
        heard.append(request)

    async with BareClient(httpx.MockTransport(moved)) as client:
        client.event_hooks = {"request": [hear]}
        await send_bare(client)
    assert [str(request.url) for request in heard] == ["https://h/x"]


async def test_a_closed_client_sends_nothing() -> None:
    client = BareClient(httpx.MockTransport(moved))
    await client.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        await send_bare(client)


async def test_what_patches_httpx_answers_for_its_transport(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.get("https://h/x").respond(204)
    async with make_client(Settings(transport="httpx", trust_env=False)) as client:
        response = await send_bare(client)
    assert (response.status_code, route.call_count) == (204, 1)


# ---- which transport serves ------------------------------------------------------------------------------------------


def served_by(client: httpx.AsyncClient) -> list[type]:
    """The transports that a client would use without a proxy, or behind one."""
    transport = client._transport
    if not isinstance(transport, RoutedTransport):
        return [type(transport)]
    proxy = Proxy("http://proxy.example:3128", "http_proxy")
    return [type(transport._open_transport(each)) for each in (None, proxy)]


async def test_sockets_of_our_own_serve_and_behind_a_proxy_httpx_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert served_by(make_client(Settings())) == [SocketTransport]
    assert served_by(make_client(Settings(transport="httpx"))) == [ConnectionPerRequest]
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert served_by(make_client(Settings())) == [SocketTransport, ConnectionPerRequest]


def test_on_trio_httpx_serves() -> None:
    trio = pytest.importorskip("trio", reason="trio is not installed")

    async def made() -> list[type]:
        return served_by(make_client(Settings()))

    assert trio.run(made) == [ConnectionPerRequest]


async def test_a_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 403 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server, make_client(Settings(transport="httpx")) as client:
        request = client.build_request("GET", "http://hub.example/x")
        response = await client.send(request, stream=True, auth=None, follow_redirects=False)
        await response.aclose()
    assert asked == [b"GET http://hub.example/x HTTP/1.1\r\n"]
