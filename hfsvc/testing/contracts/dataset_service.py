"""What every `hfsvc.protocols.DatasetService` keeps, as tests of pytest."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import anyio
import anyio.lowlevel
import pytest

from hfsvc.errors import (
    DatasetNotFound,
    FileNotFound,
    InvalidPattern,
    InvalidRepoId,
    LimitTooSmall,
    NotDownloaded,
    RevisionNotFound,
    SplitNotFound,
)
from hfsvc.models import (
    BytesHashed,
    BytesReceived,
    DatasetRequest,
    DownloadedDataset,
    Event,
    FileStarted,
    FileVerified,
    Finished,
    LeftFiles,
    Planned,
)
from hfsvc.protocols import DatasetService

REPO = "acme/notes"
EVERYTHING = DatasetRequest(repo=REPO, include=("**",))
SHARDS = tuple(f"data/train-{number:05}-of-00004.parquet" for number in range(4))
FORMS = (REPO, REPO.upper(), f"datasets/{REPO}", f"hf://datasets/{REPO}@v1")
E = TypeVar("E")


class DatasetWorld(Protocol):
    """A service under test and the Hub that it downloads from: the fixture ``world`` of a `DatasetServiceContract`.

    Attributes:
        service: Its store is empty.
    """

    service: DatasetService

    def publish(self, repo: str, path: str, content: bytes) -> None:
        """Add or change a file; the dataset moves to another commit, earlier ones stay."""
        ...

    def retract(self, repo: str, path: str) -> None:
        """Remove a file; the dataset moves to another commit."""
        ...

    def requests(self) -> int | None:
        """How many requests were sent so far; None where there is no network."""
        ...


class DatasetServiceContract:
    """Tests a `DatasetService`; a subclass gives the fixture ``world``, a `DatasetWorld`."""

    # ---- one download -----------------------------------------------------------------------------------------------

    async def test_a_download_names_what_is_on_disk(self, world: DatasetWorld) -> None:
        world.publish(REPO, "b.txt", b"bb")
        world.publish(REPO, "data/a.parquet", b"a")
        found = await world.service.download(EVERYTHING)
        assert (found.repo, found.revision) == (REPO, "main")
        assert (found.files, found.total_bytes) == (("b.txt", "data/a.parquet"), 3)
        assert _files(found.local_path) == {"b.txt": b"bb", "data/a.parquet": b"a"}
        assert len(found.commit) == 40
        assert found.downloaded_at.tzinfo is not None

    async def test_parquet_is_what_is_meant_unless_said_otherwise(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")
        world.publish(REPO, "a.txt", b"a")
        assert (await world.service.download(DatasetRequest(repo=REPO))).files == ("a.parquet",)

    async def test_a_plan_tells_and_does_nothing(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")
        plan = await world.service.plan(EVERYTHING)
        assert (plan.repo, plan.total_bytes, plan.fetch_bytes, plan.present_bytes) == (REPO, 1, 1, 0)
        assert await world.service.list_downloaded() == []
        found = await world.service.download(EVERYTHING)
        assert (await world.service.plan(EVERYTHING)).present_bytes == 1
        world.publish(REPO, "a.parquet", b"new")
        assert (await world.service.plan(EVERYTHING)).fetch_bytes == 3
        assert _files(found.local_path) == {"a.parquet": b"a"}
        assert await world.service.get_download_info(REPO) == found

    async def test_events_tell_the_download(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")
        events: list[Event] = []
        found = await world.service.download(EVERYTHING, on_event=events.append)
        kinds = [type(event) for event in events]
        assert (kinds[0], kinds[-1]) == (Planned, Finished)
        assert {FileStarted, FileVerified, BytesReceived} <= set(kinds)
        assert _of_kind(events, Finished)[0].dataset == found

    async def test_an_asynchronous_listener_is_awaited_in_order(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"aaa")
        expected: list[Event] = []
        await world.service.download(EVERYTHING, on_event=expected.append)
        await world.service.delete(REPO)
        heard: list[Event] = []

        async def listen(event: Event) -> None:
            await anyio.lowlevel.checkpoint()
            heard.append(event)

        found = await world.service.download(EVERYTHING, on_event=listen)
        assert [type(event) for event in heard] == [type(event) for event in expected]
        assert heard[-1] == Finished(dataset=found)

    async def test_an_asynchronous_listener_that_fails_ends_the_download(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"aaa")

        async def fail(_: Event) -> None:
            await anyio.lowlevel.checkpoint()
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await world.service.download(EVERYTHING, on_event=fail)

    async def test_a_listener_that_fails_ends_the_download(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")

        def fail(event: Event) -> None:
            asyncio.get_running_loop()
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError), _no_task_left():
            await world.service.download(EVERYTHING, on_event=fail)
        assert not await world.service.is_downloaded(REPO)
        assert (await world.service.download(EVERYTHING)).files == ("a.parquet",)

    # ---- further downloads ------------------------------------------------------------------------------------------

    async def test_a_second_call_gives_the_same(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")
        first = await world.service.download(EVERYTHING)
        assert await world.service.download(EVERYTHING) == first

    async def test_a_second_call_costs_one_request(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")
        await world.service.download(EVERYTHING)
        before = _requests(world)
        await world.service.download(EVERYTHING)
        assert _requests(world) == before + 1

    async def test_only_finished_is_told_of_what_is_here(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")
        await world.service.download(EVERYTHING)
        events: list[Event] = []
        await world.service.download(EVERYTHING, on_event=events.append)
        assert [type(event) for event in events] == [Finished]

    async def test_other_globs_add_files(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")
        world.publish(REPO, "b.txt", b"b")
        await world.service.download(DatasetRequest(repo=REPO))
        found = await world.service.download(DatasetRequest(repo=REPO, include=("*.txt",)))
        assert found.files == ("a.parquet", "b.txt")

    # ---- a part -----------------------------------------------------------------------------------------------------

    async def test_a_limit_takes_whole_files_in_order_and_tells_what_is_left(self, world: DatasetWorld) -> None:
        _publish_shards(world, 4)
        events: list[Event] = []
        request = DatasetRequest(repo=REPO, max_bytes=25)
        found = await world.service.download(request, on_event=events.append)
        assert found.files == SHARDS[:2]
        left = LeftFiles(files=2, total_bytes=20, next_path=SHARDS[2], next_bytes=10)
        assert found.left == left
        assert [event.plan.left for event in _of_kind(events, Planned)] == [left]
        assert await world.service.get_download_info(REPO) == found
        assert await world.service.download(request) == found

    async def test_a_part_goes_on_when_more_is_asked_for(self, world: DatasetWorld) -> None:
        _publish_shards(world, 4)
        await world.service.download(DatasetRequest(repo=REPO, split="train", max_files=1))
        plan = await world.service.plan(DatasetRequest(repo=REPO, max_files=3))
        assert (plan.present_bytes, plan.fetch_bytes) == (10, 20)
        events: list[Event] = []
        more = await world.service.download(DatasetRequest(repo=REPO, max_files=3), on_event=events.append)
        assert more.files == SHARDS[:3]
        assert {event.path for event in _of_kind(events, FileStarted)} == {*SHARDS[1:3]}
        assert [each.max_files for each in more.selection] == [3]
        less = await world.service.download(DatasetRequest(repo=REPO, split="train", max_files=2))
        assert less.files == SHARDS[:3]
        whole = await world.service.download(DatasetRequest(repo=REPO, split="train"))
        assert (whole.files, whole.left) == (SHARDS[:4], None)
        assert not any(each.is_limited for each in whole.selection)

    async def test_a_limit_stops_at_the_first_file_that_is_too_large(self, world: DatasetWorld) -> None:
        for path, size in (("a.parquet", 5), ("b.parquet", 50), ("c.parquet", 5)):
            world.publish(REPO, path, bytes(size))
        found = await world.service.download(DatasetRequest(repo=REPO, max_bytes=20))
        assert found.files == ("a.parquet",)
        assert found.left
        assert (found.left.files, found.left.next_path, found.left.next_bytes) == (2, "b.parquet", 50)

    async def test_a_limit_below_the_first_file_is_refused_and_leaves_nothing(self, world: DatasetWorld) -> None:
        _publish_shards(world, 2)
        request = DatasetRequest(repo=REPO, max_bytes=9)
        for call in (world.service.plan(request), world.service.download(request)):
            with pytest.raises(LimitTooSmall, match="10 bytes"):
                await call
        assert await world.service.list_downloaded() == []
        assert await world.service.disk_usage() == []

    async def test_a_split_is_what_is_brought(self, world: DatasetWorld) -> None:
        _publish_shards(world, 2)
        world.publish(REPO, "data/test-00000-of-00001.parquet", b"test")
        world.publish(REPO, "README.md", b"about")
        found = await world.service.download(DatasetRequest(repo=REPO, split="test"))
        assert found.files == ("data/test-00000-of-00001.parquet",)
        both = await world.service.download(DatasetRequest(repo=REPO, config="default", split="train"))
        assert both.files == ("data/test-00000-of-00001.parquet", *SHARDS[:2])

    async def test_a_split_that_there_is_not_is_told_with_those_that_there_are(self, world: DatasetWorld) -> None:
        _publish_shards(world, 1)
        world.publish(REPO, "data/test-00000-of-00001.parquet", b"test")
        missing = (DatasetRequest(repo=REPO, split="dev"), "train"), (DatasetRequest(repo=REPO, config="en"), "default")
        for request, known in missing:
            with pytest.raises(SplitNotFound, match=known):
                await world.service.download(request)
        assert await world.service.list_downloaded() == []

    async def test_a_new_commit_is_cut_as_the_old_one_was(self, world: DatasetWorld) -> None:
        _publish_shards(world, 3)
        await world.service.download(DatasetRequest(repo=REPO, split="train", max_bytes=20))
        world.publish(REPO, "data/extra-00000-of-00001.parquet", b"x")
        world.publish(REPO, SHARDS[0], b"new")
        update = await world.service.check_update(REPO)
        assert (update.added, update.changed, update.removed) == ((), (SHARDS[0],), ())
        found = await world.service.download(DatasetRequest(repo=REPO))
        assert (found.files, found.left) == (SHARDS[:2], update.left)

    # ---- a new commit -----------------------------------------------------------------------------------------------

    async def test_a_new_commit_is_selected_by_all_globs_so_far(self, world: DatasetWorld) -> None:
        for path in ("a.parquet", "b.txt", "c.md"):
            world.publish(REPO, path, b"old")
        for glob in ("*.parquet", "*.txt"):
            await world.service.download(DatasetRequest(repo=REPO, include=(glob,)))
        world.publish(REPO, "b.txt", b"new")
        world.publish(REPO, "d.txt", b"added")
        events: list[Event] = []
        found = await world.service.download(DatasetRequest(repo=REPO, include=("*.parquet",)), on_event=events.append)
        assert _files(found.local_path) == {"a.parquet": b"old", "b.txt": b"new", "d.txt": b"added"}
        assert {event.path for event in _of_kind(events, FileStarted)} == {"b.txt", "d.txt"}

    async def test_a_new_commit_takes_the_place_of_the_old_one(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"old")
        world.publish(REPO, "gone.parquet", b"gone")
        old = await world.service.download(EVERYTHING)
        world.publish(REPO, "a.parquet", b"new")
        world.retract(REPO, "gone.parquet")
        new = await world.service.download(EVERYTHING)
        assert old.commit != new.commit
        assert _files(new.local_path) == {"a.parquet": b"new"}

    async def test_a_check_tells_what_an_update_would_do_and_does_nothing(self, world: DatasetWorld) -> None:
        for path in ("a.parquet", "gone.parquet", "same.parquet"):
            world.publish(REPO, path, b"old")
        old = await world.service.download(EVERYTHING)
        assert not (await world.service.check_update(REPO)).is_new
        world.publish(REPO, "a.parquet", b"newer")
        world.publish(REPO, "more.parquet", b"more")
        world.retract(REPO, "gone.parquet")
        found = await world.service.check_update(REPO)
        assert (found.added, found.changed, found.removed) == (("more.parquet",), ("a.parquet",), ("gone.parquet",))
        assert (found.fetch_bytes, found.kept_bytes) == (len(b"newer" + b"more"), len(b"old"))
        assert await world.service.get_download_info(REPO) == old
        new = await world.service.download(DatasetRequest(repo=REPO, revision=found.revision))
        assert (found.commit, found.new_commit) == (old.commit, new.commit)

    async def test_a_check_of_what_has_not_moved_costs_one_request(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")
        await world.service.download(EVERYTHING)
        before = world.requests()
        await world.service.check_update(REPO)
        if before is not None:
            assert world.requests() == before + 1

    async def test_readers_see_the_old_commit_or_the_new_one(self, world: DatasetWorld) -> None:
        old, new = ({path: text + path.encode() for path in ("a.parquet", "b.parquet")} for text in (b"old ", b"new "))
        for path in old:
            world.publish(REPO, path, old[path])
        folder = (await world.service.download(EVERYTHING)).local_path
        for path in new:
            world.publish(REPO, path, new[path])
        seen: list[dict[str, bytes]] = []
        await world.service.download(EVERYTHING, on_event=lambda _: seen.append(_files(folder)))
        assert all(files in (old, new) for files in seen)
        assert seen[-1] == new

    async def test_an_earlier_commit_can_be_had_again(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"old")
        old = await world.service.download(EVERYTHING)
        world.publish(REPO, "a.parquet", b"new")
        await world.service.download(EVERYTHING)
        again = await world.service.download(DatasetRequest(repo=REPO, include=("**",), revision=old.commit))
        assert again.commit == old.commit
        assert _files(again.local_path) == {"a.parquet": b"old"}

    # ---- concurrent and cancelled calls -----------------------------------------------------------------------------

    async def test_concurrent_calls_do_the_work_once(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")
        events: list[Event] = []
        found: list[DownloadedDataset] = []

        async def download() -> None:
            found.append(await world.service.download(EVERYTHING, on_event=events.append))

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(download)
        assert found == [found[0]] * 4
        assert [event.path for event in _of_kind(events, FileStarted)] == ["a.parquet"]

    async def test_a_cancelled_call_hands_over_to_the_one_behind_it(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")
        found: list[DownloadedDataset] = []

        async def download() -> None:
            found.append(await world.service.download(EVERYTHING))

        async with anyio.create_task_group() as tasks:
            with anyio.CancelScope() as scope:

                def let_another_queue(event: Event) -> None:
                    if isinstance(event, Planned):
                        tasks.start_soon(download)
                        scope.cancel()

                await world.service.download(EVERYTHING, on_event=let_another_queue)
        assert found[0].files == ("a.parquet",)

    async def test_a_cancelled_call_keeps_what_it_fetched_and_leaves_no_task(self, world: DatasetWorld) -> None:
        for path in ("a.parquet", "b.parquet"):
            world.publish(REPO, path, path.encode())
        verified: list[Event] = []
        with _no_task_left(), anyio.CancelScope() as scope:

            def cancel(event: Event) -> None:
                if isinstance(event, FileVerified):
                    verified.append(event)
                    scope.cancel()

            await world.service.download(EVERYTHING, on_event=cancel)
        events: list[Event] = []
        found = await world.service.download(EVERYTHING, on_event=events.append)
        assert _files(found.local_path) == {"a.parquet": b"a.parquet", "b.parquet": b"b.parquet"}
        kept = {event.path for event in _of_kind(verified, FileVerified)}
        assert all(event.kept_bytes == event.size for event in _of_kind(events, FileStarted) if event.path in kept)

    # ---- what is recorded -------------------------------------------------------------------------------------------

    async def test_what_is_recorded_is_found_under_every_form_of_its_name(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")
        found = await world.service.download(EVERYTHING)
        for name in FORMS:
            assert await world.service.is_downloaded(name)
            assert await world.service.get_local_path(name) == found.local_path
            assert await world.service.get_download_info(name) == found
            assert (await world.service.verify(name)).ok

    @pytest.mark.parametrize("name", FORMS[:3])
    async def test_a_dataset_is_downloaded_and_deleted_under_every_form_of_its_name(
        self, world: DatasetWorld, name: str
    ) -> None:
        world.publish(REPO, "a.parquet", b"a")
        assert (await world.service.plan(DatasetRequest(repo=name))).repo == REPO
        assert (await world.service.download(DatasetRequest(repo=name))).repo == REPO
        await world.service.delete(name)
        assert not await world.service.is_downloaded(REPO)

    async def test_all_recorded_datasets_are_listed_by_id(self, world: DatasetWorld) -> None:
        for repo in ("acme/b", "acme/a"):
            world.publish(repo, "a.parquet", b"a")
            await world.service.download(DatasetRequest(repo=repo))
        assert [each.repo for each in await world.service.list_downloaded()] == ["acme/a", "acme/b"]

    async def test_what_is_on_disk_is_told_without_the_network(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")
        await world.service.download(EVERYTHING)
        before = _requests(world)
        await world.service.is_downloaded(REPO)
        await world.service.get_local_path(REPO)
        await world.service.get_download_info(REPO)
        await world.service.list_downloaded()
        await world.service.verify(REPO)
        await world.service.delete(REPO)
        assert _requests(world) == before

    async def test_a_lost_file_is_noticed_and_brought_back(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")
        found = await world.service.download(EVERYTHING)
        found.paths[0].unlink()
        assert not await world.service.is_downloaded(REPO)
        assert await world.service.get_download_info(REPO) == found
        await world.service.download(EVERYTHING)
        assert await world.service.is_downloaded(REPO)

    async def test_a_file_of_another_size_is_noticed(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")
        found = await world.service.download(EVERYTHING)
        found.paths[0].write_bytes(b"longer")
        assert not await world.service.is_downloaded(REPO)

    async def test_verify_finds_and_repairs_at_the_recorded_commit(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"right")
        world.publish(REPO, "b.parquet", b"good")
        found = await world.service.download(EVERYTHING)
        world.publish(REPO, "a.parquet", b"newer")
        found.paths[0].write_bytes(b"wrong")
        report = await world.service.verify(REPO)
        assert (report.ok, report.checked_files, report.checked_bytes) == (False, 2, 9)
        assert [each.path for each in report.damaged] == ["a.parquet"]
        assert found.paths[0].read_bytes() == b"wrong"
        assert (await world.service.verify(REPO, repair=True)).ok
        assert found.paths[0].read_bytes() == b"right"

    async def test_what_a_dataset_takes_of_the_disk_is_told(self, world: DatasetWorld) -> None:
        assert await world.service.disk_usage() == []
        world.publish(REPO, "a.parquet", b"right")
        await world.service.download(EVERYTHING)
        (usage,) = await world.service.disk_usage()
        assert (usage.repo, usage.recorded, usage.files, usage.file_bytes) == (REPO, True, 1, 5)
        assert await world.service.prune() == []
        assert await world.service.is_downloaded(REPO)

    async def test_a_verification_tells_how_far_it_is(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"right")
        await world.service.download(EVERYTHING)
        events: list[Event] = []
        await world.service.verify(REPO, on_event=events.append)
        assert events[-1] == BytesHashed(hashed=5, total=5)

    async def test_a_deleted_dataset_is_forgotten_and_foreign_files_stay(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.parquet", b"a")
        found = await world.service.download(EVERYTHING)
        (found.local_path / "mine.txt").write_bytes(b"mine")
        await world.service.delete(REPO)
        assert _files(found.local_path) == {"mine.txt": b"mine"}
        assert await world.service.get_local_path(REPO) is None
        with pytest.raises(NotDownloaded):
            await world.service.delete(REPO)

    async def test_nothing_recorded_is_nothing(self, world: DatasetWorld) -> None:
        assert not await world.service.is_downloaded(REPO)
        assert await world.service.get_local_path(REPO) is None
        assert await world.service.get_download_info(REPO) is None
        assert await world.service.list_downloaded() == []
        for repair in (False, True):
            with pytest.raises(NotDownloaded):
                await world.service.verify(REPO, repair=repair)

    # ---- what cannot work -------------------------------------------------------------------------------------------

    async def test_what_is_not_there_is_not_found(self, world: DatasetWorld) -> None:
        world.publish(REPO, "a.txt", b"a")
        for call in (world.service.download, world.service.plan):
            with pytest.raises(DatasetNotFound):
                await call(DatasetRequest(repo="acme/nothing"))
            with pytest.raises(RevisionNotFound):
                await call(DatasetRequest(repo=REPO, revision="nothing"))
            with pytest.raises(FileNotFound):
                await call(DatasetRequest(repo=REPO))

    async def test_a_call_that_cannot_work_is_refused(self, world: DatasetWorld) -> None:
        with pytest.raises(InvalidRepoId):
            await world.service.download(DatasetRequest(repo="no id at all"))
        with pytest.raises(InvalidRepoId):
            await world.service.is_downloaded("no id at all")
        with pytest.raises(InvalidPattern):
            await world.service.download(DatasetRequest(repo=REPO, include=("",)))


@contextmanager
def _no_task_left() -> Iterator[None]:
    before = asyncio.all_tasks()
    try:
        yield
    finally:
        assert asyncio.all_tasks() <= before


def _requests(world: DatasetWorld) -> int:
    sent = world.requests()
    if sent is None:
        pytest.skip("a service without a network")
    return sent


def _publish_shards(world: DatasetWorld, count: int) -> None:
    """Files of ten bytes each, of the split ``train``."""
    for number, path in enumerate(SHARDS[:count]):
        world.publish(REPO, path, b"%010d" % number)


def _files(folder: Path) -> dict[str, bytes]:
    """Every file with its content."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _of_kind(events: list[Event], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]
