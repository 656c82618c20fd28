"""The WebSocket that the Effuse UI reads trajectories from: requests and responses as its desktop protocol has them.

Source: src/desktop/protocol.ts, src/mainview/socket-client.ts and src/atif/schema.ts of OpenAgentsInc/openagents
(December 2025).
"""

from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import msgspec
from litestar import WebSocket, websocket
from msgspec.structs import replace

from hfsvc import atif
from hfsvc.errors import BadRow
from hfsvc.models import OnBadRow, ReadOptions
from hfsvc.protocols import TrajectorySource
from hfsvc.server.errors import Busy
from hfsvc.server.limits import PAGE_ROWS
from hfsvc.server.state import AppState, AppStateDep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

REQUEST = "request:"
VERSION: atif.SchemaVersion = "ATIF-v1.4"
UNKNOWN = "unknown"
SEARCHED = frozenset({"task", "episode"})
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
            return failure(name, correlation_id, self._app.errors.sentence(error))
        return success(name, correlation_id, data)

    def _source(self, on_bad_row: OnBadRow = "raise") -> TrajectorySource:
        return self._app.sources.open(self._app.sources.name(None), ReadOptions(on_bad_row=on_bad_row))

    async def _get_count(self, _: str) -> bytes:
        return msgspec.json.encode({"count": await self._source().count()})

    async def _get_trajectories(self, text: str) -> bytes:
        asked = msgspec.json.decode(text, type=_PageRequest)
        # The UI waits for ever after an error, and datasets exist whose every tenth row cannot be read.
        source = self._source(on_bad_row="skip")
        stop = min(asked.offset + asked.limit, await source.count())
        page = _Page(self, asked.offset)
        async with aclosing(source.stream_rows(start=asked.offset, stop=max(asked.offset, stop))) as rows:
            async for row in rows:
                await page.fill(row.row)
                page.add(row.trajectory)
        await page.fill(stop)
        return b"[%s]" % b",".join(page.documents)

    async def _get_trajectory(self, text: str) -> bytes:
        index = msgspec.json.decode(text, type=_RowRequest).index
        trajectory = await self.read(index)
        if trajectory is None:
            return b"null"
        document = atif.encode(to_effuse(trajectory))
        self.check_size(len(document), f"Row {index}")
        return document

    async def read(self, row: int) -> atif.Trajectory | None:
        """The document of a row, or what stands in its place; None where there is no such row."""
        try:
            return await self._source().get_trajectory(row)
        except BadRow as error:
            return unreadable(row, self._app.errors.redact(error.message()))

    def check_size(self, size: int, what: str) -> None:
        """Refuse what is too large to send.

        Raises:
            Unanswerable: It is.
        """
        if size > self._limits.answer_bytes:
            most = self._limits.answer_bytes >> 20
            raise Unanswerable(f"{what} would take more than {most} MiB: ask for fewer rows.")


class _Page:
    """The documents of rows from `first` on, each in its place: the UI opens items by their position."""

    def __init__(self, socket: EffuseSocket, first: int) -> None:
        self.documents: list[bytes] = []
        self._socket = socket
        self._first = first
        self._size = 0

    def add(self, trajectory: atif.Trajectory) -> None:
        # One after the other, so that a page that is too large is never held as a whole.
        self.documents.append(atif.encode(to_effuse(trajectory)))
        self._size += len(self.documents[-1])
        self._socket.check_size(self._size, f"Rows from {self._first} on")

    async def fill(self, stop: int) -> None:
        """Put something in the place of rows that were skipped, up to `stop`."""
        for row in range(self._first + len(self.documents), stop):
            self.add(await self._socket.read(row) or unreadable(row, "It is gone."))


def unreadable(row: int, sentence: str) -> atif.Trajectory:
    """A document in the place of a row that cannot be read, whose one step says why. Pure."""
    return atif.Trajectory(
        schema_version=VERSION,
        session_id=f"row_{row}",
        agent=atif.Agent(name=UNKNOWN, version=UNKNOWN, model_name=UNKNOWN),
        steps=[atif.Step(step_id=1, source="system", message=sentence)],
        extra={"task": f"Row {row} cannot be read"},
    )


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


def to_effuse(trajectory: atif.Trajectory) -> atif.Trajectory:
    """A document of the one version that this UI reads, with what its schema requires and ATIF does not. Pure."""
    # Those that say this version as well: they may hold what came later, and lack what it asks for.
    trajectory = atif.convert_version(trajectory, VERSION).trajectory
    return replace(
        trajectory,
        session_id=trajectory.session_id or UNKNOWN,
        agent=replace(trajectory.agent, model_name=trajectory.agent.model_name or UNKNOWN),
        steps=[step if step.timestamp is not None else replace(step, timestamp="") for step in trajectory.steps],
        final_metrics=trajectory.final_metrics and _fill_totals(trajectory.final_metrics, trajectory.steps),
        extra=trajectory.extra and {name: _searchable(name, value) for name, value in trajectory.extra.items()},
    )


def _fill_totals(totals: atif.FinalMetrics, steps: list[atif.Step]) -> atif.FinalMetrics:
    """Totals with the three that are required: where they are missing, those of the steps."""
    metrics = [step.metrics for step in steps if step.metrics]
    found = {
        "total_prompt_tokens": sum(each.prompt_tokens or 0 for each in metrics),
        "total_completion_tokens": sum(each.completion_tokens or 0 for each in metrics),
        "total_steps": len(steps),
    }
    return replace(totals, **{name: value for name, value in found.items() if getattr(totals, name) is None})


def _searchable(name: str, value: Any) -> Any:
    """What is searched as text, as text: on anything else the UI's search breaks, and stays broken."""
    if name not in SEARCHED or value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


@websocket("/ws")
async def serve_effuse(socket: WebSocket[Any, Any, Any], app: AppStateDep) -> None:
    """The socket of the Effuse UI."""
    await EffuseSocket(app).serve(socket)
