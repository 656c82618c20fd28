"""A dataset that is brought up to date beneath open pages: nothing of one commit is shown beside another, and that is said."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect

from hfsvc.testing import LocalHub
from hfsvc.testing.samples import rows_table, sample_rows

from .servers import Served, ask, serving
from .watched import Open

MOVING = "acme/moving"
ROWS = 250
CONFLICT = "409"


def write(folder: Path, rows: list[dict[str, Any]]) -> None:
    file = folder / MOVING / "data" / "train.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows_table(rows), file)


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[tuple[Served, Callable[[], None]]]:
    """A server, and what brings its dataset to a commit where other rows stand before those of before."""
    folder = tmp_path / "hub"
    write(folder, sample_rows(ROWS))
    root = tmp_path / "served"
    root.mkdir()
    with LocalHub(folder) as hub, serving(root, hub.endpoint) as server:
        ask(server, "download", MOVING)

        def move() -> None:
            write(folder, sample_rows(ROWS, first=1000))
            ask(server, "download", MOVING)

        yield server, move


def task(page: Page, row: int) -> Any:
    return page.locator("hf-rows .row").filter(has_text=re.compile(f"^{row}task_")).locator(".task")


def open_list(server: Served, open_page: Open, rest: str = "") -> Page:
    page = open_page(f"{server.address}#/acme%2Fmoving{rest}", allowed=(CONFLICT,))
    expect(page.get_by_text(f"{ROWS} trajectories")).to_be_visible()
    return page


def test_a_row_of_a_list_that_is_old_is_not_another_row(
    moving: tuple[Served, Callable[[], None]], open_page: Open
) -> None:
    server, move = moving
    page = open_list(server, open_page)
    expect(task(page, 3)).to_have_text("task_3")
    move()
    task(page, 3).click()
    expect(page.get_by_role("heading", name="This dataset has changed")).to_be_visible()
    expect(page.get_by_text("the list was read anew")).to_be_visible()
    expect(task(page, 3)).to_have_text("task_1003")
    page.get_by_role("button", name="Open 3 as it is now").click()
    expect(page.locator("hf-trajectory h2")).to_have_text("task_1003")
    expect(task(page, 3)).to_have_text("task_1003")
    page.reload()
    expect(page.locator("hf-trajectory h2")).to_have_text("task_1003")


def test_a_list_that_is_scrolled_is_of_one_commit(moving: tuple[Served, Callable[[], None]], open_page: Open) -> None:
    server, move = moving
    page = open_list(server, open_page, "/5")
    expect(page.locator("hf-trajectory h2")).to_have_text("task_5")
    move()
    page.locator("hf-rows").evaluate("(rows) => rows.scrollTo({top: 200 * 32})")
    expect(page.get_by_text("the list was read anew")).to_be_visible()
    expect(page.get_by_role("heading", name="This dataset has changed")).to_be_visible()
    expect(page.get_by_text("task_5", exact=True)).to_have_count(0)
    page.get_by_role("link", name="Show the list").click()
    expect(task(page, 0)).to_have_text("task_1000")


def test_an_address_of_a_row_names_its_commit(moving: tuple[Served, Callable[[], None]], open_page: Open) -> None:
    server, move = moving
    page = open_list(server, open_page, "/task_7")
    expect(page).to_have_url(re.compile(r"/7\?commit=[0-9a-f]{12}-[0-9a-f]{6}$"))
    address = page.url
    move()
    other = open_page(address, allowed=(CONFLICT,))
    expect(other.get_by_role("heading", name="This dataset has changed")).to_be_visible()
    expect(other.get_by_text("what was 7 may be another row now")).to_be_visible()
    other.get_by_role("button", name="Open 7 as it is now").click()
    expect(other.locator("hf-trajectory h2")).to_have_text("task_1007")
    expect(other.get_by_text("the list was read anew")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="This dataset has changed")).to_be_visible()
