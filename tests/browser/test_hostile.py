"""Trajectories that mean harm: nothing in them runs, nothing in them passes for the page."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from .hostile import ANSI, IMAGE, LARGE_CHARACTERS, LONG_STEPS, SCRIPT
from .servers import HOSTILE, Served, ask
from .watched import Open

CONTROLS = "/[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff]|[\\u{e0000}-\\u{e007f}]/u"


def hostile(served: Served, rest: str = "") -> str:
    return f"{served.address}#/{quote(HOSTILE, safe='')}{rest}"


def check_harmless(page: Page) -> None:
    """No script of theirs ran, no element of theirs is there, no link leads out, no control is in the page."""
    assert page.evaluate("window.hurt ?? {}.hurt") is None
    assert page.locator("img, svg, base, iframe, object, embed, :is(main, dialog) :is(script, style)").count() == 0
    links = page.evaluate("[...document.querySelectorAll('a')].map((each) => each.getAttribute('href'))")
    assert all(link is None or link.startswith(("#", "api/")) for link in links)
    assert not page.evaluate(f"{CONTROLS}.test(document.documentElement.textContent)")
    assert page.evaluate("document.querySelectorAll('[onerror], [onload], [onclick]').length") == 0


def test_a_list_of_names(served_hostile: Served, open_page: Open) -> None:
    page = open_page(hostile(served_hostile))
    expect(page.locator("hf-rows .spacer .row .task").first).to_contain_text("<img src=x")
    check_harmless(page)
    heights = page.evaluate("[...document.querySelectorAll('.spacer .row')].map((row) => row.offsetHeight)")
    assert set(heights) == {32}


def test_values_that_are_offered(served_hostile: Served, open_page: Open) -> None:
    page = open_page(hostile(served_hostile))
    task = page.get_by_role("combobox", name="Task")
    for number in range(3):
        task.fill("")
        expect(page.locator("hf-list .count")).to_have_text("4 trajectories")
        task.click()
        options = page.get_by_role("listbox", name="Task").get_by_role("option")
        expect(options).to_have_count(3)
        check_harmless(page)
        options.nth(number).click()
        expect(page.locator("hf-list .count")).to_have_text("1 match")


@pytest.mark.parametrize("style", ["structured", "messages"])
def test_steps_full_of_tricks(served_hostile: Served, open_page: Open, style: str) -> None:
    page = open_page(hostile(served_hostile, f"/0?style={style}"))
    expect(page.locator("hf-trajectory h2")).to_contain_text("<img src=x onerror")
    page.get_by_role("button", name="About this trajectory").click()
    page.get_by_role("button", name="Expand all").click()
    expect(page.locator(".summary[aria-expanded=false]")).to_have_count(0)
    for more in page.locator("button.more[aria-expanded=false]").all():
        more.click()
    for raw in page.get_by_role("button", name=re.compile("^(JSON|Facts|Extra)$")).all():
        raw.click()
    expect(page.locator(".step").first).to_contain_text(SCRIPT)
    expect(page.locator(".mark", has_text="[U+202E]").first).to_be_visible()
    expect(page.locator(".step .text").first).to_contain_text("red ␛[2J")
    expect(page.locator(".step .text").first).not_to_contain_text("[31m")
    assert ANSI.startswith("\x1b[31m")
    check_harmless(page)


def test_keys_of_all_kinds(served_hostile: Served, open_page: Open) -> None:
    key = quote(f"{IMAGE}/%2F?#&'\"", safe="")
    page = open_page(hostile(served_hostile, f"/{key}"))
    expect(page).to_have_url(re.compile(r"acme%2Fhostile/0\?commit="))
    for rest in ("/javascript%3Aalert(1)", "/..%2F..%2Fetc", "/%E0%A4%A", "/9999999999999"):
        other = open_page(hostile(served_hostile, rest), allowed=("404", "400"))
        expect(other.get_by_role("alert")).to_be_visible()
        check_harmless(other)


def test_a_message_of_five_megabytes(served_hostile: Served, open_page: Open) -> None:
    page = open_page(hostile(served_hostile, "/1/1?style=messages"))
    step = page.locator(".step.linked")
    expect(step).to_be_visible()
    assert page.evaluate("document.documentElement.textContent.length") < 300_000
    more = step.get_by_role("button", name=f"Show all {LARGE_CHARACTERS:,} characters")
    more.click()
    expect(more).to_have_attribute("aria-expanded", "true")
    assert step.locator(".text").first.evaluate("(text) => text.textContent.length") == LARGE_CHARACTERS
    more.click()
    page.locator(".step").nth(1).locator(".more").click()
    expect(page.locator(".step").nth(1).locator(".segment").first).to_be_visible()
    check_harmless(page)


def test_seventeen_hundred_steps(served_hostile: Served, open_page: Open) -> None:
    page = open_page(hostile(served_hostile, f"/2/{LONG_STEPS - 100}?style=messages"))
    expect(page.locator(".step.linked .number")).to_have_text(str(LONG_STEPS - 100))
    expect(page.locator(".step.linked .summary")).to_be_in_viewport()
    head, bar = page.locator(".step.linked .summary").bounding_box(), page.locator("hf-step-bar").bounding_box()
    assert head
    assert bar
    assert 5 < head["y"] - (bar["y"] + bar["height"]) < 20
    assert page.locator(".step").count() < 400
    page.evaluate(f"location.hash = location.hash.replace('/{LONG_STEPS - 100}', '/{LONG_STEPS}')")
    expect(page.locator(".step.linked .number")).to_have_text(str(LONG_STEPS))
    expect(page.locator(".step.linked")).to_be_in_viewport()
    page.get_by_role("searchbox", name="Find in steps").fill("turn 1234 ")
    expect(page.locator(".found")).to_have_text(f"1 of {LONG_STEPS:,} steps")
    expect(page.locator(".step:visible")).to_have_count(1)
    check_harmless(page)


def test_a_report_of_it(served_hostile: Served, open_page: Open, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    assert ask(served_hostile, "show", "0", "--dataset", HOSTILE, "--html", str(file)).strip() == str(file)
    page = open_page(f"{file.as_uri()}#step-2")
    expect(page.locator(".step.linked")).to_contain_text("Tool call")
    page.keyboard.press("e")
    expect(page.locator(".summary[aria-expanded=false]")).to_have_count(0)
    expect(page.locator(".step").first).to_contain_text(SCRIPT)
    assert page.evaluate("window.hurt ?? {}.hurt") is None
    assert page.locator("img, svg, base, iframe, :is(main, dialog) :is(script, style)").count() == 0
