"""Who may come in, decided from a request's head."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.errors import InvalidSettings
from hfsvc.secret import Secret
from hfsvc.server.limits import ServerLimits
from hfsvc.server.middleware.access import (
    RequestHead,
    ServerAccess,
    check_origin,
    check_token,
    find_refusal,
    is_loopback,
    make_access,
    read_authority,
)

LIMITS = ServerLimits()


def head(**facts: Any) -> RequestHead:
    usual: dict[str, Any] = {
        "kind": "http",
        "method": "GET",
        "path": "/api/trajectories",
        "path_bytes": 20,
        "query_bytes": 0,
        "host": "localhost:8080",
        "origin": None,
        "authorization": None,
        "cookies": {},
        "preflight": False,
    }
    return RequestHead(**(usual | facts))


def verdict(access: ServerAccess | None = None, **facts: Any) -> str | None:
    refusal = find_refusal(head(**facts), access or ServerAccess(), LIMITS)
    return refusal and refusal.code


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "LOCALHOST", "127.0.0.1:1", "[::1]:8080", "192.168.1.7", "localhost."]
)
def test_addresses_and_localhost_are_no_strangers_names(host: str) -> None:
    assert verdict(host=host) is None


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "localhost.evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost:80:80",
        "localhost@evil.example",
        "localhost/evil",
        "localhost; localhost",
        "[::1",
        "2130706433.nip.io",
        "localhost:",
        " localhost",
    ],
)
def test_any_other_name_may_have_been_pointed_here(host: str | None) -> None:
    assert verdict(host=host) == "host_not_allowed"
    assert verdict(host=host, kind="websocket") == "host_not_allowed"


@given(st.text(max_size=40))
def test_no_text_is_taken_for_another_host(text: str) -> None:
    found = read_authority(text)
    assert found is None or text.lower().startswith(found.host)


def test_a_name_that_was_given_is_its_own() -> None:
    access = make_access(allow_hosts=["Box.lan"], allow_origins=["https://pages.example"])
    assert verdict(access, host="box.lan:8080") is None
    assert verdict(access, host="pages.example") is None
    assert verdict(access, host="other.lan") == "host_not_allowed"


CHANGES: list[dict[str, Any]] = [{"kind": "websocket"}, {"method": "POST"}, {"method": "DELETE"}, {"method": "PATCH"}]


@pytest.mark.parametrize("change", CHANGES)
def test_only_own_pages_and_programs_change_something(change: dict[str, Any]) -> None:
    assert verdict(**change) is None
    assert verdict(**change, origin="http://localhost:8080") is None
    for origin in ("http://localhost:8081", "http://localhost", "http://127.0.0.1:8080", "null", "", "https://evil"):
        assert verdict(**change, origin=origin) == "origin_not_allowed", origin


def test_a_page_behind_tls_is_an_own_one() -> None:
    access = make_access(allow_hosts=["box.lan"])
    assert verdict(access, method="POST", host="box.lan", origin="https://box.lan") is None
    assert verdict(access, method="POST", host="box.lan", origin="https://box.lan:444") == "origin_not_allowed"


@pytest.mark.parametrize("change", CHANGES)
def test_an_allowed_origin_may_do_what_own_pages_may(change: dict[str, Any]) -> None:
    access = make_access(allow_origins=["https://Pages.example/"])
    assert verdict(access, **change, origin="https://pages.example") is None
    assert verdict(access, **change, origin="http://pages.example") == "origin_not_allowed"


def test_reading_asks_for_no_origin() -> None:
    assert verdict(origin="https://evil.example") is None


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_strangers_may_link_here_and_nothing_else(site: str) -> None:
    access = make_access(allow_origins=["https://pages.example"])
    assert verdict(access, site=site) == "origin_not_allowed"
    assert verdict(access, site=site, method="POST") == "origin_not_allowed"
    assert verdict(access, site=site, navigates=True) is None
    assert verdict(access, site=site, navigates=True, method="POST") == "origin_not_allowed"
    assert verdict(access, site=site, origin="https://pages.example") is None
    for own in ("same-origin", "none", None):
        assert verdict(access, site=own) is None


def test_a_length_that_is_told_twice_is_refused() -> None:
    assert verdict(framed_twice=True) == "invalid_request"


@pytest.mark.parametrize("text", ["", " ", "\t\n", "gehe\nim", "geheim-ü", "\x7f"])
def test_what_no_header_carries_is_no_token(text: str) -> None:
    with pytest.raises(InvalidSettings):
        check_token(text)


def test_blanks_around_a_token_are_no_part_of_it() -> None:
    assert check_token(" gehe!m %\n") == Secret("gehe!m %")


TOKEN = Secret("geheim-ü")


def test_a_token_is_shown_as_bearer_or_by_its_cookie() -> None:
    access = ServerAccess(token=TOKEN)
    assert verdict(access) == "token_required"
    assert verdict(access, authorization="Bearer geheim-ü") is None
    assert verdict(access, authorization="bearer  geheim-ü") is None
    assert verdict(access, cookies={access.cookie_name: access.cookie_value}) is None
    for shown in ("geheim-ü", "Basic geheim-ü", "Bearer", "Bearer ", "Bearer geheim", "Bearer geheim-üü"):
        assert verdict(access, authorization=shown) == "token_required", shown
    for cookies in ({access.cookie_name: ""}, {access.cookie_name: "geheim-ü"}, {"other": access.cookie_value}):
        assert verdict(access, cookies=cookies) == "token_required"
    assert verdict(access, kind="websocket", path="/ws") == "token_required"


def test_where_no_token_is_asked_for_no_text_is_one() -> None:
    assert not ServerAccess().is_token("")


def test_cookies_tell_nothing_of_their_token_and_differ() -> None:
    one, other = ServerAccess(token=TOKEN), ServerAccess(token=Secret("another"))
    assert one.cookie_name != other.cookie_name
    assert one.cookie_value != other.cookie_value
    assert "geheim" not in one.cookie_value


@pytest.mark.parametrize("path", ["/", "/session", "/healthz", "/readyz", "/static/session.js"])
def test_what_holds_no_data_is_open(path: str) -> None:
    assert verdict(ServerAccess(token=TOKEN), path=path) is None
    assert verdict(ServerAccess(token=TOKEN), path=path, kind="websocket") == "token_required"


@pytest.mark.parametrize(
    "path", ["/metrics", "/api/openapi.json", "/static", "/static%2F", "/healthz/", "//healthz", ""]
)
def test_all_else_wants_the_token(path: str) -> None:
    assert verdict(ServerAccess(token=TOKEN), path=path) == "token_required"


def test_long_addresses_are_refused_first() -> None:
    assert verdict(query_bytes=LIMITS.query_bytes + 1, host="evil") == "address_too_long"
    assert verdict(path_bytes=LIMITS.path_bytes + 1) == "address_too_long"
    assert verdict(query_bytes=LIMITS.query_bytes, path_bytes=LIMITS.path_bytes) is None


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("HTTP://Localhost:3000/", "http://localhost:3000"),
        ("https://a.example:443", "https://a.example"),
        ("http://[::1]:1", "http://[::1]:1"),
    ],
)
def test_origins_are_written_as_browsers_send_them(text: str, origin: str) -> None:
    assert check_origin(text) == origin


@pytest.mark.parametrize("text", ["*", "null", "", "localhost", "ftp://a", "http://a/b", "http://a b", "http://u@a"])
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettings):
        make_access(allow_origins=[text])


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("127.9.9.9", True),
        ("0.0.0.0", False),
        ("::", False),
        ("box", False),
        ("", False),
    ],
)
def test_loopback_is_what_nobody_else_reaches(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
