"""Which proxy holds for an address, however people write it down; and what is wrong with a variable, by its name."""

from importlib import util

import pytest

from hfsvc.errors import InvalidSettings
from hfsvc.hub import proxies
from hfsvc.hub.proxies import ProxySettings

HUB = "https://hub.example/api"


def shown(env: dict[str, str], url: str = HUB) -> str | None:
    found = ProxySettings(env).holding_for(url)
    return found.shown if found else None


@pytest.mark.parametrize(
    ("env", "url", "found"),
    [
        ({"HTTPS_PROXY": "http://p:3128"}, HUB, "http://p:3128 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "http://p:3128"}, "http://hub.example", None),
        ({"https_proxy": "http://a", "HTTPS_PROXY": "http://b"}, HUB, "http://a (https_proxy)"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://b"}, HUB, None),
        ({"ALL_PROXY": "http://p"}, HUB, "http://p (ALL_PROXY)"),
        ({"ALL_PROXY": "http://a", "HTTPS_PROXY": "http://b"}, HUB, "http://b (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "  http://p:3128\n"}, HUB, "http://p:3128 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "p:3128"}, HUB, "http://p:3128 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "http://[::1]:3128/"}, HUB, "http://[::1]:3128 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "http://me:geheim@p:3128"}, HUB, "http://p:3128 (HTTPS_PROXY)"),
        ({"HTTP_PROXY": "http://p", "REQUEST_METHOD": "GET"}, "http://hub.example", None),
        ({"http_proxy": "http://p", "REQUEST_METHOD": "GET"}, "http://hub.example", "http://p (http_proxy)"),
        ({"HTTPS_PROXY": "   "}, HUB, None),
        ({}, HUB, None),
    ],
)
def test_the_variable_of_the_scheme_holds(env: dict[str, str], url: str, found: str | None) -> None:
    assert shown(env, url) == found


@pytest.mark.parametrize(
    ("entries", "url"),
    [
        ("*", HUB),
        (" * ", HUB),
        ("other.example, *", HUB),
        ("hub.example", HUB),
        ("HUB.example.", HUB),
        ("example", HUB),
        (".example", HUB),
        ("*.example", HUB),
        ("a.b,  hub.example ,c", HUB),
        ("a.b hub.example", HUB),
        ("hub.example:443", HUB),
        ("hub.example:8443", "https://hub.example:8443/x"),
        ("https://hub.example", HUB),
        ("127.0.0.1", "https://127.0.0.1:8080"),
        ("10.0.0.0/8", "https://10.20.30.40"),
        ("10.1.2.3/8", "https://10.20.30.40"),
        ("192.168.*", "https://192.168.7.1"),
        ("::1", "https://[::1]:8080"),
        ("[::1]", "https://[::1]:8080"),
        ("[::1]:8080", "https://[::1]:8080"),
        ("0:0:0:0:0:0:0:1", "https://[::1]"),
        ("fd00::/8", "https://[fd12::7]"),
        ("[fd00::]/8", "https://[fd12::7]"),
        ("<local>", "https://hub/x"),
    ],
)
def test_what_no_proxy_means_is_asked_directly(entries: str, url: str) -> None:
    assert shown({"ALL_PROXY": "http://p", "NO_PROXY": entries}, url) is None


@pytest.mark.parametrize(
    ("entries", "url"),
    [
        ("", HUB),
        ("hub.example", "https://nothub.example"),
        ("ub.example", HUB),
        ("hub.example:8443", HUB),
        ("http://hub.example", HUB),
        ("10.0.0.0/8", "https://11.0.0.1"),
        ("10.0.0.0/8", HUB),
        ("fd00::/8", "https://10.0.0.1"),
        ("[::1]:8080", "https://[::1]:8081"),
        ("1", "https://10.0.0.1"),
        ("<local>", HUB),
        (".", HUB),
    ],
)
def test_what_no_proxy_does_not_mean_goes_through_the_proxy(entries: str, url: str) -> None:
    assert shown({"ALL_PROXY": "http://p", "NO_PROXY": entries}, url) == "http://p (ALL_PROXY)"


@pytest.mark.parametrize(
    ("env", "variable", "words"),
    [
        ({"HTTPS_PROXY": "http://"}, "HTTPS_PROXY", "no address"),
        ({"HTTPS_PROXY": "http://:3128"}, "HTTPS_PROXY", "no address"),
        ({"https_proxy": "http://[::1"}, "https_proxy", "no address"),
        ({"HTTPS_PROXY": "http://me:geheim@p:99999"}, "HTTPS_PROXY", "no address"),
        ({"ALL_PROXY": "http://p q:80"}, "ALL_PROXY", "no address"),
        ({"ALL_PROXY": "socks4://p"}, "ALL_PROXY", "socks4 is no kind"),
        ({"ALL_PROXY": "ftp://p"}, "ALL_PROXY", "ftp is no kind"),
        ({"ALL_PROXY": "http://p", "no_proxy": "10.0.0.0/99"}, "no_proxy", "10.0.0.0/99"),
        ({"ALL_PROXY": "http://p", "NO_PROXY": "hub.example:x"}, "NO_PROXY", "hub.example:x"),
        ({"ALL_PROXY": "http://p", "NO_PROXY": "[::g]"}, "NO_PROXY", "::g"),
    ],
)
def test_what_cannot_be_understood_is_told_by_its_variable(env: dict[str, str], variable: str, words: str) -> None:
    with pytest.raises(InvalidSettings, match=words) as caught:
        shown(env)
    assert caught.value.setting == variable
    assert "geheim" not in str(caught.value)


def test_what_no_request_needs_is_left_alone() -> None:
    env = {"ALL_PROXY": "socks://desktop", "HTTPS_PROXY": "http://p"}
    assert shown(env) == "http://p (HTTPS_PROXY)"
    assert shown({"ALL_PROXY": "socks://desktop", "NO_PROXY": "*"}) is None
    assert shown({"NO_PROXY": "10.0.0.0/99"}) is None


def test_socks_without_its_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies, "find_spec", lambda name: None if name == "socksio" else util.find_spec(name))
    with pytest.raises(InvalidSettings, match=r"httpx\[socks\]"):
        shown({"ALL_PROXY": "socks5://p:1080"})


def test_the_systems_proxies_hold_where_the_environment_names_none() -> None:
    system = {"https": "http://desk:1"}
    found = ProxySettings({}, system=system).holding_for(HUB)
    assert found
    assert found.shown == "http://desk:1 (the system's proxy)"
