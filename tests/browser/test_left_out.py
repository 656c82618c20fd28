"""A list that is shorter than its dataset says which files are not read."""

from pathlib import Path

import httpx
from playwright.sync_api import expect

from hfsvc import atif
from hfsvc.testing import LocalHub
from tests.server.worlds import trajectory

from .servers import serving
from .watched import Open


def test_how_many_files_are_not_read(hub: LocalHub, open_page: Open, tmp_path: Path) -> None:
    runs = tmp_path / "runs" / "a"
    runs.mkdir(parents=True)
    for name in ("trajectory", "other-1", "other-2"):
        (runs / f"{name}.json").write_bytes(atif.encode(trajectory(name)))
    with serving(tmp_path, hub.endpoint, "./runs") as server:
        page = open_page(f"{server.address}#/local%3Aruns")
        expect(page.get_by_text("1 trajectory", exact=True)).to_be_visible()
        expect(page.get_by_text("2 files are not read: a/other-1.json")).to_contain_text("and 1 other")
        told = httpx.get(f"{server.address}api/trajectories", trust_env=False).json()["leftOut"]
        assert (told["files"], told["first"]) == (2, "a/other-1.json")
