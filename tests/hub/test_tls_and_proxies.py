"""The way to real servers: certificates of an authority made on the spot, and real proxies, over every transport."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hfsvc.aio.throttle import Throttle
from hfsvc.errors import CertificateRefused, HubUnavailable, InvalidSettings, ProxyRefused, TryLater
from hfsvc.hub.errors import RequestContext
from hfsvc.hub.session import HubSession
from hfsvc.hub.transport import make_client
from hfsvc.metrics import Counters
from hfsvc.models import Event, Retried
from hfsvc.settings import Settings
from hfsvc.testing import LocalHub

from ..builders import REPO, everything, of_kind, open_service
from .loopback import proxy as running_proxy
from .loopback import serve

trustme = pytest.importorskip("trustme", reason="trustme is not installed")


@pytest.fixture(params=["httpx", "auto"])
def settings(request: pytest.FixtureRequest) -> Settings:
    return Settings(transport=request.param, connect_timeout_s=5)


@pytest.fixture(scope="module")
def authority() -> Any:
    return trustme.CA()


def served_by(authority: Any, name: str = "localhost", **facts: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, **facts).configure_cert(context)
    return context


async def ask(settings: Settings, url: str) -> bytes:
    async with make_client(settings) as http:
        session = HubSession(lambda: http, settings, metrics=Counters(), throttle=Throttle(None))
        answer = await session.call(url, RequestContext("a/b"), token=None)
    return bytes(answer.body)


async def failure(settings: Settings, url: str) -> TryLater:
    with pytest.raises(TryLater) as caught:
        await ask(settings, url)
    return caught.value


# ---- certificates ----------------------------------------------------------------------------------------------------


def as_it_is(pem: bytes) -> bytes:
    return pem


def in_der(pem: bytes) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.decode())


def beside_others(pem: bytes) -> bytes:
    other: bytes = trustme.CA().cert_pem.bytes()
    return b"# The company's own\r\n" + other + b"\n" + pem


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("form", [as_it_is, in_der, beside_others], ids=["pem", "der", "several"])
async def test_an_authority_that_the_environment_names_is_trusted(
    authority: Any,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    form: Callable[[bytes], bytes],
) -> None:
    file = tmp_path / "authority"
    file.write_bytes(form(authority.cert_pem.bytes()))
    monkeypatch.setenv(variable, f" {file} ")
    async with serve(served_by(authority)) as port:
        assert await ask(settings, f"https://localhost:{port}/x") == b"{}"


@pytest.mark.parametrize("variable", ["SSL_CERT_DIR", "SSL_CERT_FILE"])
async def test_a_folder_of_authorities_is_read_whatever_its_files_are_called(
    authority: Any, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    (tmp_path / "company.crt").write_bytes(authority.cert_pem.bytes())
    (tmp_path / "README").write_text("not a certificate")
    monkeypatch.setenv(variable, str(tmp_path))
    async with serve(served_by(authority)) as port:
        assert await ask(settings, f"https://localhost:{port}/x") == b"{}"


async def test_openssls_variable_comes_first(
    authority: Any, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.pem").write_bytes(authority.cert_pem.bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    async with serve(served_by(authority)) as port:
        assert await ask(settings, f"https://localhost:{port}/x") == b"{}"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR"])
@pytest.mark.parametrize(
    "content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n"]
)
async def test_what_holds_no_certificate_is_refused_by_its_variable(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "authority").write_bytes(content)
    monkeypatch.setenv(variable, str(tmp_path / "authority"))
    with pytest.raises(InvalidSettings) as caught:
        await ask(settings, "https://localhost:1/x")
    assert caught.value.setting == variable
    assert str(tmp_path / "authority") in str(caught.value)


async def test_an_empty_folder_is_refused(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with pytest.raises(InvalidSettings, match="holds no certificate"):
        await ask(settings, "https://localhost:1/x")


async def test_where_nothing_is_asked_by_tls_no_certificate_is_looked_for(
    local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/authority.pem")
    local_hub.write("a/b", "a.parquet", b"")
    assert b"a/b" in await ask(Settings(), f"{local_hub.endpoint}/api/datasets/a/b")


async def test_a_trusted_certificate_block_is_read(
    authority: Any, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The auxiliary part may be missing: openssl x509 -trustout writes such blocks.
    pem = authority.cert_pem.bytes().replace(b" CERTIFICATE", b" TRUSTED CERTIFICATE")
    (tmp_path / "trusted.pem").write_bytes(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    async with serve(served_by(authority)) as port:
        assert await ask(settings, f"https://localhost:{port}/x") == b"{}"


async def test_an_unknown_authority_is_told_as_that_at_once(authority: Any, settings: Settings) -> None:
    async with serve(served_by(authority)) as port:
        error = await failure(settings, f"https://localhost:{port}/x")
    assert isinstance(error, CertificateRefused)
    assert error.host == f"localhost:{port}"
    assert "is not trusted" in str(error)
    assert "SSL_CERT_FILE" in str(error)


async def test_a_cdn_whose_certificate_is_unknown_ends_a_download_at_once(
    authority: Any, settings: Settings, root: Path, local_hub_factory: Callable[..., LocalHub]
) -> None:
    events: list[Event] = []
    async with serve(served_by(authority)) as port:
        hub = local_hub_factory(cdn_url=f"https://localhost:{port}")
        hub.write(REPO, "a.parquet", b"a" * 1000)
        async with open_service(hub, root, transport=settings.transport, trust_env=True) as service:
            with pytest.raises(CertificateRefused, match=f"localhost:{port}"):
                await service.download(everything(), on_event=events.append)
    assert of_kind(events, Retried) == []


async def test_another_name_and_another_time_are_told_as_that(
    authority: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.pem").write_bytes(authority.cert_pem.bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    httpx_only = Settings(transport="httpx")
    async with serve(served_by(authority, "elsewhere.example")) as port:
        error = await failure(httpx_only, f"https://localhost:{port}/x")
    assert "another server's" in str(error)
    assert "set SSL_CERT_FILE" not in str(error)
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    async with serve(served_by(authority, not_after=long_ago)) as port:
        assert "out of date" in str(await failure(httpx_only, f"https://localhost:{port}/x"))


# ---- proxies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("form", [" http://127.0.0.1:{} ", "127.0.0.1:{}", "http://me:geheim@127.0.0.1:{}"])
async def test_a_tunnel_leads_through_the_proxy_that_is_named(
    authority: Any,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    form: str,
) -> None:
    (tmp_path / "own.pem").write_bytes(authority.cert_pem.bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    async with serve(served_by(authority)) as port, running_proxy("me:geheim" if "geheim" in form else None) as proxy:
        monkeypatch.setenv(variable, form.format(proxy.port))
        assert await ask(settings, f"https://localhost:{port}/x") == b"{}"
        assert proxy.asked == [f"CONNECT localhost:{port} HTTP/1.1"]


@pytest.mark.parametrize("exempt", ["*", "127.0.0.0/8", "[::1], 127.0.0.1", "127.0.0.1:{}", "a.b ,127.0.0.1 "])
async def test_no_proxy_holds_for_every_transport(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, exempt: str
) -> None:
    async with serve(None) as port, running_proxy() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", exempt.format(port))
        assert await ask(settings, f"http://127.0.0.1:{port}/x") == b"{}"
        assert proxy.asked == []
        monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
        assert await ask(settings, f"http://127.0.0.1:{port}/x") == b"{}"
        assert proxy.asked == [f"GET http://127.0.0.1:{port}/x HTTP/1.1"]


async def test_a_proxy_that_wants_a_login_is_told_as_that_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_proxy("me:geheim") as proxy:
        monkeypatch.setenv("http_proxy", f"http://me:wrong@127.0.0.1:{proxy.port}")
        error = await failure(settings, "http://hub.example/x")
        assert isinstance(error, ProxyRefused)
        assert len(proxy.asked) == 1
    assert "407" in str(error)
    assert "wrong" not in str(error)


async def test_a_tunnel_that_is_refused_is_told_as_that_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_proxy("me:geheim") as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        error = await failure(Settings(transport="httpx"), "https://hub.example/x")
        assert len(proxy.asked) == 1
    assert isinstance(error, ProxyRefused)
    assert error.status == 407


async def test_a_proxy_that_is_not_there_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(None) as port:
        pass
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:geheim@127.0.0.1:{port}")
    error = await failure(settings, "https://hub.example/x")
    assert isinstance(error, HubUnavailable)
    assert f"127.0.0.1:{port}, which HTTPS_PROXY names" in str(error)
    assert "geheim" not in str(error)


async def test_a_variable_that_cannot_be_understood_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://[::1")
    with pytest.raises(InvalidSettings, match="HTTPS_PROXY"):
        await ask(settings, "https://hub.example/x")


async def test_trust_env_leaves_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://[::1")
    monkeypatch.setenv("SSL_CERT_FILE", "/missing")
    async with serve(None) as port:
        assert await ask(Settings(trust_env=False), f"http://127.0.0.1:{port}/x") == b"{}"
