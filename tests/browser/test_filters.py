"""Which rows are listed: parts of a dataset, values that are offered, what becomes of addresses."""

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from .rich import DOCUMENTS, PARTS, ROWS
from .servers import ALIAS, Served
from .watched import Open

Shoot = Callable[[Page, str], None]


def parts(served: Served, rest: str = "") -> str:
    return f"{served.address}#/{quote(PARTS, safe='')}{rest}"


def counted(page: Page) -> Locator:
    return page.locator("hf-list .count")


def test_values_are_offered_with_their_counts(served: Served, open_page: Open, shoot: Shoot) -> None:
    page = open_page(parts(served))
    expect(counted(page)).to_have_text("80 trajectories")
    agent = page.get_by_role("combobox", name="Agent")
    agent.click()
    options = page.get_by_role("listbox", name="Agent").get_by_role("option")
    expect(options).to_have_text(["terminus28", "terminus-228", "openhands24"])
    agent.press("ArrowDown")
    shoot(page, "filters")
    expect(options.first).to_have_attribute("aria-selected", "true")
    agent.press("Enter")
    expect(counted(page)).to_have_text("28 matches")
    assert "agent=%22terminus%22" in page.url
    page.reload()
    expect(counted(page)).to_have_text("28 matches")
    expect(agent).to_have_value('"terminus"')
    agent.fill("TERM")
    expect(counted(page)).to_have_text("56 matches")
    expect(options).to_have_text(["terminus28", "terminus-228"])
    agent.press("Escape")
    expect(options).to_have_count(0)
    expect(agent).to_be_focused()


def test_a_filter_that_no_row_has_a_value_for_is_not_offered(served: Served, open_page: Open) -> None:
    page = open_page(f"{served.address}#/{quote(DOCUMENTS, safe='')}")
    model = page.get_by_role("combobox", name="Model")
    expect(page.get_by_role("combobox", name="Agent")).to_be_visible()
    expect(model).to_be_hidden()
    page.goto(f"{served.address}#/{quote(DOCUMENTS, safe='')}?model=glm")
    expect(model).to_have_value("glm")
    page.goto(parts(served))
    expect(model).to_be_visible()


def test_values_are_those_of_the_rows_that_other_filters_keep(served: Served, open_page: Open) -> None:
    page = open_page(parts(served, "?config=web&split=test&agent=%22openhands%22"))
    expect(counted(page)).to_have_text("6 matches")
    page.get_by_role("combobox", name="Task").click()
    expect(page.get_by_role("listbox", name="Task").get_by_role("option")).to_have_count(6)
    page.get_by_role("combobox", name="Task").fill("no such task")
    expect(page.get_by_text("No such value")).to_be_visible()


def test_results_are_chosen_by_verdict_and_by_value(served: Served, open_page: Open) -> None:
    page = open_page(parts(served))
    result = page.get_by_label("Result")
    expect(result.locator("option")).to_have_text([
        "all",
        "succeeded (20)",
        "failed (40)",
        "0.0 (20)",
        "1.0 (20)",
        "AgentTimeoutError (20)",
    ])
    result.select_option("failed (40)")
    expect(counted(page)).to_have_text("40 matches")
    result.select_option("0.0 (20)")
    expect(counted(page)).to_have_text("20 matches")
    page.reload()
    expect(result).to_have_value('"0.0"')
    expect(page.locator("hf-rows .spacer .chip.failure").first).to_have_text("0.0")


def test_a_part_is_chosen_and_kept_in_the_address(served: Served, open_page: Open) -> None:
    page = open_page(parts(served))
    page.get_by_label("Configuration").select_option("web")
    expect(counted(page)).to_have_text(f"{2 * ROWS} trajectories")
    page.get_by_label("Split").select_option("test")
    expect(counted(page)).to_have_text(f"{ROWS} trajectories")
    fourth = page.locator("hf-rows .spacer .row").nth(3)
    expect(fourth).to_contain_text("web/test-03")
    fourth.click()
    title = page.get_by_role("heading", name="web/test-03", exact=True)
    expect(title).to_be_visible()
    page.reload()
    expect(title).to_be_visible()
    expect(page.get_by_label("Split")).to_have_value("test")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", name="web/test-04", exact=True)).to_be_visible()


def test_a_dataset_of_one_part_offers_none(served: Served, open_page: Open) -> None:
    page = open_page(f"{served.address}#/{ALIAS}")
    expect(page.get_by_role("combobox", name="Dataset").locator("option")).to_have_count(3)
    expect(page.get_by_label("Configuration")).to_be_hidden()
    expect(page.get_by_label("Split")).to_be_hidden()


def test_a_part_that_is_not_there_is_told(served: Served, open_page: Open) -> None:
    page = open_page(parts(served, "?split=nothing"), allowed=("404",))
    expect(page.get_by_role("heading", name="There is no such part")).to_be_visible()
    page.get_by_role("button", name="Show all parts").click()
    expect(counted(page)).to_have_text("80 trajectories")


def test_the_next_one_of_a_search_is_found_from_an_address(served: Served, open_page: Open) -> None:
    page = open_page(parts(served, "/42?agent=%22openhands%22"))
    expect(page.locator("hf-rows .row[aria-selected=true] .nr")).to_have_text("42")
    for key, row in (("n", 45), ("n", 48), ("p", 45), ("p", 42), ("p", 37)):
        page.keyboard.press(key)
        expect(page).to_have_url(re.compile(f"/{row}\\?commit=[-0-9a-f]+&agent"))
        expect(page.locator("hf-rows .row[aria-selected=true] .nr")).to_have_text(str(row))


def test_showing_all_keeps_the_focus_in_the_page(served: Served, open_page: Open) -> None:
    page = open_page(parts(served, "?query=web"))
    expect(counted(page)).to_have_text("40 matches")
    page.get_by_role("button", name="Show all").click()
    expect(counted(page)).to_have_text("80 trajectories")
    expect(page.get_by_role("searchbox", name="Search trajectories")).to_be_focused()


@pytest.mark.parametrize("width", [360, 1280])
def test_filters_fold_where_there_is_little_room(served: Served, open_page: Open, width: int) -> None:
    page = open_page(parts(served, "/3?agent=term" if width > 360 else "?agent=term"), size=(width, 740))
    agent = page.get_by_role("combobox", name="Agent")
    expect(agent).to_be_hidden()
    page.get_by_role("button", name="Filters (1)").click()
    expect(agent).to_be_visible()
    agent.click()
    expect(page.get_by_role("option", name="openhands")).to_be_hidden()
    expect(page.get_by_role("option", name="terminus-2")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
