"""A trajectory in all its detail: what was delegated, what is looked for, how one gets about."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from .rich import DOCUMENTS
from .servers import ALIAS, Served, ask
from .watched import Open

MARKED = "() => CSS.highlights.get('found').size"


@pytest.fixture(params=["page", "report"])
def page(request: pytest.FixtureRequest, served: Served, open_page: Open, tmp_path: Path) -> Page:
    """The document with subagents, on the server's page and as a file."""
    address = f"{served.address}#/{quote(DOCUMENTS, safe='')}/0"
    if request.param == "report":
        file = tmp_path / "report.html"
        ask(served, "show", "0", "--dataset", DOCUMENTS, "--html", str(file))
        address = file.as_uri()
    page = open_page(address)
    # A short one is opened with its steps.
    expect(page.locator(".summary[aria-expanded=true]")).to_have_count(3)
    page.keyboard.press("c")
    expect(page.locator(".summary[aria-expanded=true]")).to_have_count(0)
    return page


def test_what_was_delegated_is_shown_as_steps(page: Page) -> None:
    page.get_by_role("button", name="2 Agent").click()
    outer = page.locator(".step").nth(1)
    outer.get_by_role("button", name="Subagent searcher · 2 steps").click()
    outer.get_by_role("button", name="2 Agent Found the needle").click()
    expect(outer.locator(".step .text").last).to_have_text("Found the needle in b.py.")
    expect(outer.get_by_text("which is not part of this document")).to_be_visible()
    expect(outer.get_by_text("elsewhere.json")).to_be_visible()
    page.get_by_role("button", name="About this trajectory").click()
    expect(page.get_by_role("heading", name="1 subagent trajectory")).to_be_visible()


def test_a_part_of_a_step_is_copied(served: Served, open_page: Open) -> None:
    address = f"{served.address}#/{quote(DOCUMENTS, safe='')}/0/2"
    page = open_page(address, permissions=["clipboard-read", "clipboard-write"])
    step = page.locator(".step.linked")
    expect(step.locator("section")).to_contain_text(["I ask.", "Tool call", "It is in b.py."])
    step.get_by_role("button", name="Copy Observation").click()
    expect(step.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "It is in b.py."


def test_a_call_says_what_it_is_called_for_and_steps_are_told_from_messages(served: Served, open_page: Open) -> None:
    page = open_page(f"{served.address}#/{ALIAS}/1")
    expect(page.locator(".chip.tool").first).to_have_text(re.compile("^bash_command: [a-z]"))
    expect(page.locator(".summary[aria-expanded=true]")).to_have_count(0)
    page.get_by_role("button", name="Close").click()
    page.get_by_role("row").filter(has_text="inferredbugs").nth(2).click()
    expect(page.locator(".marks")).to_contain_text(re.compile(r"\d+ steps of \d+ messages"))


def test_images_are_named_and_not_loaded(page: Page) -> None:
    page.get_by_role("button", name="1 User").click()
    expect(page.locator(".media")).to_have_text("imagehttp://elsewhere.invalid/shot.pngimage/png")
    expect(page.locator("img")).to_have_count(0)


def test_times_and_totals_are_told(page: Page) -> None:
    expect(page.locator(".marks")).to_contain_text("2 min")
    expect(page.get_by_role("button", name="3 Agent")).to_contain_text("12,345 in+1 min")
    expect(page).to_have_title("delegate · acme/documents" if page.url.startswith("file:") else "delegate · hfsvc")


def test_what_is_looked_for_is_marked(page: Page) -> None:
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Find in steps")).to_be_focused()
    page.keyboard.type("ERROR is")
    expect(page.locator(".found")).to_have_text("1 of 3 steps")
    expect(page.locator(".preview mark:visible")).to_have_text("error is")
    page.keyboard.press("Enter")
    third = page.get_by_role("button", name="3 Agent")
    expect(third).to_be_focused()
    expect(third).to_have_attribute("aria-expanded", "true")
    assert page.evaluate(MARKED) == 1
    page.get_by_role("searchbox", name="Find in steps").fill("message")
    expect(page.locator(".found")).to_have_text("0 of 3 steps")


def test_closed_steps_are_there_for_the_browsers_own_search(page: Page) -> None:
    body = page.locator(".step .body").nth(1)
    expect(body).to_have_attribute("hidden", "until-found")
    expect(body).to_contain_text("It is in b.py.")
    body.dispatch_event("beforematch")
    expect(page.get_by_role("button", name="2 Agent")).to_have_attribute("aria-expanded", "true")


def test_a_step_is_reached_by_its_number(page: Page) -> None:
    page.keyboard.press("g")
    expect(page.get_by_role("spinbutton", name="Go to step")).to_be_focused()
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    expect(page.locator(".step.linked .number")).to_have_text("3")
    expect(page.get_by_role("button", name="3 Agent")).to_be_focused()
    assert page.url.partition("?")[0].endswith(("/0/3", "#step-3"))


def test_all_steps_are_seen_at_a_glance(page: Page) -> None:
    strip = page.locator("hf-step-strip")
    colours = strip.locator("span").evaluate_all("(all) => all.map((each) => each.className)")
    assert colours == ["user", "agent", "agent"]
    strip.click(position={"x": strip.evaluate("(strip) => strip.offsetWidth / 2"), "y": 3})
    expect(page.locator(".step.linked .number")).to_have_text("2")


def test_paper_has_all_of_it(page: Page) -> None:
    page.keyboard.press("e")
    expect(page.locator(".summary[aria-expanded=false]")).to_have_count(0)
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollHeight") > page.evaluate("innerHeight") / 2
    expect(page.locator("hf-step-bar")).to_be_hidden()
    assert page.locator("hf-trajectory").evaluate("(view) => view.scrollHeight - view.clientHeight") <= 1


def test_an_error_is_one_in_an_answer(page: Page) -> None:
    page.get_by_role("button", name="Errors").click()
    expect(page.locator(".found")).to_have_text("0 of 3 steps")


def test_the_way_back_from_a_row_that_is_not_there(served: Served, open_page: Open) -> None:
    page = open_page(f"{served.address}#/{ALIAS}/250", allowed=("404",), size=(800, 600))
    expect(page.get_by_role("alert")).to_contain_text("no trajectory for row 250")
    page.get_by_role("link", name="Show the list").click()
    expect(page.get_by_text("250 trajectories")).to_be_visible()


def test_the_focus_goes_with_the_page(served: Served, open_page: Open) -> None:
    page = open_page(f"{served.address}#/{ALIAS}")
    expect(page.get_by_text("250 trajectories")).to_be_visible()
    page.get_by_role("link", name="Datasets").click()
    expect(page.get_by_role("heading", name="Datasets")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.get_by_role("button", name="Skip to content").press("Enter")
    expect(page.get_by_role("heading", name="Datasets")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("heading", name=f"Trajectories of {ALIAS}")).to_be_focused()
