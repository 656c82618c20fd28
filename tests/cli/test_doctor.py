"""The command ``doctor``."""

import fcntl

import pytest

from hfsvc.testing import LocalHub

from .command import Command


def test_doctor_says_what_works(hfsvc: Command, hub: LocalHub) -> None:
    ended = hfsvc.succeeds("doctor")
    assert [line.split()[:2] for line in ended.out.splitlines()] == [
        ["ok", name] for name in ("root", "proxy", "ca", "token", "endpoint", "cdn")
    ]
    assert hub.bytes_sent() == 1


@pytest.mark.usefixtures("short_waits")
def test_doctor_says_what_does_not(hfsvc: Command, nowhere: str) -> None:
    ended = hfsvc("doctor", "--endpoint", nowhere)
    assert ended.code == 5
    assert "PROBLEM  endpoint" in ended.out
    assert "ok       root" in ended.out


def test_doctor_tells_of_a_disk_on_which_locks_do_not_exclude(hfsvc: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    ended = hfsvc("doctor")
    assert ended.code == 7
    assert "PROBLEM  locks" in ended.out
    assert "HFSVC_LOCKS=lease" in ended.out


def test_doctor_shows_which_proxy_holds_for_the_hub_and_for_its_cdn(
    hfsvc: Command, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = hub.cdn_endpoint.rpartition(":")[2]
    monkeypatch.setenv("HTTP_PROXY", f"http://me:geheim@127.0.0.1:{port}")
    monkeypatch.setenv("NO_PROXY", hub.endpoint.partition("://")[2])
    ended = hfsvc("doctor")
    assert f"to {hub.endpoint}: none, by '127.0.0.1" in ended.out
    assert f"http://127.0.0.1:{port} (HTTP_PROXY)" in ended.out
    assert "geheim" not in ended.out


def test_doctor_names_the_variable_that_cannot_be_used(hfsvc: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://[::1")
    monkeypatch.setenv("CURL_CA_BUNDLE", "/missing.pem")
    ended = hfsvc("doctor")
    assert ended.code == 2
    lines = [line.split()[:2] for line in ended.out.splitlines()]
    assert ["PROBLEM", "proxy"] in lines
    assert ["PROBLEM", "ca"] in lines
    assert "HTTP_PROXY" in ended.out
    assert "CURL_CA_BUNDLE" in ended.out
