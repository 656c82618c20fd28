"""Two runs of one task side by side, step by step."""

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from hfsvc.testing import LocalHub
from hfsvc.testing.samples import rows_table, sample_messages, sample_rows

from .servers import serving
from .watched import Open


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs, two of them of one task; the second of these is longer than what is fetched together."""
    rows = sample_rows(3)
    rows[2] |= {"task": "task_0", "model": "pupil", "conversations": sample_messages("other") * 40}
    file = tmp_path / "runs.parquet"
    pq.write_table(rows_table(rows), file)
    return file


def test_two_runs_stand_side_by_side(hub: LocalHub, open_page: Open, runs: Path) -> None:
    with serving(runs.parent, hub.endpoint, str(runs)) as server:
        page = open_page(f"{server.address}#/local%3Aruns.parquet/0")
        page.get_by_role("button", name="Compare").click()
        choice = page.get_by_label("Compare with")
        expect(choice).to_be_focused()
        expect(choice.get_by_role("option")).to_have_text(["Compare with …", "Row 2 · pupil"])
        choice.select_option("2")
        pairs = page.locator(".pairs .pair")
        expect(pairs).to_have_count(50)
        expect(pairs.first).to_contain_text(re.compile("text 0.*other", re.DOTALL))
        expect(pairs.nth(2)).to_contain_text("No such step")
        page.get_by_role("button", name="Show more of 80 steps").click()
        expect(pairs).to_have_count(80)
        assert not Axe().run(page).response["violations"]
        pairs.first.get_by_role("button").first.click()
        expect(pairs.first.locator(".text").first).to_be_visible()
        page.reload()
        expect(pairs).to_have_count(50)
        page.keyboard.press("Escape")
        expect(page.locator("hf-trajectory")).to_be_visible()
        expect(pairs).to_have_count(0)


def test_on_a_phone_they_fit(hub: LocalHub, open_page: Open, runs: Path) -> None:
    with serving(runs.parent, hub.endpoint, str(runs)) as server:
        page = open_page(f"{server.address}#/local%3Aruns.parquet/0?with=2", size=(390, 780), dark=True)
        expect(page.locator(".pairs .pair").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
