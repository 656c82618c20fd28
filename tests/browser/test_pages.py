"""The pages over a real server, as a person uses them."""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hfsvc.testing import LocalHub

from .servers import ALIAS, REPO, Served, serving
from .watched import Open

ROWS = 250
Shoot = Callable[[Page, str], None]


def list_of(served: Served, rest: str = "") -> str:
    return f"{served.address}#/{ALIAS}{rest}"


def rows(page: Page) -> list[str]:
    return page.locator("hf-rows .spacer .row:not(.waiting) .nr").all_inner_texts()


def test_from_the_datasets_to_a_step(served: Served, open_page: Open, shoot: Shoot) -> None:
    page = open_page(served.address)
    line = page.get_by_role("row").filter(has=page.get_by_role("link", name=ALIAS, exact=True))
    expect(line).to_contain_text("on disk")
    shoot(page, "datasets")
    line.get_by_role("link").click()
    expect(page.get_by_text(f"{ROWS} trajectories")).to_be_visible()
    expect(page.get_by_role("gridcell", name="terminus-2").first).to_be_visible()
    shoot(page, "list")
    page.get_by_role("row").filter(has_text="inferredbugs").nth(2).click()
    expect(page).to_have_url(re.compile(r"#/openthoughts-sft/\d+\?commit="))
    page.get_by_role("button", name=re.compile("^2 Agent")).click()
    shown = page.locator(".step").nth(1)
    expect(shown).to_contain_text("Tool call bash_command")
    expect(shown).to_contain_text("Observation")
    expect(shown.get_by_text("keystrokes")).to_be_visible()
    shoot(page, "trajectory")


def test_what_is_searched_and_filtered_is_all_rows(served: Served, open_page: Open) -> None:
    page = open_page(list_of(served))
    page.get_by_role("searchbox", name="Search trajectories").fill("task_ model:glm")
    expect(page.locator("hf-browser .count")).to_contain_text("matches")
    tasks = page.locator("hf-rows .spacer .task a")
    expect(tasks.first).to_have_text(re.compile("^task_"))
    page.get_by_label("Agent", exact=True).fill("nobody")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    assert "agent=nobody" in page.url
    assert page.evaluate("history.length") <= 2
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_text(f"{ROWS} trajectories")).to_be_visible()
    page.get_by_label("Result").select_option("success")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Result")).to_have_value("success")
    expect(page.get_by_text("Nothing matches")).to_be_visible()


def test_an_address_of_a_step_survives_a_reload(served: Served, open_page: Open) -> None:
    page = open_page(list_of(served, "/7/3"))
    for _ in range(2):
        step = page.locator(".step.linked")
        expect(step).to_contain_text("3")
        expect(step.get_by_role("button", expanded=True).first).to_be_focused()
        expect(page.locator("hf-rows .row[aria-selected=true] .nr")).to_have_text("7")
        page.reload()
    page.evaluate("location.hash = '#/openthoughts-sft/7/1'")
    expect(page.locator(".step.linked .number")).to_have_text("1")
    page.go_back()
    expect(page.locator(".step.linked .number")).to_have_text("3")


def test_a_name_leads_to_its_row(served: Served, open_page: Open) -> None:
    page = open_page(list_of(served, "/task_0"))
    expect(page.get_by_role("heading", name="task_0", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"#/openthoughts-sft/\d+\?commit="))


def test_without_a_mouse(served: Served, open_page: Open) -> None:
    page = open_page(list_of(served))
    expect(page.locator("hf-rows .spacer .row").first).to_contain_text("terminus-2")
    for key in ("j", "j", "k", "Enter"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile(r"/1\?commit="))
    expect(page.locator("hf-trajectory h2")).to_be_focused()
    second = page.locator(".step").nth(1)
    expect(second).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(second.get_by_role("button").first).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("e")
    expect(page.locator(".summary[aria-expanded=false]")).to_have_count(0)
    page.keyboard.press("c")
    expect(page.locator(".summary[aria-expanded=true]")).to_have_count(0)
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile(r"/2\?commit="))
    expect(page.locator("hf-trajectory h2")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(f"#/{ALIAS}$"))
    expect(page.locator("hf-rows")).to_be_focused()
    page.keyboard.press("/")
    search = page.get_by_role("searchbox", name="Search trajectories")
    expect(search).to_be_focused()
    page.keyboard.press("Escape")
    expect(search).not_to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_what_is_shown_of_the_steps(served: Served, open_page: Open) -> None:
    page = open_page(list_of(served, "/0"))
    shown = page.locator(".step:visible")
    expect(shown.first).to_be_visible()
    page.get_by_role("button", name="Tool calls").click()
    found = page.locator(".found")
    expect(found).to_have_text(re.compile(r"^\d+ of \d+ steps$"))
    kept, total = map(int, re.findall(r"\d+", found.inner_text()))
    assert 0 < kept < total
    expect(shown).to_have_count(kept)
    page.get_by_role("button", name="All", exact=True).click()
    expect(shown).to_have_count(total)
    page.get_by_role("searchbox", name="Find in steps").fill("no step says that")
    expect(shown).to_have_count(0)


