"""Bodies of the REST API: the library's structs without what is nobody's business outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from hfsvc.models import (
    BytesReceived,
    Conversion,
    DownloadedDataset,
    DownloadPlan,
    Event,
    FileLayout,
    Finished,
    LeftFiles,
    Limit,
    Model,
    Planned,
    TrajectorySummary,
    ValueCounts,
)
from hfsvc.models.splits import splits_of
from hfsvc.server.measures import RowMeasures
from hfsvc.server.message_search import TextHit
from hfsvc.server.row_order import GroupTotals

JobState = Literal["running", "finished", "failed", "cancelled"]


class ErrorDocument(Model, frozen=True, kw_only=True):
    """What went wrong. `retry_after` is in seconds."""

    code: str
    message: str
    retryable: bool
    retry_after: float | None = None
    hint: str | None = None


class ErrorAnswer(Model, frozen=True, kw_only=True):
    """The body of every response that is no success."""

    error: ErrorDocument


class DatasetEntry(Model, frozen=True, kw_only=True):
    """A dataset on disk. `local` is true of files of the user's own, whose `downloaded_at` is their last change.

    `conversion` is set where the files are those of the Hub's parquet copy, `left` where limits have left files of what
    was asked for.
    """

    repo: str
    alias: str | None
    revision: str
    commit: str
    license: str | None
    downloaded_at: datetime
    file_count: int
    total_bytes: int
    conversion: Conversion | None = None
    left: LeftFiles | None = None
    local: bool = False


class ConfigEntry(Model, frozen=True, kw_only=True):
    """A configuration that has files on disk, and which of its splits have."""

    name: str
    splits: tuple[str, ...]


class DatasetInfo(DatasetEntry, frozen=True, kw_only=True):
    """A dataset on disk with the paths of its files, in byte order, and the parts that `config` and `split` name."""

    files: tuple[str, ...]
    configs: tuple[ConfigEntry, ...]


class Deleted(Model, frozen=True, kw_only=True):
    """A dataset that was on disk."""

    deleted: str
    bytes: int


class SourceEntry(Model, frozen=True, kw_only=True):
    """A dataset that is known by name. `downloaded` is true where it is recorded on disk."""

    alias: str
    repo: str
    about: str
    default: bool
    downloaded: bool


class LeftOutFiles(Model, frozen=True, kw_only=True):
    """Files of a dataset that hold something and are not read: how many, and the first of them, with the reason."""

    files: int
    first: str
    reason: str


class SummaryList(Model, frozen=True, kw_only=True):
    """A page of rows without their messages.

    Attributes:
        source: As asked, or the default source.
        commit: That the rows are of, 40 hex digits.
        snapshot: Stands for the commit and its files on disk, by which rows are numbered; `commit` of a request takes it.
        total: Rows that match the query.
        offset: Matches before this page.
        items: The page, in row order.
        next: Cursor of the page after this one; None at the end.
        left_out: Files that hold something and are not read; None where all are.
        measures: What the runs of `items` took, where that was asked for.
    """

    source: str
    commit: str | None
    snapshot: str | None
    total: int
    offset: int
    items: tuple[TrajectorySummary, ...]
    next: str | None
    left_out: LeftOutFiles | None = None
    measures: tuple[RowMeasures, ...] | None = None


class TotalsList(Model, frozen=True, kw_only=True):
    """Totals of the groups of a field, the largest first; the rest as in `SummaryList`."""

    source: str
    commit: str | None
    snapshot: str | None
    groups: tuple[GroupTotals, ...]


class FacetList(Model, frozen=True, kw_only=True):
    """Values of fields. `source` is as asked, or the default source; `facets` are by field; the rest as in `SummaryList`."""

    source: str
    commit: str | None
    snapshot: str | None
    facets: dict[str, ValueCounts]


class SearchProgress(Model, frozen=True, kw_only=True):
    """How far a search has come: rows gone over, of how many, those found, and those that could not be read."""

    rows: int
    total: int
    found: int
    bad: int = 0


class SearchLine(Model, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a search: a row with the place that was found, or how far the search has come, or that it has ended."""

    row: int | None = None
    task: str | None = None
    hit: TextHit | None = None
    progress: SearchProgress | None = None
    ended: SearchProgress | None = None


class StepPage(Model, frozen=True, kw_only=True):
    """Some steps of a long trajectory.

    Attributes:
        row: Of the trajectory.
        commit: That the rows are of, 40 hex digits.
        snapshot: Stands for the commit and its files on disk, by which rows are numbered; `commit` of a request takes it.
        total: Steps that it has.
        offset: Steps before this page.
        trajectory: Its ATIF document, with these steps only.
    """

    row: int
    commit: str | None
    snapshot: str | None
    total: int
    offset: int
    trajectory: dict[str, Any]


