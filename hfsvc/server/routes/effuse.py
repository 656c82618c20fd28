"""The WebSocket that the Effuse UI reads trajectories from: requests and responses as its desktop protocol has them.

Source: src/desktop/protocol.ts, src/mainview/socket-client.ts and src/atif/schema.ts of OpenAgentsInc/openagents
(December 2025).
"""

from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import msgspec
from anyio import to_thread
from litestar import WebSocket, websocket

from hfsvc import atif
from hfsvc.errors import BadRow
from hfsvc.models import OnBadRow, ReadOptions
from hfsvc.protocols import TrajectorySource
from hfsvc.server.effuse.cutting import CutPage
from hfsvc.server.effuse.documents import id_of_row, to_effuse, unreadable
from hfsvc.server.errors import Busy
from hfsvc.server.limits import PAGE_ROWS
from hfsvc.server.state import AppState, AppStateDep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

REQUEST = "request:"
# Of other things than trajectories. The UI asks for some of them first, and takes an error for the end of all.
OTHER_LISTS = ("loadRecentTBRuns", "loadReadyTasks", "loadUnifiedTrajectories")
TOO_LARGE = 1009
# What answers to these hold counts while they are made and sent.
LARGE = frozenset({"getHFTrajectories", "getHFTrajectory"})

Count = Annotated[int, msgspec.Meta(ge=0)]


class _EffuseRequest(msgspec.Struct):
    """What every request has. A correlation id that is no text is handed back as an empty one."""

    type: str
    correlation_id: Any = msgspec.field(default="", name="correlationId")


class _PageRequest(msgspec.Struct):
    offset: Count = 0
    limit: Annotated[int, msgspec.Meta(ge=0, le=PAGE_ROWS)] = 100


class _RowRequest(msgspec.Struct):
    index: Count


class Unanswerable(Exception):
    """A request that gets an error for a response; the text says why."""


