"""Clients that callers pass in, and what patches httpx: whatever stands behind them, files come whole or the fault is named."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from dependency_injector import providers

from hfsvc.containers import open_container
from hfsvc.errors import HfsvcError, UnusableClient
from hfsvc.settings import Settings
from hfsvc.testing import LocalHub, plugin

from ..builders import REPO, everything, files_below
from .mock_hub import ENDPOINT, FILES, MockHub, as_asgi

Answer = Callable[[httpx.Request], httpx.Response]


def mocked(hub: Answer) -> httpx.AsyncBaseTransport:
    return httpx.MockTransport(hub)


def mocked_in_a_coroutine(hub: Answer) -> httpx.AsyncBaseTransport:
    async def answer(request: httpx.Request) -> httpx.Response:
        return hub(request)

    return httpx.MockTransport(answer)


def streamed(hub: Answer) -> httpx.AsyncBaseTransport:
    async def pieces(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 10_000):
            yield body[start : start + 10_000]

    def answer(request: httpx.Request) -> httpx.Response:
        whole = hub(request)
        return httpx.Response(whole.status_code, headers=whole.headers, content=pieces(whole.content))

    return httpx.MockTransport(answer)


class Recorded(httpx.AsyncBaseTransport):
    """Keeps each answer and plays it, as recorders do."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        await response.aread()
        return response


def recorded(hub: Answer) -> httpx.AsyncBaseTransport:
    return Recorded(streamed(hub))


def asgi(hub: MockHub) -> httpx.AsyncBaseTransport:
    return httpx.ASGITransport(as_asgi(hub))


def settings_of(root: Path) -> Settings:
    return Settings(root=root, endpoint=ENDPOINT, chunk_bytes=200_000, trust_env=False)


async def download(client: httpx.AsyncClient, root: Path) -> dict[str, bytes]:
    async with client, open_container(settings_of(root), http=providers.Object(client)) as container:
        await container.datasets().download(everything())
    return files_below(root / REPO)


async def failure(client: httpx.AsyncClient, root: Path) -> HfsvcError:
    with pytest.raises(HfsvcError) as caught:
        await download(client, root)
    return caught.value


@pytest.mark.parametrize("transport", [mocked, mocked_in_a_coroutine, streamed, recorded, asgi])
async def test_any_transport_brings_files(transport: Callable[[Any], httpx.AsyncBaseTransport], root: Path) -> None:
    assert await download(httpx.AsyncClient(transport=transport(MockHub())), root) == FILES


async def test_what_a_client_adds_of_its_own_changes_no_address(root: Path) -> None:
    client = httpx.AsyncClient(
        transport=mocked(MockHub()), params={"team": "a"}, base_url="https://elsewhere.test/v1", auth=("me", "secret")
    )
    assert await download(client, root) == FILES


async def read_all(response: httpx.Response) -> None:
    await response.aread()


async def raise_for_status(response: httpx.Response) -> None:
    response.raise_for_status()


async def read_and_raise(response: httpx.Response) -> None:
    await response.aread()
    response.raise_for_status()


@pytest.mark.parametrize("hook", [read_all, raise_for_status, read_and_raise])
@pytest.mark.parametrize("transport", [mocked, streamed])
async def test_hooks_may_read_bodies_and_raise_for_a_status(
    hook: Callable[[httpx.Response], Awaitable[None]],
    transport: Callable[[Any], httpx.AsyncBaseTransport],
    root: Path,
) -> None:
    # A redirect is a status to raise for, too.
    client = httpx.AsyncClient(transport=transport(MockHub()), event_hooks={"response": [hook]})
    assert await download(client, root) == FILES


# ---- errors of the programme -----------------------------------------------------------------------------------------


async def consume(response: httpx.Response) -> None:
    async for _ in response.aiter_raw():
        pass


async def close(response: httpx.Response) -> None:
    await response.aclose()


