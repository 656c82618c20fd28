"""What came of the runs of a list, in pictures; and the list as a file."""

import json
from urllib.parse import quote

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from .rich import MODELS, PARTS
from .servers import Served
from .watched import Open


def test_success_by_model_and_task(served: Served, open_page: Open) -> None:
    page = open_page(f"{served.address}#/{quote(PARTS, safe='')}")
    page.get_by_role("link", name="Overview").click()
    overview = page.get_by_role("region", name="Overview")
    line = overview.get_by_role("row").filter(has_text=MODELS[0])
    # Of four results two are of this model: a success in one half of its rows, an exception in the other.
    expect(line.get_by_role("cell")).to_have_text(["40", "20", "20", "50 %"])
    assert line.locator("rect").evaluate_all("(parts) => parts.map((each) => each.getAttribute('width'))") == [
        "50",
        "50",
        "0",
    ]
    expect(overview.get_by_role("heading", name="Success by task")).to_be_visible()
    assert not Axe().run(page).response["violations"]
    page.reload()
    expect(line).to_be_visible()
    line.get_by_role("button").click()
    expect(page.get_by_text("40 matches")).to_be_visible()
    expect(overview).to_have_count(0)
    page.get_by_role("link", name="Overview").click()
    expect(line).to_be_visible()
    expect(overview.get_by_role("row").filter(has_text=MODELS[1])).to_have_count(0)
    page.keyboard.press("Escape")
    expect(overview).to_have_count(0)


def test_a_list_and_a_trajectory_are_downloaded(served: Served, open_page: Open) -> None:
    page = open_page(f"{served.address}#/{quote(PARTS, safe='')}?task=shell%2Ftrain-03")
    expect(page.get_by_text("1 match", exact=True)).to_be_visible()
    with page.expect_download() as exported:
        page.get_by_role("link", name="Export").click()
    assert exported.value.suggested_filename == "acme-parts.jsonl"
    (line,) = exported.value.path().read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["extra"]["task"] == "shell/train-03"
    page.get_by_role("row").filter(has_text="shell/train-03").click()
    with page.expect_download() as one:
        page.get_by_role("link", name="Download").click()
    assert json.loads(one.value.path().read_text(encoding="utf-8"))["extra"]["task"] == "shell/train-03"
