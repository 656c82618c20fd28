"""Jobs over REST: downloads that are started, watched and cancelled."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import httpx
import pytest

from hfsvc.models import BytesReceived
from hfsvc.server import ServerLimits
from tests.server.worlds import OTHER, REPO, Held, World, error_of, open_app, open_served_world, open_world, until


class SeenEvent(NamedTuple):
    """An event as a browser hears it."""

    number: int
    name: str
    data: Any


async def heard(answer: httpx.Response) -> AsyncIterator[SeenEvent]:
    """The events of a stream, as they come."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if line and name:
            fields[name] = value
        elif fields:
            yield SeenEvent(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}


async def start(world: World, repo: str = REPO, **order: Any) -> dict[str, Any]:
    answer = await world.client.post("/api/jobs", json={"repo": repo, **order})
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


async def all_events(world: World, job_id: str, after: int | None = None) -> list[SeenEvent]:
    headers = {} if after is None else {"last-event-id": str(after)}
    async with world.client.stream("GET", f"/api/jobs/{job_id}/events", headers=headers) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        return [each async for each in heard(answer)]


class TestJobs:
    async def test_a_part_is_ordered_and_what_is_left_is_told(self, world: World) -> None:
        job = await start(world, split="train", maxFiles=1)
        events = await all_events(world, job["id"])
        told = [events[0].data["plan"], events[-1].data["dataset"]]
        assert [(each["left"], each["conversion"], each["fileCount"]) for each in told] == [(None, None, 1)] * 2
        job = await start(world, split="nowhere")
        ended = (await all_events(world, job["id"]))[-1].data
        assert (ended["state"], ended["error"]["code"]) == ("failed", "split_not_found")
        refused = await world.client.post("/api/jobs", json={"repo": REPO, "maxBytes": 0})
        assert refused.status_code == 400

    async def test_a_job_is_located_and_a_second_order_joins_it(self, root: Path, held: Held) -> None:
        async with open_world(root, datasets=held) as world:
            first = await world.client.post("/api/jobs", json={"repo": REPO})
            again = await world.client.post("/api/jobs", json={"repo": REPO.upper()})
            other = await world.client.post("/api/jobs", json={"repo": REPO, "include": ["*.md"]})
            assert [each.status_code for each in (first, again, other)] == [201, 200, 201]
            assert again.json()["id"] == first.json()["id"] != other.json()["id"]
            assert first.headers["location"] == again.headers["location"]
            assert (await world.client.get(first.headers["location"])).json()["id"] == first.json()["id"]
            held.go_on.set()
            await all_events(world, first.json()["id"])
            assert (await world.client.post("/api/jobs", json={"repo": REPO})).status_code == 201

    @pytest.mark.parametrize(
        "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    )
    async def test_a_body_of_another_type_is_415(self, world: World, kind: str) -> None:
        for path in ("/api/jobs", "/session"):
            answer = await world.client.post(path, content=b'{"repo": "acme/notes"}', headers={"content-type": kind})
            assert (answer.status_code, error_of(answer)["code"]) == (415, "unsupported_media_type")
        for json_kind in ("application/json; charset=utf-8", "application/vnd.api+json"):
            answer = await world.client.post(
                "/api/jobs", content=b'{"repo": "a/b"}', headers={"content-type": json_kind}
            )
            assert answer.status_code in {200, 201}

    async def test_a_download_is_started_and_finishes(self, world: World, root: Path) -> None:
        job = await start(world, include=["**"])
        assert (job["repo"], job["state"]) == (REPO, "running")
        events = await all_events(world, job["id"])
        assert events[0].name == "planned"
        assert [each.name for each in events][-2:] == ["finished", "ended"]
        assert [each.number for each in events] == sorted({each.number for each in events})
        ended = (await world.client.get(f"/api/jobs/{job['id']}")).json()
        assert events[-1].data == ended
        assert (ended["state"], ended["received"], ended["total"]) == ("finished", 105, 105)
        assert ended["dataset"]["fileCount"] == 2
        assert (root / REPO / "notes.md").read_bytes() == b"hello"
        assert str(root) not in json.dumps([each.data for each in events])

    async def test_what_fails_says_why(self, world: World) -> None:
        job = await start(world, "acme/missing")
        (ended,) = await all_events(world, job["id"])
        assert (ended.data["state"], ended.data["error"]["code"]) == ("failed", "dataset_not_found")
        assert ended.data["error"].keys() == {"code", "message", "retryable", "retryAfter", "hint"}

    @pytest.mark.parametrize(
        "order",
        [
            {},
            {"repo": 1},
            {"repo": REPO, "token": "hf_x"},
            {"repo": REPO, "include": "**"},
            {"repo": REPO, "force": "yes"},
            [],
        ],
    )
    async def test_what_cannot_be_meant_starts_nothing(self, world: World, order: Any) -> None:
        answer = await world.client.post("/api/jobs", json=order)
        assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_request")
        answer = await world.client.post("/api/jobs", json={"repo": "no-alias"})
        assert (answer.status_code, error_of(answer)["code"]) == (404, "unknown_source")
        assert (await world.client.get("/api/jobs")).json() == []

    @pytest.mark.parametrize(
        ("order", "code"),
        [
            ({"repo": "../../etc/passwd"}, "invalid_repo_id"),
            ({"repo": "http://169.254.169.254/latest"}, "invalid_repo_id"),
            ({"repo": REPO, "include": ["{1..100000}"]}, "invalid_pattern"),
        ],
    )
    async def test_what_no_download_can_be_made_of_starts_nothing(
        self, world: World, order: dict[str, Any], code: str
    ) -> None:
        answer = await world.client.post("/api/jobs", json=order)
        assert (answer.status_code, error_of(answer)["code"]) == (400, code)
        assert (await world.client.get("/api/jobs")).json() == []

    @pytest.mark.parametrize(
        ("body", "said"), [(b"", "body: it is empty"), (b"[]", "body: Expected"), (b"{}", "body: Object missing")]
    )
    async def test_a_body_that_is_no_order_is_called_one(self, world: World, body: bytes, said: str) -> None:
        answer = await world.client.post("/api/jobs", content=body)
        assert (answer.status_code, said in error_of(answer)["message"]) == (400, True), answer.text

    async def test_a_body_that_is_nested_too_deep_is_refused(self, world: World) -> None:
        for path in ("/api/jobs", "/session"):
            answer = await world.client.post(path, content=b"[" * 60_000)
            assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_request")

    async def test_a_job_is_cancelled(self, root: Path, held: Held) -> None:
        async with open_world(root, datasets=held) as world:
            job = await start(world)
            await until(lambda: held.begun == 1)
            cancelled = (await world.client.delete(f"/api/jobs/{job['id']}")).json()
            assert (cancelled["state"], held.begun) == ("cancelled", 0)
            assert cancelled["endedAt"]
            assert (await world.client.delete(f"/api/jobs/{job['id']}")).json() == cancelled
            (ended,) = (each for each in await all_events(world, job["id"]) if each.name == "ended")
            assert ended.data == cancelled

    async def test_jobs_end_with_the_app(self, root: Path, held: Held) -> None:
        async with open_world(root, datasets=held) as world:
            await start(world)
            await until(lambda: held.begun == 1)
        assert held.begun == 0

    async def test_an_app_that_is_opened_again_tells_of_new_ones(self, root: Path) -> None:
        async with open_app(root) as app:
            async with app.lifespan():
                pass
            transport = httpx.ASGITransport(app)
            async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                world = World(app, client, "http://localhost/")
                job = await start(world)
                assert (await all_events(world, job["id"]))[-1].name == "ended"

    async def test_an_app_that_is_open_is_not_opened_again(self, root: Path, held: Held) -> None:
        async with open_world(root, datasets=held) as world:
            await start(world)
            with pytest.raises(RuntimeError, match="open already"):
                async with world.app.lifespan():
                    pass
            await until(lambda: held.begun == 1)

    async def test_one_that_is_not_there_is_404(self, world: World) -> None:
        for method, rest in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
            answer = await world.client.request(method, f"/api/jobs/none{rest}")
            assert (answer.status_code, error_of(answer)["code"]) == (404, "job_not_found")

    async def test_there_are_only_so_many_at_once(self, root: Path, held: Held) -> None:
        async with open_world(root, datasets=held, limits=ServerLimits(jobs=1)) as world:
            await start(world)
            answer = await world.client.post("/api/jobs", json={"repo": OTHER})
            assert (answer.status_code, error_of(answer)["code"]) == (503, "busy")
            held.go_on.set()

    async def test_old_ones_are_forgotten(self, root: Path) -> None:
        async with open_world(root, limits=ServerLimits(kept_jobs=1)) as world:
            jobs = []
            for _ in range(3):
                jobs.append(await start(world))
                await all_events(world, jobs[-1]["id"])
            listed = [job["id"] for job in (await world.client.get("/api/jobs")).json()]
            assert listed == [job["id"] for job in jobs[1:]]


class TestEvents:
    async def test_a_watcher_comes_back_where_it_left(self, world: World) -> None:
        job = await start(world, include=["**"])
        events = await all_events(world, job["id"])
        for seen in events[:-1]:
            assert await all_events(world, job["id"], seen.number) == [each for each in events if each > seen]
        answer = await world.client.get(
            f"/api/jobs/{job['id']}/events", headers={"last-event-id": str(events[-1].number)}
        )
        assert answer.status_code == 204

    @pytest.mark.parametrize("text", ["x", "-1", "", "9" * 400, "1.5"])
    async def test_a_number_that_is_none_begins_at_the_beginning(self, world: World, text: str) -> None:
        job = await start(world)
        everything = await all_events(world, job["id"])
        async with world.client.stream(
            "GET", f"/api/jobs/{job['id']}/events", headers={"last-event-id": text}
        ) as answer:
            assert [each async for each in heard(answer)] == everything

    async def test_events_are_told_as_they_happen(self, root: Path, held: Held) -> None:
        async with open_served_world(root, datasets=held) as world:
            job = await start(world)
            async with world.client.stream("GET", f"/api/jobs/{job['id']}/events") as answer:
                events = heard(answer)
                assert (await anext(events)).data["received"] == 1
                held.tell(BytesReceived(received=7, total=100))
                assert (await anext(events)).data["received"] == 7
                held.go_on.set()
                rest = [each async for each in events]
            assert rest[-1].data["state"] == "finished"

    async def test_streams_end_when_the_server_stops(self, root: Path, held: Held) -> None:
        async with open_served_world(root, datasets=held) as world:
            job = await start(world)
            async with world.client.stream("GET", f"/api/jobs/{job['id']}/events") as answer:
                events = heard(answer)
                await anext(events)
                world.app.close_streams()
                assert [each async for each in events] == []

    async def test_there_are_only_so_many_watchers(self, root: Path, held: Held) -> None:
        async with open_world(root, datasets=held, limits=ServerLimits(watchers=0)) as world:
            job = await start(world)
            answer = await world.client.get(f"/api/jobs/{job['id']}/events")
            assert (answer.status_code, error_of(answer)["code"]) == (503, "busy")

    async def test_a_watcher_that_leaves_frees_its_place(self, root: Path, held: Held) -> None:
        async with open_served_world(root, datasets=held, limits=ServerLimits(watchers=1)) as world:
            job = await start(world)
            for _ in range(3):
                await watch_when_free(world, job["id"])


async def watch_when_free(world: World, job_id: str) -> None:
    """Hear an event, as soon as the server has noticed that nobody else watches any more."""
    with anyio.fail_after(30):
        while True:
            async with world.client.stream("GET", f"/api/jobs/{job_id}/events") as answer:
                if answer.status_code == 200:
                    await anext(heard(answer))
                    return
