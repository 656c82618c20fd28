"""Lists that are longer than any element can be."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .servers import MANY, serving_many
from .watched import Open

SHOWN = """() => [...document.querySelectorAll("hf-rows .spacer .row:not(.waiting)")]
    .map((row) => [row, row.getBoundingClientRect(), document.querySelector("hf-rows .head").getBoundingClientRect()])
    .filter(([_, box, head]) => box.bottom > head.bottom + 1 && box.top < innerHeight)
    .map(([row]) => row)
    .map((row) => Number(row.querySelector(".nr").textContent)).sort((one, other) => one - other)"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with serving_many(tmp_path) as address:
        yield address


@pytest.fixture
def page(address: str, open_page: Open) -> Page:
    page = open_page(f"{address}#/openthoughts-sft")
    wait_for(page, 0)
    return page


def wait_for(page: Page, row: int) -> list[int]:
    """Wait until a row is seen; all that are seen."""
    page.wait_for_function(f"(row) => ({SHOWN})().includes(row)", arg=row)
    found: list[int] = page.evaluate(SHOWN)
    assert found == list(range(found[0], found[-1] + 1))
    return found


def scroll(page: Page, part: float) -> None:
    page.evaluate(
        "(part) => { const list = document.querySelector('hf-rows'); list.scrollTop = list.scrollHeight * part; }", part
    )


def test_the_last_row_is_reached_by_key_and_by_scrollbar(page: Page) -> None:
    page.locator("hf-rows").focus()
    page.keyboard.press("End")
    assert wait_for(page, MANY - 1)[-1] == MANY - 1
    page.keyboard.press("Home")
    assert wait_for(page, 0)[0] == 0
    scroll(page, 1)
    assert wait_for(page, MANY - 1)[-1] == MANY - 1
    scroll(page, 0)
    assert wait_for(page, 0)[0] == 0


def test_the_wheel_moves_by_rows_also_in_the_middle(page: Page) -> None:
    scroll(page, 0.5)
    page.wait_for_function(f"() => ({SHOWN})()[0] > {MANY // 3}")
    before = page.evaluate(SHOWN)[0]
    assert abs(before - MANY / 2) < MANY / 50
    page.locator("hf-rows").hover()
    page.mouse.wheel(0, 320)
    page.wait_for_function(f"(row) => ({SHOWN})()[0] === row", arg=before + 10)
    page.keyboard.press("j")
    expect(page.locator("hf-rows .row.active .nr")).to_have_text("1")


def test_little_of_it_exists_at_a_time(page: Page) -> None:
    for number in range(1, 40):
        scroll(page, number / 40)
        page.wait_for_function(f"(row) => ({SHOWN})()[0] > row", arg=MANY * (number - 1) // 40)
    assert page.locator("hf-rows .row").count() < 100
    assert page.locator("hf-rows").get_attribute("aria-rowcount") == str(MANY + 1)


def test_pages_that_were_looked_at_long_ago_are_forgotten(page: Page) -> None:
    here = page.evaluate(
        """async () => {
          const { RowCache } = await import("./static/row-cache.js");
          const rows = (offset) => Array.from({ length: 100 }, (_, index) => offset + index);
          let hear;
          const cache = new RowCache(async (offset) => ({ total: 1e6, items: rows(offset) }), () => hear());
          for (let number = 0; number < 80; number += 1) {
            const heard = new Promise((resolve) => (hear = resolve));
            cache.want(number * 100, number * 100 + 99);
            await heard;
          }
          return [...Array(80).keys()].filter((number) => cache.row(number * 100) !== undefined);
        }"""
    )
    assert here == list(range(20, 80))


def test_what_is_no_longer_looked_at_is_called_off(page: Page) -> None:
    page.route("**/api/trajectories?*", lambda _: None)  # never answered
    with page.expect_request("**/api/trajectories?*"):
        scroll(page, 0.5)
    with page.expect_event("requestfailed") as failed:
        scroll(page, 0.9)
    assert failed.value.failure == "net::ERR_ABORTED"
    page.unroute_all(behavior="ignoreErrors")
    scroll(page, 1)
    wait_for(page, MANY - 1)


GEOMETRY: list[dict[str, Any]] = [
    {"rows": rows, "view": view, "longest": longest}
    for rows, view, longest in [
        (10, 600, 8e6),
        (250_000, 600, 8e6),
        (250_001, 600, 8e6),
        (1_700_000, 600, 8e6),
        (10**8, 900, 8e6),
    ]
]


@pytest.mark.parametrize("shape", GEOMETRY)
def test_every_place_of_a_list_has_its_place_in_the_element(page: Page, shape: dict[str, Any]) -> None:
    found = page.evaluate(
        """async ({ rows, view, longest }) => {
          const { follow, geometry, toElement, toList } = await import("./static/scroll.js");
          const shape = geometry(rows * 32, view, longest);
          const tops = Array.from({ length: 1001 }, (_, index) => (shape.room * index) / 1000);
          const places = tops.map((top) => toList(top, shape));
          return {
            ends: [places[0], places.at(-1), shape.range],
            rising: places.every((place, index) => !index || place >= places[index - 1]),
            back: Math.max(...places.map((place, index) => Math.abs(toElement(place, shape) - tops[index]))),
            near: follow(shape.range / 2, 100, shape.room / 2 + 100, 2000, shape) - shape.range / 2,
            end: follow(shape.range / 2, 1, shape.room, 2000, shape) === shape.range,
          };
        }""",
        shape,
    )
    assert found["ends"][0] == 0
    assert found["ends"][1] == pytest.approx(found["ends"][2])
    assert found["rising"]
    assert found["back"] < 0.01
    assert found["near"] == pytest.approx(100) or shape["rows"] < 1000
    assert found["end"]
