"""Numbers, times, results and addresses as the pages write them."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from .servers import Served
from .watched import open_watched

ASK = "async ([file, name, given]) => (await import(`./static/${file}.js`))[name](...given)"


@pytest.fixture(scope="module")
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """One page for all: nothing here changes it."""
    context, page, watch = open_watched(browser, served.address)
    yield page
    context.close()
    watch.check()


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("duration", 0.34, "340 ms"),
        ("duration", 4.5, "4.5 s"),
        ("duration", 59.96, "1 min"),
        ("duration", 64, "1 min 4 s"),
        ("duration", 3600, "1 h"),
        ("duration", 7500, "2 h 5 min"),
        ("duration", 180_000, "2 d 2 h"),
        ("dollars", 0.0345, "$0.035"),
        ("dollars", 12.345, "$12.35"),
        ("dollars", 0, "$0.00"),
        ("bytes", 999, "999 B"),
        ("bytes", 110_000_000, "110 MB"),
        ("count", 1_700_000, "1,700,000"),
        ("moment", "2025-11-12T22:22:17.361875", "2025-11-12 22:22"),
        ("moment", None, ""),
    ],
)
def test_units(page: Page, name: str, given: Any, expected: str) -> None:
    assert page.evaluate(ASK, ["units", name, [given]]) == expected


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        ("1.0", "success"),
        ("0.5", "success"),
        ("True", "success"),
        ("0", "failure"),
        ("false", "failure"),
        ("AgentTimeoutError", "failure"),
        ("pass", "success"),
        ("Resolved", "success"),
        ("unresolved", "failure"),
        ("correct", "success"),
        ("incorrect", "failure"),
        ("N/A", None),
        ("completed", None),
        ("[]", None),
        ("nan", None),
        ("", None),
        (None, None),
    ],
)
def test_results_are_judged_as_the_server_does(page: Page, result: str | None, verdict: str | None) -> None:
    from hfsvc.trajectories.index.outcomes import passes

    assert page.evaluate(ASK, ["verdict", "verdictOf", [result]]) == verdict
    assert [each for each in ("success", "failure") if passes(result or None, each)] == [verdict][: verdict is not None]


@pytest.mark.parametrize(
    "address",
    [
        "#/",
        "#/acme%2Fnotes",
        "#/acme%2Fnotes/a%2F%25%3F%23/7?config=x+y&split=test&query=a%3Ab&agent=%22a+%22%22b%22%22%22&style=messages",
        "#/a/0?result=%221.0%22&episodes=last",
        "#/a?result=failure",
    ],
)
def test_an_address_is_written_as_it_was_read(page: Page, address: str) -> None:
    route = page.evaluate(ASK, ["route", "readRoute", [address]])
    assert page.evaluate(ASK, ["route", "writeRoute", [route]]) == address


def test_what_an_address_cannot_mean_is_left_out(page: Page) -> None:
    route = page.evaluate(ASK, ["route", "readRoute", ["#/a/0/0?result=good&style=x&episodes=%22last%22"]])
    assert (route["step"], route["result"], route["style"], route["episodes"]) == (None, "all", "structured", "all")
