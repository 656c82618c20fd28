"""Health, metrics, and the files of the pages."""

import re
from pathlib import Path

import pytest

from hfsvc.testing import FakeDatasetService
from tests.server.worlds import World, download


async def test_health(world: World, datasets: FakeDatasetService) -> None:
    assert (await world.client.get("/healthz")).json()["status"] == "ok"
    await download(datasets)
    assert (await world.client.get("/readyz")).json() == {"status": "ready", "datasets": 1}


async def test_metrics_count_answers(world: World) -> None:
    await world.client.get("/healthz")
    await world.client.get("/healthz", headers={"host": "evil.example"})
    answer = await world.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'hfsvc_http_answers_total{status="200"} 1' in lines
    assert 'hfsvc_refused_total{code="host_not_allowed"} 1' in lines
    assert "hfsvc_http_requests 1" in lines
    assert "hfsvc_jobs_running 0" in lines
    assert "# TYPE hfsvc_http_requests gauge" in lines


async def test_the_transfers_counters_are_told_too(world: World, root: Path) -> None:
    from hfsvc.metrics import Counters
    from hfsvc.server.metrics import as_prometheus, transfer_families

    counters = Counters()
    counters.add("bytes_received", 7)
    assert "hfsvc_bytes_received_total 7\n" in as_prometheus(transfer_families(counters))


async def test_the_page_and_its_files(world: World) -> None:
    page = await world.client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for name in re.findall(r'(?:src|href)="(static/[^"]+)"', page.text):
        answer = await world.client.get(f"/{name}")
        assert answer.status_code == 200
        again = await world.client.get(f"/{name}", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["none.js", "..%2Fapp.py", "%2e%2e%2fapp.py", "__init__.py", "index.html%00.js"])
async def test_only_files_of_the_page_are_served(world: World, name: str) -> None:
    answer = await world.client.get(f"/static/{name}")
    assert answer.status_code == 404
