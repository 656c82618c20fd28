"""Peers that do not read, do not write, or leave: what they cost, and how they are dropped."""

import asyncio
import gc
import json
import logging
import tracemalloc
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from hfsvc.models import TrajectoryRow
from hfsvc.protocols import RowStream
from hfsvc.server import ServerLimits
from hfsvc.server.errors import Busy
from hfsvc.server.limits import ByteBudget
from hfsvc.server.runner import uvicorn as serving_module
from hfsvc.server.runner.connections import MAX_FRAGMENTS, MIN_READ_BYTES, WriteBacklog, has_stalled
from hfsvc.testing import FakeTrajectorySource
from tests.server.routes.test_effuse import data, error, socket_of
from tests.server.worlds import (
    Counted,
    Held,
    Waiting,
    World,
    contents,
    error_of,
    open_app,
    open_served_world,
    serving,
    trajectory,
    until,
)

MiB = 1 << 20
# So that what waits for a peer that does nothing is soon over.
HASTY = ServerLimits(stall_s=0.2, request_s=0.2, keep_alive_s=1, stop_s=1)
# More than the system's own buffers of a connection hold.
LARGE = trajectory(message="x" * MiB)
ROWS = 400


async def connect(world: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection whose reader takes in next to nothing by itself."""
    parts = urlsplit(world.address)
    return await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 12)


async def request(world: World, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await connect(world)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return reader, writer


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


class TestReadersThatStop:
    async def test_a_stream_is_made_no_faster_than_it_is_read(self, root: Path) -> None:
        source = Counted([LARGE] * ROWS)
        async with open_served_world(root, source=source, limits=HASTY) as world:
            reader, writer = await request(world, "/api/trajectories.jsonl")
            await reader.readexactly(1)
            await until(lambda: source.streams == 0)
            assert source.given < ROWS / 4
            received = await read_to_end(reader)
            assert not received.endswith(b"0\r\n\r\n")
            writer.close()

    async def test_memory_stays_flat_however_many_do_not_read(self, root: Path) -> None:
        source = Counted([LARGE] * ROWS)
        async with open_served_world(root, source=source, limits=ServerLimits(stall_s=60, stop_s=0)) as world:
            await world.client.get("/api/trajectories/0")
            gc.collect()
            tracemalloc.start()
            streams = [await request(world, "/api/trajectories.jsonl") for _ in range(8)]
            for reader, _ in streams:
                await reader.readexactly(1)
            await until_still(lambda: source.given)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 8 * 4 * MiB
            assert source.given < 8 * ROWS / 4
            for _, writer in streams:
                writer.close()

    async def test_a_large_answer_is_given_up(self, root: Path) -> None:
        source = FakeTrajectorySource([trajectory(message="x" * (24 * MiB))])
        async with open_served_world(root, source=source, limits=HASTY) as world:
            reader, writer = await request(world, "/api/trajectories/0")
            head = await reader.readuntil(b"\r\n\r\n")
            await until_gone(world)
            received = await read_to_end(reader)
            assert len(received) < 24 * MiB
            assert b"200 OK" in head
            writer.close()

    async def test_a_socket_is_asked_nothing_more_and_dropped(self, root: Path) -> None:
        source = Counted([LARGE] * 24)
        async with open_served_world(root, source=source, limits=HASTY) as world:
            reader, writer = await ask_without_reading(world, times=10)
            await until(lambda: source.given > 0)
            await until_gone(world)
            assert source.given == 24
            assert len(await read_to_end(reader)) < 24 * MiB
            writer.close()

    async def test_others_are_answered_meanwhile(self, root: Path) -> None:
        source = Counted([LARGE] * 24)
        async with open_served_world(root, source=source, limits=ServerLimits(stop_s=0)) as world:
            _, writer = await ask_without_reading(world)
            await until(lambda: source.given == 24)
            async with socket_of(world) as other:
                assert await data(other, "getHFTrajectoryCount") == {"count": 24}
            writer.close()

    async def test_an_answer_counts_until_it_is_read(self, root: Path) -> None:
        limits = ServerLimits(held_bytes=30 * MiB, held_wait_s=0.2, stop_s=0)
        source = Counted([LARGE] * 24)
        async with open_served_world(root, source=source, limits=limits) as world:
            reader, writer = await ask_without_reading(world)
            await until(lambda: source.given == 24 and source.streams == 0)
            async with socket_of(world) as other:
                assert "busy" in await error(other, "getHFTrajectory", index=0)
                await reader.readexactly(24 * MiB)
                assert await data(other, "getHFTrajectory", index=0)
            writer.close()

    async def test_a_document_counts_until_it_is_read(self, root: Path) -> None:
        limits = ServerLimits(held_bytes=30 * MiB, held_wait_s=0.2, stop_s=0)
        source = FakeTrajectorySource([trajectory(message="x" * (24 * MiB)), trajectory()])
        async with open_served_world(root, source=source, limits=limits) as world:
            reader, writer = await request(world, "/api/trajectories/0")
            await reader.readuntil(b"\r\n\r\n")
            assert (await world.client.get("/api/trajectories/1")).status_code == 503
            await reader.readexactly(24 * MiB)
            assert (await world.client.get("/api/trajectories/1")).status_code == 200
            writer.close()

    async def test_a_socket_that_answers_no_ping_is_dropped_with_what_it_has_not_read(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(serving_module, "PING_S", 0.05)
        monkeypatch.setattr(serving_module, "PONG_S", 0.05)
        source = Counted([LARGE] * 24)
        async with open_served_world(root, source=source, limits=ServerLimits(stall_s=600, stop_s=0)) as world:
            reader, writer = await ask_without_reading(world)
            await until(lambda: source.given == 24)
            await until_gone(world)
            with anyio.fail_after(30):
                assert len(await read_to_end(reader)) < 24 * MiB
            writer.close()

    @pytest.mark.parametrize("over_socket", [False, True])
    async def test_no_answer_counts_for_ever(self, root: Path, over_socket: bool) -> None:
        limits = ServerLimits(answer_s=1, held_bytes=30 * MiB, held_wait_s=0.1, stall_s=600, stop_s=0)
        rows = [LARGE] * 24 if over_socket else [trajectory(message="x" * (24 * MiB)), LARGE]
        async with open_served_world(root, source=Counted(rows), limits=limits) as world:
            asked = ask_without_reading(world) if over_socket else request(world, "/api/trajectories/0")
            reader, writer = await asked
            await reader.readexactly(1)
            with anyio.fail_after(30):
                while (await world.client.get("/api/trajectories/1")).status_code != 200:
                    pass
            writer.close()

    async def test_no_answer_is_made_for_ever(self, root: Path) -> None:
        class Stuck(FakeTrajectorySource):
            async def find_rows(self, key: str, *, by: Any = None) -> tuple[int, ...]:
                await anyio.sleep_forever()
                raise AssertionError

        async with open_served_world(root, source=Stuck([]), limits=ServerLimits(answer_s=0.1)) as world:
            answer = await world.client.get("/api/trajectories/task")
            assert (answer.status_code, error_of(answer)["code"]) == (503, "busy")

    def test_stuck_is_who_reads_next_to_nothing(self) -> None:
        def stuck(before: int, now: int, caught_up: int = 0) -> bool:
            return has_stalled(WriteBacklog(before, 0), WriteBacklog(now, caught_up))

        assert stuck(100, 100)
        assert stuck(MiB, MiB - MIN_READ_BYTES + 1)
        assert stuck(100, 200)
        assert not stuck(0, MiB)
        assert not stuck(100, 0)
        assert not stuck(MiB, MiB - MIN_READ_BYTES)
        assert not stuck(MiB, MiB, caught_up=1)


async def open_raw_socket(world: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A socket whose frames are the test's own."""
    reader, writer = await connect(world)
    handshake = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    writer.write(f"GET /ws HTTP/1.1\r\nHost: localhost\r\n{handshake}{key}\r\n".encode())
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def frame(opcode: Opcode, content: bytes = b"", *, fin: bool = True) -> bytes:
    return Frame(opcode, content, fin).serialize(mask=True)


def asking(name: str) -> bytes:
    return frame(Opcode.TEXT, json.dumps({"type": f"request:{name}", "correlationId": "x"}).encode())


async def ask_without_reading(world: World, times: int = 1) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A socket that asks for pages and reads no answer by itself."""
    reader, writer = await open_raw_socket(world)
    writer.write(asking("getHFTrajectories") * times)
    return reader, writer


async def until_gone(world: World) -> None:
    """Ask until the server holds no connection but the one that asks."""
    with anyio.fail_after(30):
        while True:
            lines = (await world.client.get("/metrics")).text.splitlines()
            if "hfsvc_http_requests 1" in lines and "hfsvc_sockets 0" in lines:
                return


async def until_still(value: Any) -> None:
    """Wait until a number no longer changes while the loop turns."""
    before, quiet = value(), 0
    while quiet < 50:
        await anyio.sleep(0.005)
        quiet = quiet + 1 if value() == before else 0
        before = value()


class TestWritersThatDoNotStop:
    @pytest.mark.parametrize("between", ["", "{}"])
    async def test_pings_are_taken_no_faster_than_pongs_are_read(self, root: Path, between: str) -> None:
        message = frame(Opcode.TEXT, between.encode()) if between else b""
        pings = (frame(Opcode.PING, b"x" * 125) * 10 + message) * 100
        async with open_served_world(root, limits=ServerLimits(stall_s=60, stop_s=0)) as world:
            _, writer = await open_raw_socket(world)
            sent = 0

            async def send() -> None:
                nonlocal sent
                for _ in range(400):
                    writer.write(pings)
                    await writer.drain()
                    sent += len(pings)

            sending = asyncio.ensure_future(send())
            await until_still(lambda: sent)
            assert not sending.done()
            sending.cancel()
            writer.transport.abort()

    async def test_few_messages_are_taken_in_while_one_is_answered(self, root: Path) -> None:
        # As much as one read of the server's could take.
        small = frame(Opcode.TEXT) * 40_000
        async with open_served_world(root, source=Waiting([]), limits=ServerLimits(stop_s=0)) as world:
            sockets = [await open_raw_socket(world) for _ in range(8)]
            gc.collect()
            tracemalloc.start()
            for _, writer in sockets:
                writer.write(asking("getHFTrajectoryCount") + small)
            await until_still(lambda: tracemalloc.get_traced_memory()[0])
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < len(sockets) * MiB
            for _, writer in sockets:
                writer.transport.abort()

    async def test_a_frame_over_the_bound_is_not_waited_for(self, root: Path) -> None:
        async with open_served_world(root) as world:
            reader, writer = await open_raw_socket(world)
            writer.write(frame(Opcode.TEXT, b"x" * MiB)[:100])
            await until_gone(world)
            assert await read_to_end(reader)
            writer.close()

    async def test_a_message_has_its_end(self, root: Path) -> None:
        async with open_served_world(root) as world:
            reader, writer = await open_raw_socket(world)
            writer.write(frame(Opcode.TEXT, fin=False) + frame(Opcode.CONT, fin=False) * (MAX_FRAGMENTS + 1))
            await until_gone(world)
            assert b"too many fragments" in await read_to_end(reader)
            writer.close()


class TestWritersThatStop:
    @pytest.mark.parametrize(
        "sent",
        [
            b"",
            b"GET /healthz HTTP/1.1\r\nHost: loc",
            b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{",
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\n",
        ],
    )
    async def test_a_request_that_never_ends_is_dropped(self, root: Path, sent: bytes) -> None:
        async with open_served_world(root, limits=HASTY) as world:
            reader, writer = await connect(world)
            writer.write(sent)
            await read_to_end(reader)
            writer.close()
            assert (await world.client.get("/healthz")).status_code == 200

    async def test_a_socket_may_be_silent_for_longer_than_a_request(self, root: Path) -> None:
        limits = ServerLimits(request_s=0.2, stop_s=0)
        async with open_served_world(root, limits=limits) as world, socket_of(world) as socket:
            reader, writer = await connect(world)
            await read_to_end(reader)
            writer.close()
            assert await data(socket, "getHFTrajectoryCount") == {"count": 1}

    async def test_a_head_without_end_is_refused(self, root: Path) -> None:
        async with open_served_world(root) as world:
            reader, writer = await connect(world)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * (64 << 10))
            head, _, body = (await read_to_end(reader)).partition(b"\r\n\r\n")
            assert b" 400 " in head.split(b"\r\n")[0]
            assert b"nosniff" in head
            assert json.loads(body)["error"]["code"] == "invalid_request"
            writer.close()

    async def test_what_breaks_off_in_the_middle_of_an_answer_is_no_error_of_the_server(
        self, root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        source = Counted([LARGE] * ROWS)
        async with open_served_world(root, source=source) as world:
            reader, writer = await connect(world)
            chunked = b"Transfer-Encoding: chunked\r\n"
            writer.write(b"GET /api/trajectories.jsonl HTTP/1.1\r\nHost: localhost\r\n" + chunked + b"\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"no size of a chunk\r\n")
            await until(lambda: source.streams == 0)
            writer.close()
        assert not [each for each in caplog.records if each.levelno >= logging.ERROR]

    async def test_what_follows_a_length_told_twice_is_no_request(self, root: Path) -> None:
        async with open_served_world(root) as world:
            reader, writer = await connect(world)
            lengths = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"
            smuggled = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
            writer.write(b"POST /session HTTP/1.1\r\nHost: localhost\r\n" + lengths + b"\r\n0\r\n\r\n" + smuggled)
            received = await read_to_end(reader)
            assert received.startswith(b"HTTP/1.1 400 ")
            assert received.count(b"HTTP/1.1") == 1
            writer.close()

    async def test_one_connection_too_many_is_closed_unheard(self, root: Path) -> None:
        async with open_served_world(root, limits=ServerLimits(connections=2)) as world:
            first = await request(world, "/healthz")
            await first[0].readuntil(b"}")
            second = await connect(world)
            third = await connect(world)
            assert await read_to_end(third[0]) == b""
            for _, writer in (first, second, third):
                writer.close()


class TestReadersThatLeave:
    async def test_reading_stops_with_them(self, root: Path) -> None:
        source = Counted([LARGE] * ROWS)
        async with open_served_world(root, source=source) as world:
            async with world.client.stream("GET", "/api/trajectories.jsonl") as answer:
                await anext(answer.aiter_bytes())
            await until(lambda: source.streams == 0)
            assert source.given < ROWS / 4

    async def test_also_where_the_next_row_does_not_come(self, root: Path) -> None:
        class Endless(Counted):
            async def _counted(self, rows: RowStream[TrajectoryRow]) -> AsyncGenerator[TrajectoryRow, None]:
                self.streams += 1
                try:
                    yield await anext(aiter(rows))
                    await anyio.sleep_forever()
                finally:
                    await rows.aclose()
                    self.streams -= 1

        source = Endless([trajectory()])
        async with open_served_world(root, source=source) as world:
            async with world.client.stream("GET", "/api/trajectories.jsonl") as answer:
                await anext(answer.aiter_bytes())
            await until(lambda: source.streams == 0)

    async def test_a_row_that_fails_is_told_last_and_the_answer_stays_unended(self, root: Path) -> None:
        source = FakeTrajectorySource([trajectory(), None, trajectory()])
        async with open_served_world(root, source=source) as world:
            reader, writer = await request(world, "/api/trajectories.jsonl")
            received = await read_to_end(reader)
            assert b'{"error":{"code":"bad_row","message":"Row 1 in fake.parquet' in received
            assert not received.endswith(b"0\r\n\r\n")
            writer.close()


class TestStopping:
    async def test_nobody_keeps_it_waiting(self, root: Path) -> None:
        source = Counted([LARGE] * ROWS)
        limits = ServerLimits(stop_s=0)
        async with open_app(root, source=source, limits=limits) as app:
            async with serving(app, limits) as address:
                world = World(app, None, address)  # type: ignore[arg-type]
                stream = await request(world, "/api/trajectories.jsonl")
                await stream[0].readexactly(1)
                half_open = await connect(world)
                socket = await socket_of(world)
            assert source.streams == 0
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
            assert not (await read_to_end(stream[0])).endswith(b"0\r\n\r\n")
            assert await read_to_end(half_open[0]) == b""
            for _, writer in (stream, half_open):
                writer.close()

    async def test_watchers_are_sent_home_at_once(self, root: Path) -> None:
        datasets = Held(root, contents())
        limits = ServerLimits(stop_s=600)
        async with open_app(root, datasets=datasets, limits=limits) as app:
            async with serving(app, limits) as address, httpx.AsyncClient(base_url=address, trust_env=False) as client:
                job = (await client.post("/api/jobs", json={"repo": "acme/notes"})).json()
                reader, writer = await request(World(app, client, address), f"/api/jobs/{job['id']}/events")
                await reader.readuntil(b"event: ")
            assert (await read_to_end(reader)).endswith(b"0\r\n\r\n")
            assert datasets.begun == 0
            writer.close()


class TestBudget:
    async def test_who_finds_no_room_waits_in_turn(self) -> None:
        budget = ByteBudget(10, wait_s=30)
        order: list[str] = []

        async def take(name: str, size: int) -> None:
            async with budget.reserve(size):
                order.append(name)

        async with anyio.create_task_group() as group, budget.reserve(8):
            group.start_soon(take, "large", 9)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(take, "small", 1)
            await anyio.wait_all_tasks_blocked()
            assert order == []
        assert order == ["large", "small"]

    async def test_an_answer_counts_for_what_it_turned_out_to_be(self) -> None:
        budget = ByteBudget(10, wait_s=0.01)
        async with budget.reserve(8) as held:
            held.resize(2)
            async with budget.reserve(8):
                with pytest.raises(Busy):
                    async with budget.reserve(1):
                        pass
            held.resize(30)
            with pytest.raises(Busy):
                async with budget.reserve(1):
                    pass
        async with budget.reserve(10):
            pass

    async def test_who_gives_up_leaves_no_trace(self) -> None:
        budget = ByteBudget(1, wait_s=30)
        async with budget.reserve(1):
            with anyio.move_on_after(0.01):
                async with budget.reserve(1):
                    pass
        async with budget.reserve(1):
            pass