class EffuseSocket:
    """A server of the Effuse protocol: answers the requests of sockets, of each one after the other.

    Args:
        app: Its default source is what is read, one step a message; its budget counts answers until they are sent.
    """

    def __init__(self, app: AppState) -> None:
        self._app = app
        self._limits = app.limits
        self._answers: dict[str, Callable[[str], Awaitable[bytes]]] = {
            "getHFTrajectoryCount": self._get_count,
            "getHFTrajectories": self._get_trajectories,
            "getHFTrajectory": self._get_trajectory,
            **dict.fromkeys(OTHER_LISTS, self._get_nothing),
        }

    async def serve(self, socket: WebSocket[Any, Any, Any]) -> None:
        """Answer a socket until it is closed."""
        await socket.accept()
        while True:
            message = await socket.receive()
            if message["type"] != "websocket.receive":
                return
            text = message.get("text") or ""
            if len(text.encode()) > self._limits.frame_bytes:
                await socket.close(code=TOO_LARGE)
                return
            if (asked := read_request(text)) is not None:
                await self._reply(socket, asked, text)

    async def _reply(self, socket: WebSocket[Any, Any, Any], asked: tuple[str, str], text: str) -> None:
        try:
            async with self._app.budget.reserve(self._estimate(asked[0])) as reservation:
                answer = await self._make(asked, text)
                reservation.resize(len(answer))
                with anyio.fail_after(self._limits.answer_s):
                    await socket.send_text(answer)
        except Busy as error:
            await socket.send_text(failure(*asked, self._app.errors.sentence(error)).decode())

    async def _make(self, asked: tuple[str, str], text: str) -> str:
        with anyio.move_on_after(self._limits.answer_s):
            return (await self.answer(*asked, text)).decode()
        raise Busy(what="large answers")

    def _estimate(self, name: str) -> int:
        return self._limits.held_estimate_bytes if name in LARGE else 0

    async def answer(self, name: str, correlation_id: str, text: str) -> bytes:
        """The response to a request.

        Args:
            name: What is asked for, without ``request:``.
            correlation_id: Handed back.
            text: The whole frame.
        """
        make = self._answers.get(name)
        self._app.counters.socket_requests[name if make else "unknown"] += 1
        if make is None:
            return failure(name, correlation_id, f"This server does not know {REQUEST}{name[:100]}.")
        try:
            data = await make(text)
        except Unanswerable as error:
            return failure(name, correlation_id, str(error))
        except msgspec.ValidationError as error:
            return failure(name, correlation_id, f"The request cannot be meant: {error}.")
        except Exception as error:
            sentence = self._app.errors.sentence(error)
            self._app.socket_failures.tell(sentence)
            return failure(name, correlation_id, sentence)
        return success(name, correlation_id, data)

    def _source(self, on_bad_row: OnBadRow = "raise") -> TrajectorySource:
        return self._app.sources.open(self._app.sources.name(None), ReadOptions(on_bad_row=on_bad_row))

    async def _get_count(self, _: str) -> bytes:
        return msgspec.json.encode({"count": await self._source().count()})

    async def _get_nothing(self, _: str) -> bytes:
        return b"[]"

    async def _get_trajectories(self, text: str) -> bytes:
        asked = msgspec.json.decode(text, type=_PageRequest)
        # The UI waits for ever after an error, and datasets exist whose every tenth row cannot be read.
        source = self._source(on_bad_row="skip")
        stop = max(asked.offset, min(asked.offset + asked.limit, await source.count()))
        page = CutPage(asked.offset, stop - asked.offset, self._limits.answer_bytes)
        names = await self._trial_names() if asked.offset < stop else ()
        async with aclosing(source.stream_rows(start=asked.offset, stop=stop)) as rows:
            async for row in rows:
                await self._fill(page, row.row, names)
                await self._add(page, row.trajectory, names)
        await self._fill(page, stop, names)
        answer = b"[%s]" % b",".join(page.documents)
        self._check_size(len(answer), f"Rows from {asked.offset} on")
        return answer

    async def _add(self, page: CutPage, trajectory: atif.Trajectory, names: Sequence[str | None]) -> None:
        document = to_effuse(trajectory, _own_id(trajectory, page.next_row, names))
        # Others are answered meanwhile: long documents are gone over several times.
        await to_thread.run_sync(page.add, document)

    async def _fill(self, page: CutPage, stop: int, names: Sequence[str | None]) -> None:
        """Put something in the place of rows that were skipped, up to `stop`: the UI opens items by their position."""
        while page.next_row < stop:
            found = await self._read(page.next_row)
            if isinstance(found, atif.Trajectory):
                await self._add(page, found, names)
            else:
                page.add(unreadable(page.next_row, found or "It is gone."))

    async def _get_trajectory(self, text: str) -> bytes:
        index = msgspec.json.decode(text, type=_RowRequest).index
        found = await self._read(index)
        if found is None:
            return b"null"
        page = CutPage(index, 1, self._limits.answer_bytes)
        if isinstance(found, str):
            page.add(unreadable(index, found))
        else:
            await self._add(page, found, await self._trial_names())
        (document,) = page.documents
        self._check_size(len(document), f"Row {index}")
        return document

    async def _read(self, row: int) -> atif.Trajectory | str | None:
        """The document of a row, or why it cannot be read; None where there is no such row."""
        try:
            return await self._source().get_trajectory(row)
        except BadRow as error:
            return self._app.errors.redact(error.message())

    async def _trial_names(self) -> Sequence[str | None]:
        dataset = await self._app.sources.find(self._app.sources.repo(None))
        async with self._app.lists:
            return await self._app.trial_names.of_rows(self._source(), dataset)

    def _check_size(self, size: int, what: str) -> None:
        if size > self._limits.answer_bytes:
            most = self._limits.answer_bytes >> 20
            raise Unanswerable(f"{what} would take more than {most} MiB: ask for fewer rows.")


def _own_id(trajectory: atif.Trajectory, row: int, names: Sequence[str | None]) -> str:
    return id_of_row(trajectory, row, names[row] if row < len(names) else None)


def read_request(text: str) -> tuple[str, str] | None:
    """The name and the correlation id of a request; None for a frame that is none, which is ignored. Pure."""
    try:
        asked = msgspec.json.decode(text, type=_EffuseRequest)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if not asked.type.startswith(REQUEST):
        return None
    return asked.type.removeprefix(REQUEST), asked.correlation_id if isinstance(asked.correlation_id, str) else ""


def success(name: str, correlation_id: str, data: bytes) -> bytes:
    """The envelope of an answer. Pure."""
    return _envelope(name, correlation_id, success=True, data=msgspec.Raw(data))


def failure(name: str, correlation_id: str, sentence: str) -> bytes:
    """The envelope of an error. Pure."""
    return _envelope(name, correlation_id, success=False, error=sentence)


def _envelope(name: str, correlation_id: str, **rest: Any) -> bytes:
    return msgspec.json.encode({"type": f"response:{name}", "correlationId": correlation_id, **rest})


@websocket("/ws")
async def serve_effuse(socket: WebSocket[Any, Any, Any], app: AppStateDep) -> None:
    """The socket of the Effuse UI."""
    await EffuseSocket(app).serve(socket)
