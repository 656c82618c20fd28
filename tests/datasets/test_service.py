"""What every `DatasetService` keeps: the one that talks to a Hub and the fake that stands in for it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest

from hfsvc.errors import DatasetNotFound, FileNotFound, InvalidPattern, InvalidRepoId, NotDownloaded, RevisionNotFound
from hfsvc.models import BytesReceived, DatasetRequest, Event, FileStarted, FileVerified, Finished, Planned
from hfsvc.protocols import DatasetService
from hfsvc.testing import FakeDatasetService, LocalHub
from tests.builders import REPO, everything, files_below, of_kind, open_service


class World(Protocol):
    """A service and the place where its datasets are published."""

    service: DatasetService

    def publish(self, path: str, content: bytes, repo: str = REPO) -> None: ...

    def retract(self, path: str, repo: str = REPO) -> None: ...


class HubWorld:
    def __init__(self, service: DatasetService, hub: LocalHub) -> None:
        self.service, self._hub = service, hub

    def publish(self, path: str, content: bytes, repo: str = REPO) -> None:
        self._hub.write(repo, path, content)
        self._hub.refresh(repo)

    def retract(self, path: str, repo: str = REPO) -> None:
        (self._hub.folder / repo / path).unlink()


class FakeWorld:
    def __init__(self, fake: FakeDatasetService) -> None:
        self.service: DatasetService = fake
        self._fake = fake

    def publish(self, path: str, content: bytes, repo: str = REPO) -> None:
        self._fake.publish(repo, path, content)

    def retract(self, path: str, repo: str = REPO) -> None:
        self._fake.retract(repo, path)


@pytest.fixture(params=["hub", "fake"])
async def world(request: pytest.FixtureRequest, local_hub: LocalHub, root: Path) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld(FakeDatasetService(root))
        return
    async with open_service(local_hub, root) as service:
        yield HubWorld(service, local_hub)


async def test_a_download_names_what_is_on_disk(world: World, root: Path) -> None:
    world.publish("b.txt", b"bb")
    world.publish("data/a.parquet", b"a")
    found = await world.service.download(everything())
    assert (found.repo, found.local_path, found.revision) == (REPO, root / REPO, "main")
    assert (found.files, found.total_bytes) == (("b.txt", "data/a.parquet"), 3)
    assert [path.read_bytes() for path in found.paths] == [b"bb", b"a"]
    assert len(found.commit) == 40
    assert found.downloaded_at.tzinfo is not None


async def test_parquet_is_what_is_meant_unless_said_otherwise(world: World) -> None:
    world.publish("a.parquet", b"a")
    world.publish("a.txt", b"a")
    assert (await world.service.download(DatasetRequest(repo=REPO))).files == ("a.parquet",)


async def test_a_second_call_gives_the_same(world: World) -> None:
    world.publish("a.parquet", b"a")
    first = await world.service.download(everything())
    assert await world.service.download(everything()) == first


async def test_other_globs_add_files(world: World) -> None:
    world.publish("a.parquet", b"a")
    world.publish("b.txt", b"b")
    await world.service.download(DatasetRequest(repo=REPO))
    found = await world.service.download(DatasetRequest(repo=REPO, include=("*.txt",)))
    assert found.files == ("a.parquet", "b.txt")


async def test_a_new_commit_takes_the_place_of_the_old_one(world: World) -> None:
    world.publish("a.parquet", b"old")
    world.publish("gone.parquet", b"gone")
    old = await world.service.download(everything())
    world.publish("a.parquet", b"new")
    world.retract("gone.parquet")
    new = await world.service.download(everything())
    assert old.commit != new.commit
    assert files_below(new.local_path) == {"a.parquet": b"new"}


async def test_an_earlier_commit_can_be_had_again(world: World) -> None:
    world.publish("a.parquet", b"old")
    old = await world.service.download(everything())
    world.publish("a.parquet", b"new")
    await world.service.download(everything())
    again = await world.service.download(everything(revision=old.commit))
    assert again.commit == old.commit
    assert files_below(again.local_path) == {"a.parquet": b"old"}


async def test_a_plan_tells_and_does_nothing(world: World) -> None:
    world.publish("a.parquet", b"a")
    plan = await world.service.plan(everything())
    assert (plan.repo, plan.total_bytes, plan.fetch_bytes, plan.present_bytes) == (REPO, 1, 1, 0)
    assert await world.service.list_downloaded() == []
    await world.service.download(everything())
    assert (await world.service.plan(everything())).present_bytes == 1


async def test_events_tell_the_download(world: World) -> None:
    world.publish("a.parquet", b"a")
    events: list[Event] = []
    found = await world.service.download(everything(), on_event=events.append)
    kinds = [type(event) for event in events]
    assert (kinds[0], kinds[-1]) == (Planned, Finished)
    assert {FileStarted, FileVerified, BytesReceived} <= set(kinds)
    assert of_kind(events, Finished)[0].dataset == found


async def test_only_finished_is_told_of_what_is_here(world: World) -> None:
    world.publish("a.parquet", b"a")
    await world.service.download(everything())
    events: list[Event] = []
    await world.service.download(everything(), on_event=events.append)
    assert [type(event) for event in events] == [Finished]


async def test_what_is_recorded_is_found_under_every_form_of_its_name(world: World) -> None:
    world.publish("a.parquet", b"a")
    found = await world.service.download(everything())
    for name in (REPO, REPO.upper(), f"datasets/{REPO}", f"hf://datasets/{REPO}@v1"):
        assert await world.service.is_downloaded(name)
        assert await world.service.get_local_path(name) == found.local_path
        assert await world.service.get_download_info(name) == found


async def test_all_recorded_datasets_are_listed_by_id(world: World) -> None:
    for repo in ("acme/b", "acme/a"):
        world.publish("a.parquet", b"a", repo)
        await world.service.download(everything(repo))
    assert [each.repo for each in await world.service.list_downloaded()] == ["acme/a", "acme/b"]


async def test_a_lost_file_is_noticed_and_brought_back(world: World) -> None:
    world.publish("a.parquet", b"a")
    found = await world.service.download(everything())
    found.paths[0].unlink()
    assert not await world.service.is_downloaded(REPO)
    assert await world.service.get_download_info(REPO) == found
    await world.service.download(everything())
    assert await world.service.is_downloaded(REPO)


async def test_verify_finds_and_repairs(world: World) -> None:
    world.publish("a.parquet", b"right")
    world.publish("b.parquet", b"good")
    found = await world.service.download(everything())
    found.paths[0].write_bytes(b"wrong")
    report = await world.service.verify(REPO)
    assert (report.ok, report.checked_files, report.checked_bytes) == (False, 2, 9)
    assert [each.path for each in report.damaged] == ["a.parquet"]
    assert (await world.service.verify(REPO, repair=True)).ok
    assert found.paths[0].read_bytes() == b"right"


async def test_a_deleted_dataset_is_forgotten_and_foreign_files_stay(world: World) -> None:
    world.publish("a.parquet", b"a")
    found = await world.service.download(everything())
    (found.local_path / "mine.txt").write_bytes(b"mine")
    await world.service.delete(REPO)
    assert files_below(found.local_path) == {"mine.txt": b"mine"}
    assert await world.service.get_local_path(REPO) is None
    with pytest.raises(NotDownloaded):
        await world.service.delete(REPO)


async def test_nothing_recorded_is_nothing(world: World) -> None:
    assert not await world.service.is_downloaded(REPO)
    assert await world.service.get_local_path(REPO) is None
    assert await world.service.get_download_info(REPO) is None
    assert await world.service.list_downloaded() == []
    with pytest.raises(NotDownloaded):
        await world.service.verify(REPO)


async def test_what_is_not_there_is_not_found(world: World) -> None:
    world.publish("a.txt", b"a")
    with pytest.raises(DatasetNotFound):
        await world.service.download(everything("acme/nothing"))
    with pytest.raises(RevisionNotFound):
        await world.service.download(everything(revision="nothing"))
    with pytest.raises(FileNotFound):
        await world.service.download(DatasetRequest(repo=REPO))


async def test_a_call_that_cannot_work_is_refused(world: World) -> None:
    with pytest.raises(InvalidRepoId):
        await world.service.download(everything("no id at all"))
    with pytest.raises(InvalidRepoId):
        await world.service.is_downloaded("no id at all")
    with pytest.raises(InvalidPattern):
        await world.service.download(DatasetRequest(repo=REPO, include=("",)))
