"""Lists in order of a column, with what runs took; and totals of it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from hfsvc.server.measures import MOST_ROWS
from hfsvc.testing import LocalHub
from hfsvc.testing.samples import rows_table, sample_rows

from .servers import serving
from .watched import Open

COSTS = (0.5, None, 2.0, 0.25)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    rows = sample_rows(4)
    for row, cost in zip(rows, COSTS, strict=True):
        row |= {"instance_cost": cost, "tokens_sent": cost and int(cost * 1000), "model": "big" if cost else "small"}
    pq.write_table(rows_table(rows), tmp_path / "runs.parquet")
    return tmp_path / "runs.parquet"


def numbers(page: Page) -> list[str]:
    return page.locator("hf-rows .spacer .row:not(.waiting) .nr").all_inner_texts()


def test_columns_sort_and_tell_what_runs_took(hub: LocalHub, open_page: Open, runs: Path) -> None:
    with serving(runs.parent, hub.endpoint, str(runs)) as server:
        page = open_page(f"{server.address}#/local%3Aruns.parquet")
        expect(page.locator("hf-rows .spacer .row .nr")).to_have_text(["0", "1", "2", "3"])
        page.get_by_role("button", name="Costs").click()
        costs = page.locator("hf-rows .spacer .row .cost")
        expect(costs).to_have_text(["$0.50", "", "$2.00", "$0.25"])
        title = page.get_by_role("columnheader", name="Cost")
        title.get_by_role("button").click()
        expect(costs).to_have_text(["$2.00", "$0.50", "$0.25", ""])
        expect(title).to_have_attribute("aria-sort", "descending")
        assert sorted(numbers(page)) == ["0", "1", "2", "3"]
        title.get_by_role("button").click()
        expect(costs).to_have_text(["$0.25", "$0.50", "$2.00", ""])
        assert not Axe().run(page).response["violations"]
        page.reload()
        expect(costs).to_have_text(["$0.25", "$0.50", "$2.00", ""])
        page.get_by_label("Order").select_option("-tokens")
        expect(page.locator("hf-rows .spacer .row .tokens")).to_have_text(["2,000", "500", "250", ""])
        page.locator("hf-rows").focus()
        page.keyboard.press("Enter")
        expect(page.locator("hf-trajectory h2")).to_have_text("task_2")
        page.keyboard.press("n")
        expect(page.locator("hf-trajectory h2")).to_have_text("task_0")


@pytest.mark.parametrize("order", ["?sort=task", "?costs=1"])
def test_a_list_too_long_for_an_order_says_so_and_comes_back(
    hub: LocalHub, open_page: Open, tmp_path: Path, order: str
) -> None:
    messages = pa.repeat([{"role": "user", "content": "go"}, {"role": "assistant", "content": "gone"}], MOST_ROWS + 1)
    pq.write_table(pa.table({"conversations": messages}), tmp_path / "many.parquet")
    with serving(tmp_path, hub.endpoint, str(tmp_path / "many.parquet")) as server:
        page = open_page(f"{server.address}#/local%3Amany.parquet{order}", allowed=("400",))
        expect(page.get_by_role("alert")).to_contain_text(
            "this dataset has 200,001 rows, and 200,000 can be put in order"
        )
        page.get_by_role("button", name="Show rows as they are stored").click()
        expect(page.locator("hf-rows .spacer .row .nr").first).to_have_text("0")
        expect(page.get_by_role("alert")).to_have_count(0)


def test_totals_stand_beside_the_pictures(hub: LocalHub, open_page: Open, runs: Path) -> None:
    with serving(runs.parent, hub.endpoint, str(runs)) as server:
        page = open_page(f"{server.address}#/local%3Aruns.parquet?view=overview")
        page.get_by_role("button", name="Add tokens and cost").click()
        big = page.locator(".chart tr").filter(has_text="big")
        expect(big.get_by_role("cell").filter(has_text="$2.75")).to_be_visible()
        expect(big).to_contain_text("2,750")
