"""The command ``doctor``."""

from hfsvc.testing import LocalHub

from .command import Command


def test_doctor_says_what_works(hfsvc: Command, hub: LocalHub) -> None:
    ended = hfsvc.succeeds("doctor")
    assert [line.split()[:2] for line in ended.out.splitlines()] == [
        ["ok", name] for name in ("root", "proxy", "token", "endpoint", "cdn")
    ]
    assert hub.bytes_sent() == 1


def test_doctor_says_what_does_not(hfsvc: Command, nowhere: str) -> None:
    ended = hfsvc("doctor", "--endpoint", nowhere)
    assert ended.code == 5
    assert "PROBLEM  endpoint" in ended.out
    assert "ok       root" in ended.out
