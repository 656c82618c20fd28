"""Cursors that lead from page to page of a list, and those that are refused."""

from pathlib import Path
from typing import Any

import pytest

from hfsvc.testing import FakeDatasetService, FakeTrajectorySource
from tests.server.conftest import TASKS
from tests.server.worlds import REPO, World, dataset_path, download, error_of, open_world, trajectory


async def test_cursors_lead_through_a_whole_list(world: World) -> None:
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 1, "query": "b"}
    while True:
        page = (await world.client.get("/api/trajectories", params=params)).json()
        seen += [item["task"] for item in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == [task for task in TASKS if "b" in task]


async def test_a_cursor_of_another_list_is_refused(world: World) -> None:
    cursor = (await world.client.get("/api/trajectories", params={"limit": 1})).json()["next"]
    for params in ({"query": "b"}, {"source": REPO}, {"split": "test"}, {"config": "c"}, {"result": "failure"}):
        answer = await world.client.get("/api/trajectories", params={"cursor": cursor, **params})
        assert (answer.status_code, error_of(answer)["code"]) == (409, "cursor_mismatch")


async def test_a_cursor_of_an_older_commit_is_refused(world: World, datasets: FakeDatasetService) -> None:
    await download(datasets)
    cursor = (await world.client.get("/api/trajectories", params={"limit": 1, "source": REPO})).json()["next"]
    datasets.publish(REPO, "new.parquet", b"n")
    await download(datasets)
    answer = await world.client.get("/api/trajectories", params={"cursor": cursor, "source": REPO})
    assert (answer.status_code, error_of(answer)["code"]) == (409, "cursor_mismatch")


async def test_a_cursor_is_refused_when_more_files_came(world: World, datasets: FakeDatasetService) -> None:
    await download(datasets, include="data/**")
    cursor = (await world.client.get("/api/trajectories", params={"limit": 1, "source": REPO})).json()["next"]
    commit = (await world.client.get(dataset_path(REPO))).json()["commit"]
    await download(datasets)
    assert (await world.client.get(dataset_path(REPO))).json()["commit"] == commit
    answer = await world.client.get("/api/trajectories", params={"cursor": cursor, "source": REPO})
    assert (answer.status_code, error_of(answer)["code"]) == (409, "cursor_mismatch")


async def test_a_cursor_of_the_longest_query_is_taken(root: Path) -> None:
    async with open_world(root, source=FakeTrajectorySource([trajectory('"' * 1000)] * 3)) as world:
        params: dict[str, Any] = {"limit": 1, "query": '"' * 1000}
        params["cursor"] = (await world.client.get("/api/trajectories", params=params)).json()["next"]
        assert (await world.client.get("/api/trajectories", params=params)).json()["offset"] == 1


async def test_a_cursor_with_a_wrong_character_leads_nowhere_else(world: World) -> None:
    params: dict[str, Any] = {"limit": 1}
    cursor = (await world.client.get("/api/trajectories", params=params)).json()["next"]
    for place in range(len(cursor)):
        params["cursor"] = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        answer = await world.client.get("/api/trajectories", params=params)
        assert answer.status_code in {400, 409} or answer.json()["offset"] == 1


@pytest.mark.parametrize("cursor", ["x", "=", "//", "ü", "AAAA" * 100, "lAECAw"])
async def test_a_cursor_that_is_none_is_refused(world: World, cursor: str) -> None:
    answer = await world.client.get("/api/trajectories", params={"cursor": cursor})
    assert (answer.status_code, error_of(answer)["code"]) == (400, "cursor_mismatch")
