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
from hfsvc.models import FACETS, KeyColumn, ReadOptions, SummaryField, SummaryPage, TrajectoryRow, ValueCounts
from hfsvc.server.measures import UNMEASURED
from hfsvc.server.message_search import find_text
from hfsvc.server.one_commit import RowsVersion, check_version, read_at_one, version_of
from hfsvc.server.responses import BudgetedResponse, Headers, Payload, StreamedResponse
from hfsvc.server.routes.openapi import error_responses, success_response
from hfsvc.server.routes.page_cursor import Listing, listing_of, read_cursor, write_cursor
from hfsvc.server.routes.parameters import (
    LARGEST,
    By,
    Cursor,
    FoundRows,
    Key,
    Limit,
    Lines,
    MostRows,
    Offset,
    Query,
    Row,
    Sort,
    SourceRequest,
    Stop,
    Text,
    Wanted,
)
from hfsvc.server.row_order import GroupTotals, Measured, is_measured, read_all, totals_of
from hfsvc.server.schemas import FacetList, SearchLine, SearchProgress, StepPage, SummaryList, TotalsList, left_out_of
from hfsvc.server.state import AppState, AppStateDep
from hfsvc.trajectories.index.query import check_query
from hfsvc.trajectories.lookup import LocatedTrajectory, look_up

NDJSON = "application/x-ndjson"
PROGRESS_ROWS = 50
Fields = Annotated[
    list[SummaryField] | None,
    QueryParameter(
        name="field",
        max_items=len(FACETS),
        description=f"Which fields; {', '.join(FACETS[:-1])} and {FACETS[-1]} else.",
    ),
]


@get("/api/trajectories", responses=error_responses(404, 409, 422))
async def list_trajectories(
    app: AppStateDep,
    wanted: Wanted,
    offset: Offset = 0,
    limit: Limit = 100,
    search: Query = None,
    cursor: Cursor = None,
    sort: Sort = None,
    measures: FromQuery[bool] = False,
) -> SummaryList:
    """Rows without their messages: by offset, or page after page by cursor, which then says where.

    With `measures` each comes with what its run took, as far as it tells: every row is gone over once for that.
    """
    source = app.sources.open(wanted.name, wanted.options)
    repo = app.sources.repo(wanted.name)
    took: Measured = {}
    is_told = measures or is_measured(sort)

    async def read() -> tuple[SummaryPage, Listing]:
        nonlocal took
        listing = listing_of(repo, await app.sources.find(repo), wanted.options, f"{sort} {search}" if sort else search)
        start = offset if cursor is None else read_cursor(cursor, listing)
        took = await _measured(app, wanted) if is_told else {}
        async with app.lists:
            if sort is None:
                return await source.list_summaries(start, limit, search), listing
            key = (listing.repo, listing.commit, listing.files, msgspec.json.encode(wanted.options))
            rows = await app.ordered_lists.of(source, search, sort, took, key)
            return SummaryPage(total=len(rows), offset=start, items=tuple(rows[start : start + limit])), listing

    (page, listing), version = await read_at_one(app.sources, repo, wanted.commit, read)
    after = page.offset + len(page.items)
    return SummaryList(
        source=wanted.name,
        **version._asdict(),
        total=page.total,
        offset=page.offset,
        items=page.items,
        next=write_cursor(listing, after) if page.items and after < page.total else None,
        measures=tuple(took.get(each.row, UNMEASURED) for each in page.items) if is_told else None,
        left_out=left_out_of(source.left_out),
    )


@get("/api/facets", responses=error_responses(404, 409, 422))
async def list_facets(
    app: AppStateDep, wanted: Wanted, fields: Fields = None, search: Query = None, limit: Limit = 100
) -> FacetList:
    """The values of fields over the rows that a list with this query has, the most frequent first."""
    source = app.sources.open(wanted.name, wanted.options)

    async def count() -> dict[str, ValueCounts]:
        async with app.lists:
            return {field: await source.count_values(field, search, limit=limit) for field in fields or FACETS}

    counts, version = await read_at_one(app.sources, app.sources.repo(wanted.name), wanted.commit, count)
    return FacetList(source=wanted.name, **version._asdict(), facets=counts)


