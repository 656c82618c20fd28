"""What the REST API answers, over fakes."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import msgspec
import pytest

from hfsvc import atif
from hfsvc.errors import DamagedIndex, GatedDataset, HubUnavailable, NoSpace, RateLimited
from hfsvc.models import VerifyReport
from hfsvc.server import ServerLimits
from hfsvc.testing import FakeDatasetService, FakeTrajectorySource
from tests.server.conftest import TASKS
from tests.server.worlds import REPO, Counted, Crowded, World, error_of, open_world, trajectory


async def download(datasets: FakeDatasetService, repo: str = REPO, include: str = "**") -> None:
    from hfsvc.models import DatasetRequest

    await datasets.download(DatasetRequest(repo=repo, include=(include,)))


def at(repo: str, rest: str = "") -> str:
    return f"/api/datasets/{quote(repo, safe='')}{rest}"


class TestDatasets:
    async def test_what_is_on_disk_is_listed(self, world: World, datasets: FakeDatasetService) -> None:
        assert (await world.client.get("/api/datasets")).json() == []
        await download(datasets)
        (found,) = (await world.client.get("/api/datasets")).json()
        assert (found["repo"], found["fileCount"], found["totalBytes"]) == (REPO, 2, 105)
        info = (await world.client.get(at(REPO))).json()
        files = ["data/a.parquet", "notes.md"]
        assert info == found | {"files": files, "configs": [{"name": "default", "splits": ["train"]}]}

    async def test_the_parts_of_a_dataset_are_told(self, world: World, datasets: FakeDatasetService) -> None:
        for path in ("data/test.parquet", "data/train.parquet"):
            datasets.publish("acme/parts", path, b"rows")
        await download(datasets, "acme/parts")
        info = (await world.client.get(at("acme/parts"))).json()
        assert info["configs"] == [{"name": "default", "splits": ["train", "test"]}]

    async def test_no_answer_names_a_folder_of_the_server(
        self, world: World, datasets: FakeDatasetService, root: Path
    ) -> None:
        await download(datasets)
        for path in ("/api/datasets", at(REPO), "/readyz", "/api/sources"):
            assert str(root.parent) not in (await world.client.get(path)).text

    async def test_verifying_finds_and_mends_damage(
        self, world: World, datasets: FakeDatasetService, root: Path
    ) -> None:
        await download(datasets)
        (root / REPO / "notes.md").write_bytes(b"hullo")
        report = (await world.client.post(at(REPO, "/verify"))).json()
        assert [file["path"] for file in report["damaged"]] == ["notes.md"]
        answer = await world.client.post(at(REPO, "/verify"), params={"repair": "true"})
        assert msgspec.json.decode(answer.content, type=VerifyReport).ok
        assert (await world.client.post(at(REPO, "/verify"))).json()["damaged"] == []

    async def test_deleting_forgets_a_dataset(self, world: World, datasets: FakeDatasetService, root: Path) -> None:
        await download(datasets)
        assert (await world.client.delete(at(REPO))).json() == {"deleted": REPO, "bytes": 105}
        assert not (root / REPO).exists()
        assert error_of(await world.client.delete(at(REPO)))["code"] == "not_downloaded"

    @pytest.mark.parametrize("rest", ["", "/verify"])
    async def test_what_is_not_there_is_404(self, world: World, rest: str) -> None:
        method = "POST" if rest else "GET"
        answer = await world.client.request(method, at("acme/none", rest))
        assert (answer.status_code, error_of(answer)["code"]) == (404, "not_downloaded")
        answer = await world.client.request(method, at("no-alias", rest))
        assert (answer.status_code, error_of(answer)["code"]) == (404, "unknown_source")

    @pytest.mark.parametrize("repo", ["../../etc/passwd", "a/../b", "a/b/c", "/etc", "a\\b/c", "a/b\x00", "a/%2e%2e"])
    async def test_ids_never_become_paths(self, world: World, repo: str) -> None:
        answer = await world.client.get(at(repo))
        assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_repo_id")

    async def test_sources_say_which_can_be_read(self, world: World, datasets: FakeDatasetService) -> None:
        sources = (await world.client.get("/api/sources")).json()
        default = [each for each in sources if each["default"]]
        assert [each["alias"] for each in default] == ["openthoughts-sft"]
        assert not default[0]["downloaded"]
        datasets.publish(default[0]["repo"], "a.parquet", b"x")
        await download(datasets, default[0]["repo"])
        sources = (await world.client.get("/api/sources")).json()
        assert [each["downloaded"] for each in sources if each["default"]] == [True]


class TestTrajectories:
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

    async def test_cursors_lead_through_a_whole_list(self, world: World) -> None:
        seen: list[str] = []
        params: dict[str, Any] = {"limit": 1, "query": "b"}
        while True:
            page = (await world.client.get("/api/trajectories", params=params)).json()
            seen += [item["task"] for item in page["items"]]
            if page["next"] is None:
                break
            params["cursor"] = page["next"]
        assert seen == [task for task in TASKS if "b" in task]

    async def test_a_cursor_of_another_list_is_refused(self, world: World) -> None:
        cursor = (await world.client.get("/api/trajectories", params={"limit": 1})).json()["next"]
        for params in ({"query": "b"}, {"source": REPO}, {"split": "test"}, {"config": "c"}, {"result": "failure"}):
            answer = await world.client.get("/api/trajectories", params={"cursor": cursor, **params})
            assert (answer.status_code, error_of(answer)["code"]) == (409, "cursor_mismatch")

    async def test_a_cursor_of_an_older_commit_is_refused(self, world: World, datasets: FakeDatasetService) -> None:
        await download(datasets)
        cursor = (await world.client.get("/api/trajectories", params={"limit": 1, "source": REPO})).json()["next"]
        datasets.publish(REPO, "new.parquet", b"n")
        await download(datasets)
        answer = await world.client.get("/api/trajectories", params={"cursor": cursor, "source": REPO})
        assert (answer.status_code, error_of(answer)["code"]) == (409, "cursor_mismatch")

    async def test_a_cursor_is_refused_when_more_files_came(self, world: World, datasets: FakeDatasetService) -> None:
        await download(datasets, include="data/**")
        cursor = (await world.client.get("/api/trajectories", params={"limit": 1, "source": REPO})).json()["next"]
        commit = (await world.client.get(at(REPO))).json()["commit"]
        await download(datasets)
        assert (await world.client.get(at(REPO))).json()["commit"] == commit
        answer = await world.client.get("/api/trajectories", params={"cursor": cursor, "source": REPO})
        assert (answer.status_code, error_of(answer)["code"]) == (409, "cursor_mismatch")

    async def test_a_cursor_of_the_longest_query_is_taken(self, root: Path) -> None:
        async with open_world(root, source=FakeTrajectorySource([trajectory('"' * 1000)] * 3)) as world:
            params: dict[str, Any] = {"limit": 1, "query": '"' * 1000}
            params["cursor"] = (await world.client.get("/api/trajectories", params=params)).json()["next"]
            assert (await world.client.get("/api/trajectories", params=params)).json()["offset"] == 1

    async def test_a_cursor_with_a_wrong_character_leads_nowhere_else(self, world: World) -> None:
        params: dict[str, Any] = {"limit": 1}
        cursor = (await world.client.get("/api/trajectories", params=params)).json()["next"]
        for place in range(len(cursor)):
            params["cursor"] = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
            answer = await world.client.get("/api/trajectories", params=params)
            assert answer.status_code == 409 or answer.json()["offset"] == 1

    @pytest.mark.parametrize("cursor", ["x", "=", "//", "ü", "AAAA" * 100, "lAECAw"])
    async def test_a_cursor_that_is_none_is_refused(self, world: World, cursor: str) -> None:
        answer = await world.client.get("/api/trajectories", params={"cursor": cursor})
        assert (answer.status_code, error_of(answer)["code"]) == (409, "cursor_mismatch")

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
        assert found["facets"].keys() == {"agent", "model", "task", "result", "trace_source"}
        assert found["facets"]["agent"] == {"values": [{"value": "me", "rows": 3}], "others": 0, "without": 0}
        assert [each["value"] for each in found["facets"]["task"]["values"]] == ["b", "b c", TASKS[2]]
        assert found["facets"]["model"] == {"values": [], "others": 0, "without": 3}

    async def test_one_field_may_be_asked_for(self, world: World) -> None:
        found = (await world.client.get("/api/facets", params={"field": "run_id", "limit": 0})).json()
        assert found["facets"] == {"run_id": {"values": [], "others": 4, "without": 0}}

    @pytest.mark.parametrize("params", [{"field": "steps"}, {"limit": 1001}, {"query": "x" * 1001}])
    async def test_what_cannot_be_counted_is_refused(self, world: World, params: dict[str, Any]) -> None:
        assert (await world.client.get("/api/facets", params=params)).status_code == 400


class TestLines:
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

    async def test_a_cursor_that_is_none_is_409(self, world: World) -> None:
        answer = await world.client.get("/api/trajectories.jsonl", params={"cursor": "x"})
        assert (answer.status_code, error_of(answer)["code"]) == (409, "cursor_mismatch")

    async def test_no_rows_are_no_lines(self, world: World) -> None:
        answer = await world.client.get("/api/trajectories.jsonl", params={"start": 99})
        assert (answer.status_code, answer.content) == (200, b"")

    async def test_there_are_only_so_many_at_once(self, root: Path, source: Counted) -> None:
        async with open_world(root, source=source, limits=ServerLimits(exports=0)) as world:
            answer = await world.client.get("/api/trajectories.jsonl")
            assert (answer.status_code, error_of(answer)["code"]) == (503, "busy")
            assert answer.headers["retry-after"] == "1"


class TestErrors:
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
    async def test_a_class_has_its_status_and_no_path_of_the_server(self, root: Path, error: Any, status: int) -> None:
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

    async def test_what_should_not_happen_tells_nothing(self, root: Path) -> None:
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
    async def test_what_the_api_does_not_know(
        self, world: World, method: str, path: str, status: int, code: str
    ) -> None:
        answer = await world.client.request(method, path)
        assert (answer.status_code, error_of(answer)["code"]) == (status, code)
        assert status == 405 or "api/openapi.json" in error_of(answer)["hint"]

    async def test_a_wrong_method_is_told_the_right_ones(self, world: World) -> None:
        answer = await world.client.put("/api/jobs")
        assert {"GET", "POST"} <= set(re.split(r", *", answer.headers["allow"]))


class TestService:
    async def test_health(self, world: World, datasets: FakeDatasetService) -> None:
        assert (await world.client.get("/healthz")).json()["status"] == "ok"
        await download(datasets)
        assert (await world.client.get("/readyz")).json() == {"status": "ready", "datasets": 1}

    async def test_metrics_count_answers(self, world: World) -> None:
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

    async def test_the_transfers_counters_are_told_too(self, world: World, root: Path) -> None:
        from hfsvc.metrics import Counters
        from hfsvc.server.metrics import as_prometheus, transfer_families

        counters = Counters()
        counters.add("bytes_received", 7)
        assert "hfsvc_bytes_received_total 7\n" in as_prometheus(transfer_families(counters))

    async def test_the_page_and_its_files(self, world: World) -> None:
        page = await world.client.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        for name in re.findall(r'(?:src|href)="(static/[^"]+)"', page.text):
            answer = await world.client.get(f"/{name}")
            assert answer.status_code == 200
            again = await world.client.get(f"/{name}", headers={"if-none-match": answer.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")

    @pytest.mark.parametrize("name", ["none.js", "..%2Fapp.py", "%2e%2e%2fapp.py", "__init__.py", "index.html%00.js"])
    async def test_only_files_of_the_page_are_served(self, world: World, name: str) -> None:
        answer = await world.client.get(f"/static/{name}")
        assert answer.status_code == 404

    async def test_the_api_describes_itself(self, world: World) -> None:
        document = (await world.client.get("/api/openapi.json")).json()
        assert {"/api/datasets", "/api/jobs", "/api/trajectories", "/api/trajectories/{key}"} <= document[
            "paths"
        ].keys()
        operations = [each for path in document["paths"].values() for each in path.values()]
        with_bodies = [each["responses"].keys() for each in operations if "requestBody" in each]
        assert len(with_bodies) == 2
        assert all("413" in answers for answers in with_bodies)
