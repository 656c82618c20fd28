"""Errors over REST: their status and document, and nothing about where the server keeps things."""

import re
from pathlib import Path
from typing import Any

import pytest

from hfsvc.errors import DamagedIndex, GatedDataset, HubUnavailable, NoSpace, RateLimited
from hfsvc.server.errors import ErrorRenderer
from hfsvc.settings import Settings
from hfsvc.testing import FakeDatasetService
from tests.server.worlds import REPO, World, error_of, open_world


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/data/owner/name/a.parquet is damaged", "owner/name/a.parquet is damaged"),
        ("[Errno 13] '/data/.hfsvc/x': no", "[Errno 13] '.hfsvc/x': no"),
        ("/data cannot be written", "… cannot be written"),
        ("moved to /data.", "moved to …."),
        ("owner/dataset has no data/a.parquet", "owner/dataset has no data/a.parquet"),
        ("owner/data/a.parquet", "owner/data/a.parquet"),
        ("/database", "/database"),
        ("/srv/cache/hub/x, /srv/cache", "x, /srv/cache"),
    ],
)
def test_folders_of_the_server_are_left_out_and_nothing_else(text: str, said: str) -> None:
    assert ErrorRenderer(Settings(root=Path("/data"), hf_cache=Path("/srv/cache/hub"))).redact(text) == said


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (GatedDataset(repo=REPO), 403),
        (RateLimited(retry_after_s=7.0), 503),
        (HubUnavailable(), 503),
        (NoSpace(path="{root}/acme", needed=5, free=1), 507),
        (DamagedIndex(path="{root}/index.json", reason="no JSON"), 500),
    ],
)
async def test_a_class_has_its_status_and_no_path_of_the_server(root: Path, error: Any, status: int) -> None:
    if hasattr(error, "path"):
        error.path = error.path.format(root=root)

    class Broken(FakeDatasetService):
        async def list_downloaded(self) -> Any:
            raise error

    async with open_world(root, datasets=Broken(root)) as world:
        answer = await world.client.get("/api/datasets")
    assert answer.status_code == status
    document = error_of(answer)
    assert (document["code"], document["retryable"]) == (error.code, error.retryable)
    assert str(root) not in answer.text
    assert answer.headers.get("retry-after") == ("7" if isinstance(error, RateLimited) else None)


async def test_what_should_not_happen_tells_nothing(root: Path) -> None:
    class Broken(FakeDatasetService):
        async def list_downloaded(self) -> Any:
            raise OSError(5, "no", "/secret/place")

    async with open_world(root, datasets=Broken(root)) as world:
        answer = await world.client.get("/api/datasets")
    assert (answer.status_code, error_of(answer)["code"]) == (500, "failed")
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "no_such_address"),
        ("GET", "/api/nothing", 404, "no_such_address"),
        ("GET", "/api", 404, "no_such_address"),
        ("GET", f"/api/datasets/{REPO}", 404, "no_such_address"),
        ("PUT", "/api/jobs", 405, "method_not_allowed"),
        ("POST", "/api/jobs", 400, "invalid_request"),
    ],
)
async def test_what_the_api_does_not_know(world: World, method: str, path: str, status: int, code: str) -> None:
    answer = await world.client.request(method, path)
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)
    assert status == 405 or "api/openapi.json" in error_of(answer)["hint"]


async def test_a_wrong_method_is_told_the_right_ones(world: World) -> None:
    answer = await world.client.put("/api/jobs")
    assert {"GET", "POST"} <= set(re.split(r", *", answer.headers["allow"]))
