"""Who can use the pages: people with screen readers, and other pages that speak the socket's protocol."""

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from hfsvc.testing import LocalHub

from .rich import DOCUMENTS, PARTS
from .servers import ALIAS, Served, serving
from .watched import Open

PLACES = {"": "table", f"#/{ALIAS}": "hf-rows .spacer .row", f"#/{ALIAS}/3/2": ".step.linked"}
SOCKET = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script>
const socket = new WebSocket(location.hash.slice(1));
const heard = (window.heard = []);
socket.onmessage = ({ data }) => heard.push(JSON.parse(data));
socket.onopen = () => {
  socket.send(JSON.stringify({ type: "request:getHFTrajectoryCount", correlationId: "1" }));
  socket.send(JSON.stringify({ type: "request:getHFTrajectories", correlationId: "2", offset: 0, limit: 100 }));
  socket.send(JSON.stringify({ type: "request:loadTBSuite", correlationId: "3" }));
};
</script>"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("place", PLACES)
def test_nothing_keeps_people_out(served: Served, open_page: Open, place: str, dark: bool) -> None:
    page = open_page(served.address + place, dark=dark)
    expect(page.locator(PLACES[place]).first).to_be_visible()
    if place.endswith("/2"):
        page.get_by_role("button", name="Expand all").click()
        expect(page.locator(".summary[aria-expanded=false]")).to_have_count(0)
        page.get_by_role("button", name="About this trajectory").click()
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    assert not found.response["violations"], found.generate_report()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nor_does_what_opens(served: Served, open_page: Open, width: int, dark: bool) -> None:
    page = open_page(f"{served.address}#/{quote(PARTS, safe='')}?agent=term", dark=dark, size=(width, 740))
    if width == 360:
        page.get_by_role("button", name="Filters").click()
    page.get_by_role("combobox", name="Model").click()
    expect(page.get_by_role("listbox", name="Model").get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".options [aria-selected=true]")).to_be_visible()
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    assert not found.response["violations"], found.generate_report()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nor_does_a_subagent(served: Served, open_page: Open, dark: bool) -> None:
    page = open_page(f"{served.address}#/{quote(DOCUMENTS, safe='')}/0/2", dark=dark)
    page.get_by_role("button", name="Subagent searcher").click()
    page.get_by_role("button", name="Expand all").click()
    page.get_by_role("searchbox", name="Find in steps").fill("error")
    expect(page.locator(".found")).to_contain_text("of 3")
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    assert not found.response["violations"], found.generate_report()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[str]:
    """The origin of another server, which has the page of another program."""
    (tmp_path / "effuse.html").write_text(SOCKET, encoding="utf-8")
    handler = partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("localhost", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def test_another_page_speaks_the_sockets_protocol(
    served: Served, hub: LocalHub, open_page: Open, elsewhere: str
) -> None:
    with serving(served.root, hub.endpoint, "--allow-origin", elsewhere) as server:
        socket = server.address.replace("http:", "ws:") + "ws"
        page = open_page(f"{elsewhere}/effuse.html#{socket}")
        page.wait_for_function("heard.length === 3")
        count, rows, other = page.evaluate("heard")
        assert count["data"] == {"count": 250}
        assert len(rows["data"]) == 100
        assert {row["schema_version"] for row in rows["data"]} == {"ATIF-v1.4"}
        assert other["success"] is False
        stranger = open_page(f"{elsewhere}/effuse.html#{served.address.replace('http:', 'ws:')}ws", allowed=("403",))
        stranger.wait_for_function("socket.readyState === WebSocket.CLOSED")
        assert stranger.evaluate("heard") == []
