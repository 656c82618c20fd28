"""Routes of datasets: those on disk, and those that are known by name."""

from typing import Annotated
from urllib.parse import unquote

from litestar import delete, get, post
from litestar.params import FromQuery, PathParameter

from hfsvc.errors import NotDownloaded
from hfsvc.models import DownloadedDataset, VerifyReport
from hfsvc.server.routes.openapi import error_responses
from hfsvc.server.schemas import DatasetEntry, DatasetInfo, Deleted, SourceEntry, entry_of, info_of
from hfsvc.server.state import AppState, AppStateDep
from hfsvc.trajectories.known_datasets import KnownDataset

OWN_FILES = "files of your own, read where they lie"
Repo = Annotated[str, PathParameter(description="Alias or id, percent-encoded: owner%2Fname.")]


@get("/api/datasets", responses=error_responses())
async def list_datasets(app: AppStateDep) -> list[DatasetEntry]:
    """The datasets that are on disk, by id."""
    return [_entry(app, each) for each in await app.sources.here()]


@get("/api/datasets/{repo:str}", responses=error_responses(404))
async def get_dataset(app: AppStateDep, repo: Repo) -> DatasetInfo:
    """What is recorded of a dataset."""
    found = await _recorded(app, repo)
    return info_of(found, app.sources.alias(found.repo), local=app.sources.is_local(found.repo))


@post("/api/datasets/{repo:str}/verify", status_code=200, responses=error_responses(404, 507))
async def verify_dataset(app: AppStateDep, repo: Repo, repair: FromQuery[bool] = False) -> VerifyReport:
    """Hash a dataset's files again; with `repair` fetch the damaged ones. Answers when it is done."""
    return await app.datasets.verify(app.sources.stored_repo(unquote(repo), "verified"), repair=repair)


@delete("/api/datasets/{repo:str}", status_code=200, responses=error_responses(404))
async def delete_dataset(app: AppStateDep, repo: Repo) -> Deleted:
    """Remove a dataset's recorded files from disk."""
    app.sources.stored_repo(unquote(repo), "deleted")
    found = await _recorded(app, repo)
    await app.datasets.delete(found.repo)
    return Deleted(deleted=found.repo, bytes=found.total_bytes)


@get("/api/sources", responses=error_responses())
async def list_sources(app: AppStateDep) -> list[SourceEntry]:
    """The datasets that are known by name."""
    default = app.sources.repo(None)
    here = {each.repo.casefold() for each in await app.sources.here()}
    own = [KnownDataset(alias=name, repo=name, about=OWN_FILES) for name in app.sources.files]
    return [_source(each, default, here) for each in (*own, *app.container.registry().all)]


def _source(known: KnownDataset, default: str, here: set[str]) -> SourceEntry:
    return SourceEntry(
        alias=known.alias,
        repo=known.repo,
        about=known.about,
        default=known.repo == default,
        downloaded=known.repo.casefold() in here,
    )


def _entry(app: AppState, dataset: DownloadedDataset) -> DatasetEntry:
    return entry_of(dataset, app.sources.alias(dataset.repo), local=app.sources.is_local(dataset.repo))


async def _recorded(app: AppState, repo: str) -> DownloadedDataset:
    name = app.sources.repo(unquote(repo))
    found = await app.sources.find(name)
    if found is None:
        raise NotDownloaded(repo=name)
    return found
