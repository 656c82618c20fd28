"""The Effuse socket: its protocol, and what hostile frames do to it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from hfsvc.models import OnBadRow
from hfsvc.secret import Secret
from hfsvc.server import ServerAccess, ServerLimits
from hfsvc.server.middleware.access import make_access
from hfsvc.server.routes.effuse import failure, read_request, success
from hfsvc.testing import FakeTrajectorySource
from tests.builders import in_own_task
from tests.server.effuse.test_documents import Document
from tests.server.worlds import Counted, Waiting, World, open_app, open_served_world, trajectory

KiB = 1 << 10


def socket_of(world: World, **settings: Any) -> connect:
    """A socket of a page of the server's own."""
    origin = settings.pop("origin", world.address.rstrip("/"))
    address = world.address.replace("http", "ws", 1) + "ws"
    return connect(address, origin=origin, max_size=None, max_queue=1, proxy=None, **settings)


@asynccontextmanager
async def open_socket(root: Path, source: Any, **settings: Any) -> AsyncIterator[ClientConnection]:
    async with open_served_world(root, source=source, **settings) as world, socket_of(world) as socket:
        yield socket


@pytest.fixture
async def socket(root: Path, source: Counted) -> AsyncIterator[ClientConnection]:
    async with in_own_task(open_socket(root, source)) as socket:
        yield socket


async def ask(socket: ClientConnection, name: str, **fields: Any) -> dict[str, Any]:
    """The answer to a request."""
    await socket.send(json.dumps({"type": f"request:{name}", "correlationId": f"id of {name}", **fields}))
    answer: dict[str, Any] = json.loads(await socket.recv())
    assert (answer["type"], answer["correlationId"]) == (f"response:{name}", f"id of {name}")
    assert answer.keys() == {"type", "correlationId", "success", "data" if answer["success"] else "error"}
    return answer


async def data(socket: ClientConnection, name: str, **fields: Any) -> Any:
    answer = await ask(socket, name, **fields)
    assert answer["success"] is True
    return answer["data"]


async def error(socket: ClientConnection, name: str, **fields: Any) -> str:
    answer = await ask(socket, name, **fields)
    assert answer["success"] is False
    assert isinstance(answer["error"], str)
    return answer["error"]


