"""Full-text search over messages: found as one waits, and opened at the step."""

import re
from pathlib import Path

import pyarrow.parquet as pq
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from hfsvc.testing import LocalHub
from hfsvc.testing.samples import rows_table, sample_messages, sample_rows

from .servers import serving
from .watched import Open


def test_messages_are_searched(hub: LocalHub, open_page: Open, tmp_path: Path) -> None:
    rows = sample_rows(120)
    for row in (7, 101):
        rows[row]["conversations"] = [*sample_messages("hay"), *sample_messages(f"the Needle <b>{row}</b>")]
    pq.write_table(rows_table(rows), tmp_path / "runs.parquet")
    with serving(tmp_path, hub.endpoint, str(tmp_path / "runs.parquet")) as server:
        page = open_page(f"{server.address}#/local%3Aruns.parquet")
        page.get_by_role("link", name="Search messages").click()
        field = page.get_by_label("Words in messages")
        expect(field).to_be_focused()
        field.fill("needle")
        field.press("Enter")
        expect(page.get_by_text("2 rows found in 120")).to_be_visible()
        hits = page.locator(".hits li")
        expect(hits).to_have_text([re.compile(r"Row 7, step 3 · task_7.*<b>7</b>"), re.compile("Row 101, step 3")])
        expect(hits.first.locator("mark")).to_have_text("Needle")
        assert not Axe().run(page).response["violations"]
        page.reload()
        expect(hits).to_have_count(2)
        hits.nth(1).get_by_role("link").click()
        expect(page.locator(".step.linked .number")).to_have_text("3")
        expect(page.locator(".step.linked")).to_contain_text("the Needle <b>101</b>")
        page.go_back()
        expect(hits).to_have_count(2)