class DownloadOrder(Model, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to download. The server's own token is used, and no other is taken. Fields as in `DatasetRequest`."""

    repo: str
    revision: str = "main"
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    force: bool = False
    config: str | None = None
    split: str | None = None
    max_bytes: Limit | None = None
    max_files: Limit | None = None
    converted: bool | None = None


class Job(Model, frozen=True, kw_only=True):
    """A download, under way or ended.

    Attributes:
        id: Of the job.
        repo: As asked; an alias stands for its dataset.
        revision: As asked.
        state: How it is.
        started_at: UTC.
        ended_at: UTC; None while it runs.
        received: Bytes that need not be fetched any more.
        total: Bytes that were to fetch or kept; None until the plan is made.
        dataset: What is on disk now, once it has finished.
        error: Why it failed.
    """

    id: str
    repo: str
    revision: str
    state: JobState
    started_at: datetime
    ended_at: datetime | None = None
    received: int = 0
    total: int | None = None
    dataset: DatasetEntry | None = None
    error: ErrorDocument | None = None


class PlanEntry(Model, frozen=True, kw_only=True):
    """What a download is going to do, in bytes."""

    repo: str
    revision: str
    commit: str
    file_count: int
    total_bytes: int
    present_bytes: int
    kept_bytes: int
    copied_bytes: int
    fetch_bytes: int
    conversion: Conversion | None = None
    left: LeftFiles | None = None


class SessionOrder(Model, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server's token, or a code that it gave, to be exchanged for a cookie."""

    token: str | None = None
    code: str | None = None


class Health(Model, frozen=True, kw_only=True):
    """That the server is there."""

    status: Literal["ok"] = "ok"


class Readiness(Model, frozen=True, kw_only=True):
    """That the server can read its store. `datasets` counts those on disk."""

    datasets: int
    status: Literal["ready"] = "ready"


def left_out_of(files: Sequence[FileLayout]) -> LeftOutFiles | None:
    """What is told of files that are not read. Pure."""
    return LeftOutFiles(files=len(files), first=files[0].file, reason=files[0].reason) if files else None


def entry_of(dataset: DownloadedDataset, alias: str | None, *, local: bool = False) -> DatasetEntry:
    """A dataset for a list."""
    return DatasetEntry(**_entry_fields(dataset, alias), local=local)


def info_of(dataset: DownloadedDataset, alias: str | None, *, local: bool = False) -> DatasetInfo:
    """A dataset by itself."""
    found = splits_of(dataset.files, dataset.configs)
    configs = tuple(ConfigEntry(name=name, splits=tuple(splits)) for name, splits in found.items())
    return DatasetInfo(**_entry_fields(dataset, alias), local=local, files=dataset.files, configs=configs)


def _entry_fields(dataset: DownloadedDataset, alias: str | None) -> dict[str, Any]:
    return {
        "repo": dataset.repo,
        "alias": alias,
        "revision": dataset.revision,
        "commit": dataset.commit,
        "license": dataset.license,
        "downloaded_at": dataset.downloaded_at,
        "file_count": len(dataset.files),
        "total_bytes": dataset.total_bytes,
        "conversion": dataset.conversion,
        "left": dataset.left,
    }


def encode_event(event: Event, alias: str | None) -> bytes:
    """An event of a download as JSON: without the server's paths, and without lists as long as a dataset."""
    if isinstance(event, Finished):
        return msgspec.json.encode({"event": "finished", "dataset": entry_of(event.dataset, alias)})
    if isinstance(event, Planned):
        return msgspec.json.encode({"event": "planned", "plan": _plan_entry(event.plan)})
    return msgspec.json.encode(event)


def _plan_entry(plan: DownloadPlan) -> PlanEntry:
    return PlanEntry(
        repo=plan.repo,
        revision=plan.revision,
        commit=plan.commit,
        file_count=len(plan.files),
        total_bytes=plan.total_bytes,
        present_bytes=plan.present_bytes,
        kept_bytes=plan.kept_bytes,
        copied_bytes=plan.copied_bytes,
        fetch_bytes=plan.fetch_bytes,
        conversion=plan.conversion,
        left=plan.left,
    )


def progress_of(job: Job, event: Event) -> Job:
    """A job after an event. Pure."""
    if isinstance(event, Planned):
        total = event.plan.kept_bytes + event.plan.copied_bytes + event.plan.fetch_bytes
        return msgspec.structs.replace(job, total=total, received=event.plan.kept_bytes)
    if isinstance(event, BytesReceived):
        return msgspec.structs.replace(job, received=event.received, total=event.total)
    return job