class TestProtocol:
    async def test_the_count(self, socket: ClientConnection) -> None:
        assert await data(socket, "getHFTrajectoryCount") == {"count": 4}

    async def test_pages_are_whole_documents_in_row_order(self, socket: ClientConnection) -> None:
        page = await data(socket, "getHFTrajectories", offset=1, limit=2)
        assert [each["extra"]["task"] for each in page] == ["b", "über/die %2F Brücke"]
        assert [len(each["steps"]) for each in page] == [5, 1]
        assert len(await data(socket, "getHFTrajectories")) == 4
        assert await data(socket, "getHFTrajectories", offset=99, limit=100) == []

    async def test_a_page_is_of_100_unless_said(self, root: Path) -> None:
        async with open_socket(root, FakeTrajectorySource([trajectory()] * 150)) as socket:
            assert len(await data(socket, "getHFTrajectories")) == 100
            assert len(await data(socket, "getHFTrajectories", offset=100)) == 50

    async def test_a_row_or_null(self, socket: ClientConnection) -> None:
        found = await data(socket, "getHFTrajectory", index=1)
        assert found["extra"]["task"] == "b"
        assert await data(socket, "getHFTrajectory", index=4) is None

    async def test_documents_are_of_the_version_and_have_the_fields_that_the_ui_requires(
        self, socket: ClientConnection
    ) -> None:
        found = await data(socket, "getHFTrajectory", index=1)
        assert found["schema_version"] == "ATIF-v1.4"
        assert found["agent"]["model_name"] == "unknown"
        assert {step["timestamp"] for step in found["steps"]} == {""}

    async def test_what_a_row_has_stays_and_newer_versions_are_written_as_this_one(self, root: Path) -> None:
        from msgspec.structs import replace

        made = trajectory()
        agent = replace(made.agent, model_name="m")
        step = replace(made.steps[0], timestamp="2025-01-01T00:00:00Z")
        made = replace(made, schema_version="ATIF-v1.7", agent=agent, steps=[step], trajectory_id="t")
        async with open_socket(root, FakeTrajectorySource([made])) as socket:
            found = await data(socket, "getHFTrajectory", index=0)
        assert (found["schema_version"], found["agent"]["model_name"]) == ("ATIF-v1.4", "m")
        assert found["steps"][0]["timestamp"] == "2025-01-01T00:00:00Z"
        assert "trajectory_id" not in found

    async def test_requests_about_other_things_are_answered_with_an_error(self, socket: ClientConnection) -> None:
        for name in ("loadTBSuite", "startTBRun", "", "x" * 5000):
            assert await error(socket, name)

    async def test_lists_of_other_things_are_empty(self, socket: ClientConnection) -> None:
        for name in ("loadRecentTBRuns", "loadReadyTasks", "loadUnifiedTrajectories"):
            assert await data(socket, name, count=20, limit=50) == []

    async def test_no_two_rows_have_one_id(self, root: Path) -> None:
        trials = ("t-1", "t-2", "t-2", "", None, None, None)
        rows = [trajectory("same", run_id="run", trial_name=each) for each in trials]
        rows[-1].extra.pop("run_id")  # type: ignore[union-attr]
        async with open_socket(root, FakeTrajectorySource(rows)) as socket:
            page = await data(socket, "getHFTrajectories")
            singles = [await data(socket, "getHFTrajectory", index=row) for row in range(len(rows))]
        assert page == singles
        assert [each["session_id"] for each in page] == ["t-1", *(f"run#{row}" for row in range(1, 6)), "s-same#6"]
        assert {each["extra"]["session_id"] for each in page} == {"s-same"}

    async def test_one_socket_is_answered_in_order(self, socket: ClientConnection) -> None:
        for index in range(4):
            await socket.send(
                json.dumps({"type": "request:getHFTrajectory", "correlationId": str(index), "index": index})
            )
        answers = [json.loads(await socket.recv()) for _ in range(4)]
        assert [each["correlationId"] for each in answers] == ["0", "1", "2", "3"]


