"""Summaries, documents, steps, facets and the stream of all trajectories, over REST."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import msgspec
import pytest

from hfsvc import atif
from hfsvc.models import FACETS
from hfsvc.server import ServerLimits
from hfsvc.testing import FakeTrajectorySource
from tests.server.conftest import TASKS
from tests.server.worlds import Counted, Crowded, World, error_of, open_world, trajectory


class TestSummariesAndDocuments:
    async def test_summaries_come_in_pages(self, world: World) -> None:
        page = (await world.client.get("/api/trajectories", params={"offset": 1, "limit": 2})).json()
        assert (page["total"], page["offset"], page["source"]) == (4, 1, "openthoughts-sft")
        assert [(item["row"], item["task"]) for item in page["items"]] == [(1, TASKS[1]), (2, TASKS[2])]

    @pytest.mark.parametrize("path", ["/api/trajectories", "/api/facets"])
    async def test_only_so_many_look_over_all_rows_at_once(self, root: Path, path: str) -> None:
        source = Crowded([trajectory()])
        async with (
            open_world(root, source=source, limits=ServerLimits(lists=2)) as world,
            anyio.create_task_group() as group,
        ):
            for _ in range(6):
                group.start_soon(world.client.get, path)
        assert source.most == 2

    @pytest.mark.parametrize(
        "params",
        [
            {"limit": -1},
            {"limit": 1001},
            {"limit": "many"},
            {"offset": -1},
            {"offset": 1 << 60},
            {"query": "w" * 1001},
            {"cursor": "c" * 2001},
        ],
    )
    async def test_what_cannot_be_meant_is_400(self, world: World, params: dict[str, Any]) -> None:
        answer = await world.client.get("/api/trajectories", params=params)
        assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_request")

    async def test_a_row_is_an_atif_document(self, world: World) -> None:
        answer = await world.client.get("/api/trajectories/1")
        assert answer.headers["content-type"] == "application/json"
        assert (answer.headers["hfsvc-row"], answer.headers["hfsvc-matches"]) == ("1", "1")
        document = atif.decode(answer.content)
        assert document.extra is not None
        assert (document.extra["task"], len(document.steps)) == ("b", 5)

    @pytest.mark.parametrize("task", TASKS)
    @pytest.mark.parametrize("prefix", ["", "trial/"])
    async def test_keys_may_hold_anything(self, world: World, task: str, prefix: str) -> None:
        answer = await world.client.get(f"/api/trajectories/{quote(prefix + task, safe='')}")
        assert answer.headers["hfsvc-row"] == str(TASKS.index(task))

    async def test_a_key_of_many_rows_says_how_many(self, world: World) -> None:
        answer = await world.client.get("/api/trajectories/run")
        assert (answer.headers["hfsvc-row"], answer.headers["hfsvc-matches"]) == ("0", "4")

    async def test_digits_are_a_text_where_a_column_is_named(self, root: Path) -> None:
        source = FakeTrajectorySource([trajectory("x"), trajectory("0")])
        async with open_world(root, source=source) as world:
            assert (await world.client.get("/api/trajectories/0")).headers["hfsvc-row"] == "0"
            answer = await world.client.get("/api/trajectories/0", params={"by": "task"})
            assert answer.headers["hfsvc-row"] == "1"

    @pytest.mark.parametrize(
        "key", ["4", "9" * 15, "9" * 300, "none", "٣", "-1", "...", "%00", "<script>", "a/../../b", "\x1b[2J"]
    )
    async def test_a_key_without_a_row_is_404(self, world: World, key: str) -> None:
        answer = await world.client.get(f"/api/trajectories/{quote(key, safe='')}")
        assert (answer.status_code, error_of(answer)["code"]) == (404, "trajectory_not_found")

    async def test_a_key_that_is_too_long_is_414(self, world: World) -> None:
        answer = await world.client.get(f"/api/trajectories/{'k' * 5000}")
        assert (answer.status_code, error_of(answer)["code"]) == (414, "address_too_long")
        answer = await world.client.get("/api/trajectories", params={"query": "w" * 5000})
        assert (answer.status_code, error_of(answer)["code"]) == (414, "address_too_long")

    async def test_steps_come_in_pages_with_the_rest_of_the_document(self, world: World) -> None:
        page = (await world.client.get("/api/trajectories/b/steps", params={"offset": 3, "limit": 10})).json()
        assert (page["row"], page["total"], page["offset"]) == (1, 5, 3)
        assert [step["step_id"] for step in page["trajectory"]["steps"]] == [4, 5]
        assert page["trajectory"]["extra"]["task"] == "b"

    async def test_a_source_that_is_not_on_disk_is_404(self, root: Path) -> None:
        async with open_world(root, source=FakeTrajectorySource([], downloaded=False)) as world:
            for path in ("/api/trajectories", "/api/trajectories/0", "/api/trajectories.jsonl"):
                answer = await world.client.get(path)
                assert (answer.status_code, error_of(answer)["code"]) == (404, "not_downloaded")


class TestFacets:
    async def test_values_are_counted_by_field(self, world: World) -> None:
        found = (await world.client.get("/api/facets", params={"query": "task:b"})).json()
        assert found["source"] == "openthoughts-sft"
        assert found["facets"].keys() == set(FACETS)
        assert found["facets"]["agent"] == {"values": [{"value": "me", "rows": 3}], "others": 0, "without": 0}
        assert [each["value"] for each in found["facets"]["task"]["values"]] == ["b", "b c", TASKS[2]]
        assert found["facets"]["model"] == {"values": [], "others": 0, "without": 3}

    async def test_one_field_may_be_asked_for(self, world: World) -> None:
        found = (await world.client.get("/api/facets", params={"field": "run_id", "limit": 0})).json()
        assert found["facets"] == {"run_id": {"values": [], "others": 4, "without": 0}}

    @pytest.mark.parametrize("params", [{"field": "steps"}, {"limit": 1001}, {"query": "x" * 1001}])
    async def test_what_cannot_be_counted_is_refused(self, world: World, params: dict[str, Any]) -> None:
        assert (await world.client.get("/api/facets", params=params)).status_code == 400


class TestStream:
    async def test_every_row_is_a_line(self, world: World, source: Counted) -> None:
        answer = await world.client.get("/api/trajectories.jsonl")
        assert answer.headers["content-type"] == "application/x-ndjson"
        documents = [atif.decode(line) for line in answer.content.splitlines()]
        assert [each.session_id for each in documents] == [f"s-{task}" for task in TASKS]
        assert source.streams == 0

    async def test_a_part_of_the_rows(self, world: World) -> None:
        answer = await world.client.get("/api/trajectories.jsonl", params={"start": 1, "stop": 3})
        assert len(answer.content.splitlines()) == 2

    async def test_a_cursor_goes_on_after_its_row(self, world: World) -> None:
        answer = await world.client.get("/api/trajectories.jsonl", params={"stop": 2, "lines": "rows"})
        last = msgspec.json.decode(answer.content.splitlines()[-1])
        assert (last["row"], last["trajectory"]["session_id"]) == (1, "s-b")
        answer = await world.client.get("/api/trajectories.jsonl", params={"cursor": last["cursor"]})
        assert len(answer.content.splitlines()) == 2

    async def test_a_refusal_names_the_parameter_as_the_caller_wrote_it(self, world: World) -> None:
        answer = await world.client.get("/api/trajectories.jsonl", params={"limit": -4})
        assert (answer.status_code, "limit: Expected" in error_of(answer)["message"]) == (400, True)

    async def test_a_cursor_that_is_none_is_400(self, world: World) -> None:
        for path in ("/api/trajectories", "/api/trajectories.jsonl"):
            answer = await world.client.get(path, params={"cursor": "x"})
            assert (answer.status_code, error_of(answer)["code"]) == (400, "cursor_mismatch")

    @pytest.mark.parametrize("path", ["/api/trajectories/0", "/api/trajectories/0/steps", "/api/trajectories.jsonl"])
    async def test_a_row_that_cannot_be_read_is_422_and_says_what_a_client_can_do(self, root: Path, path: str) -> None:
        async with open_world(root, source=FakeTrajectorySource([None])) as world:
            answer = await world.client.get(path)
            error = error_of(answer)
            assert (answer.status_code, error["code"]) == (422, "bad_row")
            assert "skip_bad=true" in error["hint"]
            assert "--" not in answer.text

    async def test_rows_are_chosen_by_a_query_and_what_became_of_the_others_stands_at_the_end(self, root: Path) -> None:
        path, asked = "/api/trajectories.jsonl", {"query": "task:b", "limit": "1", "lines": "rows", "record": "true"}
        async with open_world(root, source=FakeTrajectorySource([trajectory(task) for task in "abcb"])) as world:
            answer = await world.client.get(path, params=asked)
            row, last = map(msgspec.json.decode, answer.content.splitlines())
            assert row["row"] == 1
            assert last["record"]["leftOut"] == {"query": 2, "limit": 1}
            assert (last["record"]["read"], last["record"]["written"]) == (4, 1)
            refused = await world.client.get(path, params={"query": "nofield:x"})
            assert (refused.status_code, error_of(refused)["code"]) == (400, "invalid_argument")

    async def test_no_rows_are_no_lines(self, world: World) -> None:
        answer = await world.client.get("/api/trajectories.jsonl", params={"start": 99})
        assert (answer.status_code, answer.content) == (200, b"")

    async def test_there_are_only_so_many_at_once(self, root: Path, source: Counted) -> None:
        async with open_world(root, source=source, limits=ServerLimits(exports=0)) as world:
            answer = await world.client.get("/api/trajectories.jsonl")
            assert (answer.status_code, error_of(answer)["code"]) == (503, "busy")
            assert answer.headers["retry-after"] == "1"
