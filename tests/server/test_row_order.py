"""Lists in order of a column, what runs took, and totals of groups."""

from pathlib import Path
from typing import Any

import httpx
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hfsvc import Settings, atif, create_app, open_container
from hfsvc.server import measures
from hfsvc.server.measures import RowMeasures, measure
from hfsvc.testing import FakeTrajectorySource
from tests.server.worlds import error_of, open_world, trajectory

COSTS = (0.5, None, 2.0, 0.25)


def run(number: int, cost: float | None, **extra: Any) -> atif.Trajectory:
    made = trajectory(f"t{number % 2}", steps=number + 1, result="1.0" if number else "0.0", **extra)
    totals = cost and atif.FinalMetrics(total_cost_usd=cost, total_prompt_tokens=int(cost * 100))
    return msgspec.structs.replace(made, final_metrics=totals or None)


@pytest.fixture
def source() -> FakeTrajectorySource:
    return FakeTrajectorySource([run(number, cost) for number, cost in enumerate(COSTS)])


@pytest.mark.parametrize(
    ("sort", "rows"),
    [
        ("cost", [3, 0, 2, 1]),
        ("-cost", [2, 0, 3, 1]),
        ("-tokens", [2, 0, 3, 1]),
        ("-steps", [3, 2, 1, 0]),
        ("task", [0, 2, 1, 3]),
        ("-task", [1, 3, 0, 2]),
        ("result", [0, 1, 2, 3]),
        ("-row", [3, 2, 1, 0]),
        ("duration", [0, 1, 2, 3]),
    ],
)
async def test_a_list_in_order(root: Path, source: FakeTrajectorySource, sort: str, rows: list[int]) -> None:
    async with open_world(root, source=source) as world:
        seen: list[int] = []
        params: dict[str, Any] = {"sort": sort, "limit": 3}
        while params.get("cursor", "") is not None:
            page = (await world.client.get("/api/trajectories", params=params)).json()
            seen += [each["row"] for each in page["items"]]
            params["cursor"] = page["next"]
        assert seen == rows
        filtered = await world.client.get("/api/trajectories", params={"sort": sort, "query": "task:t1"})
        assert [each["row"] for each in filtered.json()["items"]] == [row for row in rows if row % 2]


async def test_what_runs_took_comes_along_where_it_is_asked_for(root: Path, source: FakeTrajectorySource) -> None:
    async with open_world(root, source=source) as world:
        page = (await world.client.get("/api/trajectories", params={"measures": "true", "offset": 1})).json()
        assert [each["costUsd"] for each in page["measures"]] == [None, 2.0, 0.25]
        assert (await world.client.get("/api/trajectories")).json()["measures"] is None


async def test_totals_of_groups(root: Path, source: FakeTrajectorySource) -> None:
    async with open_world(root, source=source) as world:
        found = (await world.client.get("/api/totals", params={"field": "task"})).json()["groups"]
        assert [(each["value"], each["rows"], each["success"], each["failure"]) for each in found] == [
            ("t0", 2, 1, 1),
            ("t1", 2, 2, 0),
        ]
        assert [(each["costUsd"], each["promptTokens"], each["measured"]) for each in found] == [
            (2.5, 250, 2),
            (0.25, 25, 1),
        ]
        assert (await world.client.get("/api/totals", params={"field": "steps"})).status_code == 400


async def test_what_is_too_long_is_refused(
    root: Path, source: FakeTrajectorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures, "MOST_ROWS", 3)
    async with open_world(root, source=source) as world:
        for path, said in {
            "/api/trajectories?sort=cost": "sort",
            "/api/trajectories?sort=task": "sort",
            "/api/trajectories?measures=true": "measures",
            "/api/totals?field=task": "totals",
        }.items():
            answer = await world.client.get(path)
            message = error_of(answer)["message"]
            assert (answer.status_code, "4 rows" in message, said in message) == (400, True, True)


async def test_measures_are_those_of_the_rows_of_a_split(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    for split, cost in {"test": 1.0, "train": 100.0}.items():
        write_runs(folder / "data" / f"{split}.parquet", cost)
    async with open_container(Settings(root=root)) as container:
        app = create_app(container, files=[folder])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for split, costs in {"test": [1.0, 2.0], "train": [100.0, 101.0], "": [1.0, 2.0, 100.0, 101.0]}.items():
                part = {"split": split} if split else {}
                page = (await client.get("/api/trajectories", params={"measures": "true", **part})).json()
                assert [each["costUsd"] for each in page["measures"]] == costs
                totals = (await client.get("/api/totals", params={"field": "model", **part})).json()
                assert [each["costUsd"] for each in totals["groups"]] == [sum(costs)]


async def test_a_list_without_rows_has_measures_of_none(root: Path) -> None:
    async with open_world(root, source=FakeTrajectorySource([])) as world:
        page = (await world.client.get("/api/trajectories", params={"measures": "true"})).json()
        assert page["measures"] == []


def write_runs(path: Path, cost: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    messages = [[{"role": "user", "content": "go"}, {"role": "assistant", "content": "gone"}]] * 2
    columns = {"conversations": messages, "model": ["m"] * 2, "total_cost": [cost, cost + 1]}
    pq.write_table(pa.table(columns), path)


def test_what_a_document_tells() -> None:
    metrics = [atif.Metrics(prompt_tokens=10, cost_usd=0.1), None, atif.Metrics(prompt_tokens=5, completion_tokens=2)]
    steps = [
        atif.Step(
            step_id=number + 1, source="agent", message="", metrics=each, timestamp=f"2026-01-01T00:00:0{number}Z"
        )
        for number, each in enumerate(metrics)
    ]
    by_steps = msgspec.structs.replace(trajectory(), steps=steps)
    assert measure(by_steps) == RowMeasures(prompt_tokens=15, completion_tokens=2, cost_usd=0.1, seconds=2)
    columns: dict[str, Any] = {
        "instance_cost": "0.75",
        "tokens_sent": 7,
        "tokens_received": True,
        "duration": float("nan"),
    }
    assert measure(trajectory(**columns)) == RowMeasures(prompt_tokens=7, cost_usd=0.75)