def test_copies_and_the_document_behind_it(served: Served, open_page: Open) -> None:
    page = open_page(list_of(served, "/4/2"), permissions=["clipboard-read", "clipboard-write"])
    step = page.locator(".step.linked")
    step.get_by_role("button", name="Copy JSON").click()
    expect(step.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText().then(JSON.parse)")["step_id"] == 2
    step.get_by_role("button", name="JSON", exact=True).click()
    expect(step.locator(".disclosed:visible")).to_contain_text('"step_id": 2')
    step.get_by_role("link", name="Copy link").click()
    expect(step.get_by_role("link", name="Copied")).to_be_visible()
    page.wait_for_function("navigator.clipboard.readText().then((text) => /.4.2.commit=[-0-9a-f]+$/.test(text))")
    address = page.get_by_role("link", name="Raw JSON").get_attribute("href")
    assert address is not None
    document = page.request.get(served.address + address).json()
    assert document["schema_version"] == "ATIF-v1.7"
    page.get_by_label("Style").select_option("messages")
    expect(page).to_have_url(re.compile("style=messages"))
    expect(page.get_by_role("heading", name=document["extra"]["task"])).to_be_visible()


@pytest.mark.parametrize("rest", ["", "/3/2"])
def test_on_a_phone(served: Served, open_page: Open, shoot: Shoot, rest: str) -> None:
    page = open_page(list_of(served, rest), size=(390, 780), dark=True, has_touch=True)
    expect(page.locator(".step.linked" if rest else "hf-rows .spacer .row").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("hf-rows").is_visible() is not bool(rest)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 29)"
    if rest:
        shoot(page, "phone")


def test_light_and_dark_are_kept(served: Served, open_page: Open) -> None:
    page = open_page(served.address, dark=True)
    page.get_by_role("button", name="Light or dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_a_download_is_watched_verified_and_deleted(hub: LocalHub, open_page: Open, tmp_path: Path) -> None:
    with serving(tmp_path, hub.endpoint) as server:
        page = open_page(f"{server.address}#/{ALIAS}", allowed=("404",))
        expect(page.get_by_text("This dataset is not on disk")).to_be_visible()
        page.get_by_role("link", name="Go to datasets").click()
        page.get_by_role("button", name=f"Download {ALIAS}", exact=True).click()
        line = page.locator(f'tr[data-repo="{REPO}"]')
        expect(line).to_contain_text("on disk")
        page.get_by_role("button", name=f"Verify {ALIAS}", exact=True).click()
        expect(line).to_contain_text("1 file checked, none damaged")
        (file,) = tmp_path.glob(f"{REPO}/**/*.parquet")
        file.write_bytes(file.read_bytes()[:-1] + b"?")
        page.get_by_role("button", name=f"Verify {ALIAS}", exact=True).click()
        expect(line).to_contain_text("1 file damaged")
        page.get_by_role("button", name=f"Repair {ALIAS}", exact=True).click()
        expect(line).to_contain_text("1 file repaired")
        page.get_by_label("Download a dataset").fill("acme/nothing")
        page.get_by_role("button", name="Download", exact=True).click()
        expect(page.locator('tr[data-repo="acme/nothing"]')).to_contain_text("acme/nothing")
        expect(page.locator('tr[data-repo="acme/nothing"] .problem')).to_be_visible()
        expect(page.locator("tr[data-repo]").first).to_contain_text("acme/nothing")
        expect(page.get_by_label("Download a dataset")).to_have_value("")
        failed = page.locator('tr[data-repo="acme/nothing"]')
        expect(failed).to_contain_text("There is no such dataset on the Hub, or it is private.")
        failed.get_by_role("button", name="Details").click()
        expect(failed).to_contain_text("acme/nothing")
        failed.get_by_role("button", name="Dismiss acme/nothing").click()
        expect(failed).to_have_count(0)
        page.reload()
        expect(line).to_contain_text(f"{ROWS}")
        expect(failed).to_have_count(0)
        page.get_by_role("button", name=f"Delete {ALIAS}", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(line).to_contain_text("not here")


def test_a_slow_download_is_followed_and_cancelled(hub_folder: Path, open_page: Open, tmp_path: Path) -> None:
    with LocalHub(hub_folder, bytes_per_s=200_000) as slow, serving(tmp_path, slow.endpoint) as server:
        page = open_page(server.address)
        page.get_by_role("button", name=f"Download {ALIAS}", exact=True).click()
        expect(page.get_by_role("progressbar")).to_be_visible()
        expect(page.locator(".progress")).to_contain_text(re.compile(r"[1-9]\d* % · .+ of 3\.\d MB"))
        page.reload()
        expect(page.locator(".progress")).to_contain_text("%")
        page.get_by_role("button", name=f"Cancel {ALIAS}", exact=True).click()
        expect(page.get_by_text("Download cancelled")).to_be_visible()


def test_a_token_in_the_address_is_used_once_and_gone(hub: LocalHub, open_page: Open, tmp_path: Path) -> None:
    with serving(tmp_path, hub.endpoint, HFSVC_SERVER_TOKEN="a token+%") as server:
        page = open_page(f"{server.address}#token=a%20token%2B%25")
        expect(page.get_by_role("heading", name="Datasets")).to_be_visible()
        assert "token" not in page.url
        assert page.evaluate("document.cookie") == ""
        page.reload()
        expect(page.get_by_role("heading", name="Datasets")).to_be_visible()
        stranger = open_page(f"{server.address}#token=wrong", allowed=("401",))
        expect(stranger.get_by_role("heading", name="asks for its token")).to_be_visible()
        assert "token=" not in stranger.url
        expect(stranger.get_by_label("Token")).to_be_focused()
        stranger.get_by_label("Token").fill("a token+%")
        stranger.get_by_role("button", name="Come in").click()
        expect(stranger.get_by_role("heading", name="Datasets")).to_be_visible()


@pytest.mark.skipif(sys.platform != "linux", reason="browsers are opened in other ways elsewhere")
def test_the_address_that_a_browser_is_opened_with_lets_it_in_once(
    hub: LocalHub, open_page: Open, tmp_path: Path
) -> None:
    opened = tmp_path / "opened"
    os.mkfifo(opened)
    browser = tmp_path / "xdg-open"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}"\n')
    browser.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    with serving(tmp_path, hub.endpoint, "--open", PATH=path, HFSVC_SERVER_TOKEN="geheim"):
        address = opened.read_text()
        assert "geheim" not in address
        page = open_page(address)
        expect(page.get_by_role("heading", name="Datasets")).to_be_visible()
        assert "code" not in page.url
        page.reload()
        expect(page.get_by_role("heading", name="Datasets")).to_be_visible()
        stranger = open_page(address, allowed=("401",))
        expect(stranger.get_by_role("heading", name="asks for its token")).to_be_visible()


def test_files_that_are_no_parquet_are_downloaded_and_read_in_a_layout(
    hub_folder: Path, open_page: Open, tmp_path: Path
) -> None:
    odd = tmp_path / "hub" / "acme" / "odd"
    odd.mkdir(parents=True)
    (odd / "rows.txt").write_text("no rows")
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    (odd / "log.jsonl").write_text(json.dumps({"who": "me", "messages": said}) + "\n")
    root = tmp_path / "served"
    root.mkdir()
    with LocalHub(tmp_path / "hub") as hub, serving(root, hub.endpoint) as server:
        page = open_page(server.address, allowed=("422", "404", "409"))
        expect(page.get_by_role("table")).to_be_visible()
        page.get_by_label("Download a dataset").fill("acme/odd")
        page.get_by_label("Files").fill("*.jsonl *.json")
        page.get_by_role("button", name="Download", exact=True).click()
        line = page.locator('tr[data-repo="acme/odd"]')
        expect(line.locator("td").nth(1)).to_have_text("1", timeout=20_000)
        page.goto(f"{server.address}#/acme%2Fodd?layout=harbor")
        page.reload()
        expect(page.get_by_role("alert")).to_be_visible()
        page.get_by_label("Layout").select_option("openai")
        expect(page.get_by_text("1 trajectory", exact=True)).to_be_visible()


def test_the_page_recovers_by_itself_when_the_server_returns(hub: LocalHub, open_page: Open, tmp_path: Path) -> None:
    with serving(tmp_path, hub.endpoint) as server:
        port = server.address.rstrip("/").rpartition(":")[2]
        page = open_page(server.address, allowed=("ERR_CONNECTION_REFUSED", "404"))
        expect(page.get_by_role("heading", name="Datasets")).to_be_visible()
    page.evaluate(f"location.hash = '#/{ALIAS}'")
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    with serving(tmp_path, hub.endpoint, "--port", port):
        expect(page.get_by_text("This dataset is not on disk")).to_be_visible(timeout=20_000)


def test_a_server_that_has_gone_is_told(hub: LocalHub, open_page: Open, tmp_path: Path) -> None:
    with serving(tmp_path, hub.endpoint) as server:
        page = open_page(server.address, allowed=("ERR_CONNECTION_REFUSED",))
        expect(page.get_by_role("heading", name="Datasets")).to_be_visible()
    page.evaluate(f"location.hash = '#/{ALIAS}'")
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