class TestFailures:
    async def test_what_is_not_on_disk_says_so(self, root: Path) -> None:
        async with open_socket(root, FakeTrajectorySource([], downloaded=False)) as socket:
            for name in ("getHFTrajectoryCount", "getHFTrajectories"):
                assert "is not downloaded: run: hfsvc download" in await error(socket, name)

    @pytest.mark.parametrize(
        "tasks", [["a", None, "c"], [None, "b"], ["a", None, None, "d", None], [None], [None] * 3, ["a"]], ids=str
    )
    async def test_a_row_that_cannot_be_read_is_a_document_in_its_place(
        self, root: Path, tasks: list[str | None]
    ) -> None:
        rows = [None if each is None else trajectory(each) for each in tasks]

        def make(_: str, *, on_bad_row: OnBadRow, **options: Any) -> FakeTrajectorySource:
            return FakeTrajectorySource(rows, on_bad_row=on_bad_row)

        async with open_socket(root, make) as socket:
            for offset in range(len(rows) + 1):
                page = await data(socket, "getHFTrajectories", offset=offset, limit=3)
                singles = [await data(socket, "getHFTrajectory", index=row) for row in range(offset, len(rows))][:3]
                assert page == singles
                for row, (task, found) in enumerate(zip(tasks[offset:], page, strict=False), offset):
                    assert msgspec.convert(found, Document).session_id
                    assert found["extra"]["task"] == (task or f"Row {row} cannot be read")
                    if task is None:
                        (step,) = found["steps"]
                        assert f"Row {row} in fake.parquet cannot be read" in step["message"]
                        assert found["session_id"] == f"row_{row}"
            assert await data(socket, "getHFTrajectory", index=len(rows)) is None

    @pytest.mark.parametrize(
        ("name", "fields"),
        [
            ("getHFTrajectories", {"offset": -1}),
            ("getHFTrajectories", {"offset": "0"}),
            ("getHFTrajectories", {"limit": 1001}),
            ("getHFTrajectories", {"limit": None}),
            ("getHFTrajectories", {"limit": 10**30}),
            ("getHFTrajectories", {"offset": True}),
            ("getHFTrajectory", {}),
            ("getHFTrajectory", {"index": "trial"}),
            ("getHFTrajectory", {"index": -1}),
            ("getHFTrajectory", {"index": 0.5}),
        ],
    )
    async def test_what_cannot_be_meant_says_so(
        self, socket: ClientConnection, name: str, fields: dict[str, Any]
    ) -> None:
        assert "cannot be meant" in await error(socket, name, **fields)

    async def test_an_answer_that_takes_too_long_is_an_error(self, root: Path) -> None:
        async with open_socket(root, Waiting([trajectory()]), limits=ServerLimits(answer_s=0.1)) as socket:
            assert "busy" in await error(socket, "getHFTrajectoryCount")
            assert await data(socket, "getHFTrajectory", index=0)

    async def test_a_page_over_the_bound_has_its_long_texts_cut_and_is_never_held_as_a_whole(self, root: Path) -> None:
        texts = ["short", "m" * 500 * KiB, "é" * 300 * KiB] * 30
        source = Counted([trajectory(f"t{row}", message=text) for row, text in enumerate(texts)])
        async with open_socket(root, source, limits=ServerLimits(answer_bytes=2000 * KiB)) as socket:
            await socket.send(json.dumps({"type": "request:getHFTrajectories", "correlationId": "1"}))
            frame = await socket.recv()
            single = await data(socket, "getHFTrajectory", index=1)
        assert 500 * KiB < len(frame) < 2001 * KiB
        page = json.loads(frame)["data"]
        assert [each["extra"]["task"] for each in page] == [f"t{row}" for row in range(90)]
        said = [each["steps"][0]["message"] for each in page]
        assert said[::3] == ["short"] * 30
        assert all("characters are left out here]" in each for each in said[1::3] + said[2::3])
        assert "more than one answer holds" in page[1]["extra"]["cut"]
        assert single["steps"][0]["message"] == "m" * 500 * KiB

    async def test_an_answer_that_cannot_be_cut_far_enough_is_an_error(self, root: Path) -> None:
        source = Counted([trajectory(message="m" * KiB)] * 500)
        async with open_socket(root, source, limits=ServerLimits(answer_bytes=100 * KiB)) as socket:
            assert "ask for fewer rows" in await error(socket, "getHFTrajectories", limit=500)
            assert source.streams == 0
            assert len(await data(socket, "getHFTrajectories", limit=50)) == 50

    async def test_the_log_says_once_why_the_ui_shows_nothing(
        self, root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with open_socket(root, FakeTrajectorySource([], downloaded=False)) as socket:
            for name in ("getHFTrajectoryCount", "getHFTrajectories"):
                await error(socket, name)
        (said,) = [each.message for each in caplog.records if "socket cannot answer" in each.message]
        assert "is not downloaded: run: hfsvc download" in said


class TestHostileFrames:
    @pytest.mark.parametrize(
        "frame",
        [
            "",
            "no json",
            "[]",
            "null",
            "{}",
            '{"type": 1}',
            '{"type": "hello", "correlationId": "x"}',
            '{"type": "response:getHFTrajectory", "correlationId": "x"}',
            "[" * 30_000,
            '{"type": "request:getHFTrajectoryCount"',
            b"\x00\xff",
            b'{"type": "request:getHFTrajectoryCount", "correlationId": "x"}',
        ],
    )
    async def test_what_is_no_request_is_ignored(self, socket: ClientConnection, frame: str | bytes) -> None:
        await socket.send(frame)
        assert await data(socket, "getHFTrajectoryCount") == {"count": 4}

    @pytest.mark.parametrize("correlation", [{}, {"correlationId": 7}, {"correlationId": None}])
    async def test_a_request_without_an_id_is_answered_without_one(
        self, socket: ClientConnection, correlation: dict[str, Any]
    ) -> None:
        await socket.send(json.dumps({"type": "request:getHFTrajectoryCount", **correlation}))
        assert json.loads(await socket.recv())["correlationId"] == ""

    async def test_a_frame_over_the_bound_closes_the_socket(self, socket: ClientConnection) -> None:
        await socket.send("x" * (65 * KiB))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009

    async def test_it_does_so_behind_a_server_with_another_bound(self, root: Path) -> None:
        frames = iter([{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "ä" * (33 * KiB)}])
        sent: list[Any] = []

        async def receive() -> Any:
            return next(frames)

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"host", b"localhost")]
        scope = {"type": "websocket", "path": "/ws", "query_string": b"", "headers": headers, "subprotocols": []}
        async with open_app(root) as app:
            await app(scope, receive, send)
        assert [each["type"] for each in sent] == ["websocket.accept", "websocket.close"]
        assert sent[-1]["code"] == 1009

    @given(st.text())
    def test_no_text_is_more_than_ignored(self, text: str) -> None:
        assert read_request(text) is None or read_request(text)

    @given(st.text(), st.text())
    def test_envelopes_hand_back_what_was_asked(self, name: str, correlation: str) -> None:
        text = json.dumps({"type": f"request:{name}", "correlationId": correlation})
        found = read_request(text)
        assert found is not None
        for envelope in (success(*found, b"null"), failure(*found, "no")):
            answer = json.loads(envelope)
            assert (answer["type"], answer["correlationId"]) == (f"response:{name}", correlation)


