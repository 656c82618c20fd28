"""The log of a job's events, and how they are written."""

from datetime import UTC, datetime

from hfsvc.models import Retried
from hfsvc.server.jobs import EventLog
from hfsvc.server.schemas import encode_event


def test_progress_replaces_progress() -> None:
    log = EventLog(10)
    log.add("planned", b"1")
    for number in range(5):
        log.add("bytesReceived", b"%d" % number, replaces=True)
    log.add("fileVerified", b"f")
    log.add("bytesReceived", b"9", replaces=True)
    assert [(each.number, each.name) for each in log.since(0)] == [
        (1, "planned"),
        (6, "bytesReceived"),
        (7, "fileVerified"),
        (8, "bytesReceived"),
    ]


def test_it_keeps_so_many_and_the_newest() -> None:
    log = EventLog(3)
    for number in range(10):
        log.add("retried", b"%d" % number)
    assert [each.number for each in log.since(0)] == [8, 9, 10]
    assert [each.number for each in log.since(9)] == [10]
    assert not log.since(10)


def test_events_are_one_line_whatever_they_hold() -> None:
    event = Retried(path="a\nid: 9\r\n\u2028", reason="x\n\ny", attempt=1, wait_s=0, at=datetime.now(UTC))
    assert b"\n" not in encode_event(event, None)
    assert b"\r" not in encode_event(event, None)
