"""SOCKS proxies that the environment names, a real one on the loopback device before a real Hub."""

import gc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hfsvc.errors import HubUnavailable, InvalidSettings, ProxyRefused
from hfsvc.hub import proxies
from hfsvc.models import Event, Retried
from hfsvc.settings import Settings
from hfsvc.testing import LocalHub

from ..builders import REPO, MiB, everything, noise, of_kind, open_service
from .loopback import serve
from .socks_server import socks_server
from .test_tls_and_proxies import ask, failure, served_by

SETTINGS = Settings(transport="httpx", connect_timeout_s=5)


@pytest.fixture
def _library() -> None:
    pytest.importorskip("socksio", reason="socksio is not installed")


@pytest.mark.usefixtures("_library")
@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy", "HTTP_PROXY"])
async def test_a_download_goes_through_the_proxy(
    local_hub: LocalHub, root: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    local_hub.write(REPO, "large.parquet", noise(2 * MiB))
    async with socks_server() as socks:
        monkeypatch.setenv(variable, f"socks5://127.0.0.1:{socks.port}")
        async with open_service(local_hub, root, transport="httpx", trust_env=True) as service:
            dataset = await service.download(everything())
        assert dataset.total_bytes == 2 * MiB
        servers = {url.removeprefix("http://") for url in (local_hub.endpoint, local_hub.cdn_endpoint)}
        assert set(socks.asked) == servers


@pytest.mark.usefixtures("_library")
@pytest.mark.parametrize("kind", ["socks5", "socks5h"])
async def test_the_proxy_looks_names_up_and_tls_goes_through_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    authority: Any = pytest.importorskip("trustme", reason="trustme is not installed").CA()
    (tmp_path / "own.pem").write_bytes(authority.cert_pem.bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    names = {"hub.example": "127.0.0.1"}
    async with serve(served_by(authority, "hub.example")) as port, socks_server("me:geheim", names) as socks:
        monkeypatch.setenv("HTTPS_PROXY", f"{kind}://me:geheim@127.0.0.1:{socks.port}")
        assert await ask(SETTINGS, f"https://hub.example:{port}/x") == b"{}"
        assert socks.asked == [f"hub.example:{port}"]
        monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
        with pytest.raises(Exception, match=r"127\.0\.0\.1"):
            # Its certificate is another name's, but it was asked without the proxy.
            await ask(SETTINGS, f"https://127.0.0.1:{port}/x")
        assert len(socks.asked) == 1


@pytest.fixture
def _left_open() -> Iterator[None]:
    """httpcore leaves the connection to a proxy that refused to the collector, which warns of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.mark.usefixtures("_library", "_left_open")
@pytest.mark.parametrize("login", ["me:wrong@", ""])
async def test_a_login_that_is_not_taken_is_told_as_that_at_once(monkeypatch: pytest.MonkeyPatch, login: str) -> None:
    async with socks_server("me:geheim") as socks:
        monkeypatch.setenv("ALL_PROXY", f"socks5://{login}127.0.0.1:{socks.port}")
        error = await failure(SETTINGS, "https://hub.example/x")
        assert isinstance(error, ProxyRefused), repr(error)
        assert "wrong" not in str(error)
        assert socks.asked == []


@pytest.mark.usefixtures("_library", "_left_open")
async def test_what_the_proxy_cannot_reach_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(None) as port:
        pass
    async with socks_server() as socks:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{socks.port}")
        error = await failure(SETTINGS, f"http://127.0.0.1:{port}/x")
    assert isinstance(error, HubUnavailable)
    assert "which ALL_PROXY names, could not connect: Connection refused" in str(error)


async def test_without_the_library_it_is_told_before_anything_is_asked(
    root: Path, monkeypatch: pytest.MonkeyPatch, local_hub_factory: Callable[..., LocalHub]
) -> None:
    monkeypatch.setattr(proxies, "find_spec", lambda _: None)
    hub = local_hub_factory()
    hub.write(REPO, "a.parquet", b"a")
    events: list[Event] = []
    async with socks_server() as socks:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{socks.port}")
        async with open_service(hub, root, transport="httpx", trust_env=True) as service:
            with pytest.raises(InvalidSettings, match=r"ALL_PROXY.*httpx\[socks\]"):
                await service.download(everything(), on_event=events.append)
        assert socks.asked == []
    assert of_kind(events, Retried) == []
    assert hub.requests == ()