class TestWhoMayOpen:
    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
    async def test_no_page_of_a_stranger(self, root: Path, source: Counted, origin: str) -> None:
        async with open_served_world(root, source=source) as world:
            with pytest.raises(InvalidStatus) as refused:
                async with socket_of(world, origin=origin):
                    pass
            assert refused.value.response.status_code == 403
            assert refused.value.response.headers["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize("path", ["", "api/jobs", "nothing"])
    async def test_elsewhere_there_is_no_socket(self, root: Path, path: str) -> None:
        async with open_served_world(root) as world:
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"{world.address.replace('http', 'ws', 1)}{path}", proxy=None):
                    pass
            assert refused.value.response.status_code == 404
            assert b"no_such_address" in refused.value.response.body

    async def test_programs_and_pages_that_were_let_in(self, root: Path, source: Counted) -> None:
        access = make_access(allow_origins=["https://pages.example"])
        async with open_served_world(root, source=source, access=access) as world:
            for origin in (None, "https://pages.example"):
                async with socket_of(world, origin=origin) as socket:
                    assert await data(socket, "getHFTrajectoryCount") == {"count": 4}

    async def test_by_another_name_nobody(self, root: Path, source: Counted) -> None:
        async with open_served_world(root, source=source) as world:
            with pytest.raises(InvalidStatus) as refused:
                async with socket_of(world, origin=None, additional_headers={"Host": "evil.example"}):
                    pass
            assert refused.value.response.status_code in {400, 403}

    async def test_with_a_token_only_who_shows_it(self, root: Path, source: Counted) -> None:
        access = ServerAccess(token=Secret("geheim"))
        async with open_served_world(root, source=source, access=access) as world:
            with pytest.raises(InvalidStatus) as refused:
                async with socket_of(world):
                    pass
            assert refused.value.response.status_code == 401
            cookie = f"{access.cookie_name}={access.cookie_value}"
            for headers in ({"Authorization": "Bearer geheim"}, {"Cookie": cookie}):
                async with socket_of(world, additional_headers=headers) as socket:
                    assert await data(socket, "getHFTrajectoryCount") == {"count": 4}

    async def test_only_so_many_at_once(self, root: Path, source: Counted) -> None:
        async with open_served_world(root, source=source, limits=ServerLimits(sockets=1)) as world, socket_of(world):
            with pytest.raises(InvalidStatus) as refused:
                async with socket_of(world):
                    pass
            assert refused.value.response.status_code == 503

    async def test_many_at_once_are_all_answered(self, root: Path, source: Counted) -> None:
        async with open_served_world(root, source=source) as world:
            counted: list[int] = []

            async def use() -> None:
                async with socket_of(world) as socket:
                    for _ in range(5):
                        counted.append((await data(socket, "getHFTrajectoryCount"))["count"])
                        await data(socket, "getHFTrajectories", limit=2)

            async with anyio.create_task_group() as group:
                for _ in range(50):
                    group.start_soon(use)
        assert counted == [4] * 250
