"""Routes of trajectories: lists, facets, documents, steps, and the stream of all."""

from collections.abc import AsyncGenerator, Callable
from typing import Annotated
from urllib.parse import unquote

import msgspec
from litestar import get
from litestar.params import FromQuery, QueryParameter
from litestar.types import ASGIApp
from msgspec.structs import replace

from hfsvc import atif
from hfsvc.atif import Trajectory
from hfsvc.models import FACETS, KeyColumn, SummaryField, TrajectoryRow, ValueCounts
from hfsvc.server.responses import BudgetedResponse, Headers, Payload, StreamedResponse
from hfsvc.server.routes.openapi import error_responses, success_response
from hfsvc.server.routes.page_cursor import listing_of, read_cursor, write_cursor
from hfsvc.server.routes.parameters import (
    LARGEST,
    By,
    Cursor,
    Key,
    Limit,
    Lines,
    Most,
    Offset,
    Query,
    Row,
    SourceRequest,
    Stop,
    Wanted,
)
from hfsvc.server.schemas import FacetList, StepPage, SummaryList
from hfsvc.server.state import AppState, AppStateDep
from hfsvc.trajectories.index.query import check_query
from hfsvc.trajectories.lookup import LocatedTrajectory, look_up

NDJSON = "application/x-ndjson"
Fields = Annotated[
    list[SummaryField] | None,
    QueryParameter(
        name="field",
        max_items=len(FACETS),
        description=f"Which fields; {', '.join(FACETS[:-1])} and {FACETS[-1]} else.",
    ),
]


@get("/api/trajectories", responses=error_responses(404, 409))
async def list_trajectories(
    app: AppStateDep,
    wanted: Wanted,
    offset: Offset = 0,
    limit: Limit = 100,
    search: Query = None,
    cursor: Cursor = None,
) -> SummaryList:
    """Rows without their messages: by offset, or page after page by cursor, which then says where."""
    source = app.sources.open(*wanted)
    repo = app.sources.repo(wanted.name)
    listing = listing_of(repo, await app.sources.find(repo), wanted.options, search)
    start = offset if cursor is None else read_cursor(cursor, listing)
    async with app.lists:
        page = await source.list_summaries(start, limit, search)
    after = start + len(page.items)
    return SummaryList(
        source=wanted.name,
        total=page.total,
        offset=page.offset,
        items=page.items,
        next=write_cursor(listing, after) if page.items and after < page.total else None,
    )


@get("/api/facets", responses=error_responses(404, 409))
async def list_facets(
    app: AppStateDep, wanted: Wanted, fields: Fields = None, search: Query = None, limit: Limit = 100
) -> FacetList:
    """The values of fields over the rows that a list with this query has, the most frequent first."""
    source = app.sources.open(*wanted)
    async with app.lists:
        counts: dict[str, ValueCounts] = {
            field: await source.count_values(field, search, limit=limit) for field in fields or FACETS
        }
    return FacetList(source=wanted.name, facets=counts)


@get("/api/trajectories/{key:str}", responses={**error_responses(404, 409), **success_response(Trajectory)})
async def get_trajectory(app: AppStateDep, wanted: Wanted, key: Key, by: By = None) -> ASGIApp:
    """One trajectory as ATIF. Headers tell its row (``Hfsvc-Row``), and how many answer (``Hfsvc-Matches``)."""

    def make(found: LocatedTrajectory) -> bytes:
        return atif.encode(found.trajectory)

    return _one_trajectory(app, wanted, key, by, make)


@get("/api/trajectories/{key:str}/steps", responses={**error_responses(404, 409), **success_response(StepPage)})
async def list_steps(
    app: AppStateDep, wanted: Wanted, key: Key, by: By = None, offset: Offset = 0, limit: Limit = 100
) -> ASGIApp:
    """Some steps of one trajectory, with the rest of its document."""

    def make(found: LocatedTrajectory) -> bytes:
        return _step_page(found, offset, limit)

    return _one_trajectory(app, wanted, key, by, make)


@get("/api/trajectories.jsonl", responses={**error_responses(404, 409), **success_response(Trajectory, NDJSON)})
async def stream_trajectories(
    app: AppStateDep,
    wanted: Wanted,
    start: Row = 0,
    stop: Stop = LARGEST,
    cursor: Cursor = None,
    search: Query = None,
    most: Most = LARGEST,
    skip_bad: FromQuery[bool] = False,
    lines: Lines = "atif",
    record: FromQuery[bool] = False,
) -> ASGIApp:
    """Every trajectory from `start` to `stop` that answers to `query`, one a line, as fast as they are read.

    After a row that cannot be converted the last line is an error, and the connection is broken off; `skip_bad` leaves
    such rows out. With `record` the last line says what became of every row.
    """
    check_query(search)
    source = app.sources.open(wanted.name, replace(wanted.options, on_bad_row="skip" if skip_bad else "raise"))
    encode = _encode_row if lines == "rows" else _encode_document

    async def chunks() -> AsyncGenerator[bytes, None]:
        rows = source.stream_rows(start=start, stop=stop, cursor=cursor, where=search, limit=most)
        try:
            async for row in rows:
                yield encode(row)
            if record:
                yield msgspec.json.encode({"record": rows.record}) + b"\n"
        finally:
            await rows.aclose()

    def error_trailer(error: Exception) -> bytes:
        return msgspec.json.encode({"error": app.errors.document(error)}) + b"\n"

    return StreamedResponse(chunks, NDJSON, slots=app.exports, error_trailer=error_trailer)


def _one_trajectory(
    app: AppState, wanted: SourceRequest, key: str, by: KeyColumn | None, encode: Callable[[LocatedTrajectory], bytes]
) -> ASGIApp:
    source = app.sources.open(*wanted)

    async def make() -> Payload:
        found = await look_up(source, unquote(key), by=by, name=wanted.name)
        return Payload(encode(found), _row_headers(found))

    return BudgetedResponse(make, budget=app.budget, limits=app.limits)


def _row_headers(found: LocatedTrajectory) -> Headers:
    return [(b"hfsvc-row", str(found.row).encode()), (b"hfsvc-matches", str(found.matches).encode())]


def _step_page(found: LocatedTrajectory, offset: int, limit: int) -> bytes:
    steps = found.trajectory.steps
    cut = replace(found.trajectory, steps=steps[offset : offset + limit])
    page = {"row": found.row, "total": len(steps), "offset": offset, "trajectory": msgspec.Raw(atif.encode(cut))}
    return msgspec.json.encode(page)


def _encode_document(row: TrajectoryRow) -> bytes:
    return atif.encode(row.trajectory) + b"\n"


def _encode_row(row: TrajectoryRow) -> bytes:
    document = msgspec.Raw(atif.encode(row.trajectory))
    line = {"row": row.row, "file": row.file, "cursor": row.cursor, "trajectory": document}
    return msgspec.json.encode(line) + b"\n"