@get("/api/trajectories/{key:str}", responses={**error_responses(404, 409, 422), **success_response(Trajectory)})
async def get_trajectory(app: AppStateDep, wanted: Wanted, key: Key, by: By = None) -> ASGIApp:
    """One trajectory as ATIF. Headers tell its row, how many answer to the key, and the commit."""

    def make(found: LocatedTrajectory, _: RowsVersion) -> bytes:
        return atif.encode(found.trajectory)

    return _one_trajectory(app, wanted, key, by, make)


@get("/api/trajectories/{key:str}/steps", responses={**error_responses(404, 409, 422), **success_response(StepPage)})
async def list_steps(
    app: AppStateDep, wanted: Wanted, key: Key, by: By = None, offset: Offset = 0, limit: Limit = 100
) -> ASGIApp:
    """Some steps of one trajectory, with the rest of its document."""

    def make(found: LocatedTrajectory, version: RowsVersion) -> bytes:
        return _step_page(found, version, offset, limit)

    return _one_trajectory(app, wanted, key, by, make)


@get("/api/trajectories.jsonl", responses={**error_responses(404, 409, 422), **success_response(Trajectory, NDJSON)})
async def stream_trajectories(
    app: AppStateDep,
    wanted: Wanted,
    start: Row = 0,
    stop: Stop = LARGEST,
    cursor: Cursor = None,
    search: Query = None,
    limit: MostRows = LARGEST,
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
    repo = app.sources.repo(wanted.name)
    version = await check_version(app.sources, repo, wanted.commit)

    async def chunks() -> AsyncGenerator[bytes, None]:
        rows = source.stream_rows(start=start, stop=stop, cursor=cursor, where=search, limit=limit)
        try:
            first = await anext(rows, None)
            # The head, which is sent with the first row, names the commit.
            await check_version(app.sources, repo, version.snapshot)
            if first is not None:
                yield encode(first)
            async for row in rows:
                yield encode(row)
            if record:
                yield msgspec.json.encode({"record": rows.record}) + b"\n"
        finally:
            await rows.aclose()

    def error_trailer(error: Exception) -> bytes:
        return msgspec.json.encode({"error": app.errors.document(error)}) + b"\n"

    headers = _version_headers(version)
    return StreamedResponse(chunks, NDJSON, slots=app.exports, error_trailer=error_trailer, headers=headers)


@get("/api/totals", responses=error_responses(404, 409, 422))
async def list_totals(
    app: AppStateDep, wanted: Wanted, field: FromQuery[SummaryField], search: Query = None
) -> TotalsList:
    """How the runs of a list ended and what they took, by the values of a field; every row is gone over once for that."""
    source = app.sources.open(wanted.name, wanted.options)

    async def read() -> list[GroupTotals]:
        took = await _measured(app, wanted)
        async with app.lists:
            return totals_of(await read_all(source, search), field, took)

    groups, version = await read_at_one(app.sources, app.sources.repo(wanted.name), wanted.commit, read)
    return TotalsList(source=wanted.name, **version._asdict(), groups=tuple(groups))


async def _measured(app: AppState, wanted: SourceRequest) -> Measured:
    # What a run took does not depend on which others are read, but its row's number does: it counts from the first
    # file of the configuration and split.
    asked = wanted.options
    options = ReadOptions(layout=asked.layout, config=asked.config, split=asked.split, on_bad_row="skip")
    repo = app.sources.repo(wanted.name)
    key = (repo, version_of(await app.sources.find(repo)), options.layout, options.config, options.split)
    return await app.measured_rows.of_rows(app.sources.open(wanted.name, options), key)


@get("/api/search", responses={**error_responses(404, 409, 422), **success_response(SearchLine, NDJSON)})
async def search_messages(
    app: AppStateDep, wanted: Wanted, text: Text, search: Query = None, limit: FoundRows = 1000
) -> ASGIApp:
    """Rows whose messages say a text, one a line as they are found, with the step and the words around it.

    Every row that answers to `query` is gone over each time, which takes long: lines with `progress` say how far it has come,
    the last one is `ended`. Bad rows are left out, and counted there.
    """
    check_query(search)
    source = app.sources.open(wanted.name, replace(wanted.options, on_bad_row="skip"))
    version = await check_version(app.sources, app.sources.repo(wanted.name), wanted.commit)

    async def chunks() -> AsyncGenerator[bytes, None]:
        total = await source.count(where=search)
        progress = SearchProgress(rows=0, total=total, found=0)
        yield _line(SearchLine(progress=progress))
        rows = source.stream_rows(where=search)
        try:
            async for row in rows:
                hit = find_text(row.trajectory, text)
                progress = replace(progress, rows=progress.rows + 1, found=progress.found + bool(hit))
                if hit:
                    task = (row.trajectory.extra or {}).get("task")
                    yield _line(SearchLine(row=row.row, task=task if isinstance(task, str) else None, hit=hit))
                if progress.found >= limit:
                    break
                if progress.rows % PROGRESS_ROWS == 0:
                    yield _line(SearchLine(progress=progress))
            yield _line(SearchLine(ended=replace(progress, bad=rows.record.left_out.get("bad", 0))))
        finally:
            await rows.aclose()

    def error_trailer(error: Exception) -> bytes:
        return msgspec.json.encode({"error": app.errors.document(error)}) + b"\n"

    headers = _version_headers(version)
    return StreamedResponse(chunks, NDJSON, slots=app.exports, error_trailer=error_trailer, headers=headers)


def _line(line: SearchLine) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def _one_trajectory(
    app: AppState,
    wanted: SourceRequest,
    key: str,
    by: KeyColumn | None,
    encode: Callable[[LocatedTrajectory, RowsVersion], bytes],
) -> ASGIApp:
    source = app.sources.open(wanted.name, wanted.options)
    repo = app.sources.repo(wanted.name)

    async def make() -> Payload:
        async def read() -> LocatedTrajectory:
            return await look_up(source, unquote(key), by=by, name=wanted.name)

        found, version = await read_at_one(app.sources, repo, wanted.commit, read)
        return Payload(encode(found, version), [*_row_headers(found), *_version_headers(version)])

    return BudgetedResponse(make, budget=app.budget, limits=app.limits)


def _row_headers(found: LocatedTrajectory) -> Headers:
    return [(b"hfsvc-row", str(found.row).encode()), (b"hfsvc-matches", str(found.matches).encode())]


def _version_headers(version: RowsVersion) -> Headers:
    told = {b"hfsvc-commit": version.commit, b"hfsvc-snapshot": version.snapshot}
    return [(name, value.encode()) for name, value in told.items() if value]


def _step_page(found: LocatedTrajectory, version: RowsVersion, offset: int, limit: int) -> bytes:
    steps = found.trajectory.steps
    cut = replace(found.trajectory, steps=steps[offset : offset + limit])
    page = {
        "row": found.row,
        **version._asdict(),
        "total": len(steps),
        "offset": offset,
        "trajectory": msgspec.Raw(atif.encode(cut)),
    }
    return msgspec.json.encode(page)


def _encode_document(row: TrajectoryRow) -> bytes:
    return atif.encode(row.trajectory) + b"\n"


def _encode_row(row: TrajectoryRow) -> bytes:
    document = msgspec.Raw(atif.encode(row.trajectory))
    line = {"row": row.row, "file": row.file, "cursor": row.cursor, "trajectory": document}
    return msgspec.json.encode(line) + b"\n"