@pytest.mark.parametrize(("hook", "kind"), [(consume, "StreamConsumed"), (close, "StreamClosed")])
@pytest.mark.parametrize("status", [200, 206])
async def test_an_answer_that_somebody_else_took_is_told_at_once(
    hook: Callable[[httpx.Response], Awaitable[None]], kind: str, status: int, root: Path
) -> None:
    async def only_one_kind(response: httpx.Response) -> None:
        if response.status_code == status:
            await hook(response)

    hub = MockHub()
    client = httpx.AsyncClient(transport=streamed(hub), event_hooks={"response": [only_one_kind]})
    error = await failure(client, root)
    assert isinstance(error, UnusableClient)
    assert not error.retryable
    assert kind in str(error)
    # Nobody tried again; four ranges and the small file may have been under way together.
    assert len(hub.asked) <= (1 if status == 200 else 2 + 2 + 5)


async def test_a_closed_client_is_told_as_that(root: Path) -> None:
    hub = MockHub()
    client = httpx.AsyncClient(transport=mocked(hub))
    await client.aclose()
    async with open_container(settings_of(root), http=providers.Object(client)) as container:
        with pytest.raises(UnusableClient, match="closed"):
            await container.datasets().download(everything())
    assert hub.asked == []


async def test_a_header_that_cannot_be_sent_is_told_at_once(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    client = httpx.AsyncClient(headers={"x-team": "one\ntwo"}, trust_env=False)
    settings = Settings(root=root, endpoint=local_hub.endpoint, trust_env=False)
    async with client, open_container(settings, http=providers.Object(client)) as container:
        with pytest.raises(UnusableClient, match="header"):
            await container.datasets().download(everything())
    assert local_hub.count() == 0


async def test_an_error_of_the_transports_own_code_comes_out_as_itself(root: Path) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise LookupError("a mock forgot this route")

    with pytest.raises(LookupError, match="a mock forgot"):
        await download(httpx.AsyncClient(transport=mocked(fail)), root)


# ---- what patches httpx ----------------------------------------------------------------------------------------------


@pytest.fixture
def _by_the_plugin(_own_transport: None) -> None:
    """As in the test runs of others, where the plugin has its way."""
    plugin.pytest_configure()


async def download_by_default(root: Path) -> dict[str, bytes]:
    async with open_container(Settings(root=root, endpoint=ENDPOINT, chunk_bytes=200_000)) as container:
        await container.datasets().download(everything())
    return files_below(root / REPO)


@pytest.mark.usefixtures("_by_the_plugin")
async def test_plain_respx_answers_a_default_container(root: Path) -> None:
    hub = MockHub()
    with respx.mock:
        respx.route().mock(side_effect=hub)
        assert await download_by_default(root) == FILES
    assert hub.asked


@pytest.mark.usefixtures("_by_the_plugin")
@respx.mock
async def test_plain_respx_as_a_decorator_answers_a_default_container(root: Path) -> None:
    respx.get(url__startswith=ENDPOINT).mock(side_effect=MockHub())
    respx.get(url__startswith="https://cdn.test").mock(side_effect=MockHub())
    assert await download_by_default(root) == FILES


@pytest.mark.usefixtures("_by_the_plugin")
async def test_plain_respx_answers_behind_proxies_of_the_environment(
    root: Path, monkeypatch: pytest.MonkeyPatch, respx_mock: respx.MockRouter
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    respx_mock.route().mock(side_effect=MockHub())
    assert await download_by_default(root) == FILES


@pytest.mark.usefixtures("_by_the_plugin")
async def test_what_patches_the_client_itself_answers_a_default_container(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = MockHub()

    async def send(_: httpx.AsyncClient, request: httpx.Request, **__: Any) -> httpx.Response:
        response = hub(request)
        response.request = request
        return response

    monkeypatch.setattr(httpx.AsyncClient, "send", send)
    assert await download_by_default(root) == FILES


@pytest.mark.usefixtures("_by_the_plugin")
async def test_pytest_httpx_answers_a_default_container(root: Path, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("pytest_httpx", reason="pytest-httpx is not installed")
    httpx_mock = request.getfixturevalue("httpx_mock")
    httpx_mock.add_callback(MockHub(), is_reusable=True)
    assert await download_by_default(root) == FILES
