"""A dataset that moves to another commit, or is asked for with other globs."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from hfsvc.errors import DatasetChanged, FileNotFound, NotAHub, Offline
from hfsvc.models import DatasetRequest, DownloadedDataset, Event, FileStarted, FileVerified, Planned
from hfsvc.protocols import DatasetService
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Stall, Status

from ..builders import (
    REPO,
    MiB,
    everything,
    files_below,
    noise,
    of_kind,
    open_service,
    parts_left,
    read_index,
    run_python,
)


async def test_only_changed_files_are_fetched_and_gone_ones_removed(
    local_hub: LocalHub, service: DatasetService
) -> None:
    for name in ("same.parquet", "changed.parquet", "gone.parquet", "deep/er/gone.parquet"):
        local_hub.write(REPO, name, noise(100, len(name)))
    old = await service.download(everything())
    local_hub.write(REPO, "changed.parquet", b"changed")
    local_hub.write(REPO, "new.parquet", b"new")
    (local_hub.folder / REPO / "gone.parquet").unlink()
    (local_hub.folder / REPO / "deep/er/gone.parquet").unlink()
    local_hub.reset()
    new = await service.download(everything())
    assert sorted(request.file or "" for request in local_hub.find(server="cdn")) == ["changed.parquet", "new.parquet"]
    assert set(files_below(new.local_path)) == set(new.files) == {"same.parquet", "changed.parquet", "new.parquet"}
    assert not (new.local_path / "deep").exists()
    assert new.commit != old.commit
    assert new.downloaded_at > old.downloaded_at


async def test_other_globs_at_one_commit_add_files(local_hub: LocalHub, service: DatasetService) -> None:
    for name in ("a.parquet", "b.txt", "c.md"):
        local_hub.write(REPO, name, name.encode())
    await service.download(DatasetRequest(repo=REPO, include=("a.parquet",)))
    found = await service.download(DatasetRequest(repo=REPO, include=("*.txt",)))
    assert found.files == ("a.parquet", "b.txt")
    assert found.total_bytes == len("a.parquet") + len("b.txt")
    assert local_hub.count(server="cdn", path="a.parquet") == 1


async def test_a_new_commit_is_selected_by_all_globs_asked_for_so_far(
    local_hub: LocalHub, service: DatasetService
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.write(REPO, "a.txt", b"a")
    await service.download(DatasetRequest(repo=REPO, include=("*.parquet",)))
    await service.download(DatasetRequest(repo=REPO, include=("*.txt",), exclude=("no*",)))
    for name in ("b.parquet", "b.txt", "no.txt", "b.md"):
        local_hub.write(REPO, name, b"b")
    found = await service.download(DatasetRequest(repo=REPO, include=("*.parquet",)))
    assert found.files == ("a.parquet", "a.txt", "b.parquet", "b.txt")


async def test_a_renamed_file_is_copied_here_not_fetched(local_hub: LocalHub, service: DatasetService) -> None:
    content = noise(2 * MiB)
    local_hub.write(REPO, "old.parquet", content)
    await service.download(everything())
    local_hub.write(REPO, "deep/new.parquet", content)
    (local_hub.folder / REPO / "old.parquet").unlink()
    local_hub.reset()
    found = await service.download(everything())
    assert files_below(found.local_path) == {"deep/new.parquet": content}
    assert local_hub.bytes_sent() == 0


async def test_two_files_that_swap_their_content_are_copied_right(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", b"one" * 50)
    local_hub.write(REPO, "b.parquet", b"two" * 50)
    await service.download(everything())
    local_hub.write(REPO, "a.parquet", b"two" * 50)
    local_hub.write(REPO, "b.parquet", b"one" * 50)
    found = await service.download(everything())
    assert files_below(found.local_path) == {"a.parquet": b"two" * 50, "b.parquet": b"one" * 50}
    assert (await service.verify(REPO)).ok


async def test_a_file_may_become_a_folder_and_a_file_again(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "x", b"file")
    await service.download(everything())
    (local_hub.folder / REPO / "x").unlink()
    local_hub.write(REPO, "x/y.txt", b"below")
    found = await service.download(everything())
    assert files_below(found.local_path) == {"x/y.txt": b"below"}
    (local_hub.folder / REPO / "x/y.txt").unlink()
    (local_hub.folder / REPO / "x").rmdir()
    local_hub.write(REPO, "x", b"file again")
    found = await service.download(everything())
    assert files_below(found.local_path) == {"x": b"file again"}


async def test_files_of_others_in_the_folder_stay(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    found = await service.download(everything())
    (found.local_path / "notes.txt").write_text("mine")
    local_hub.write(REPO, "a.parquet", b"b")
    await service.download(everything())
    await service.delete(REPO)
    assert files_below(found.local_path) == {"notes.txt": b"mine"}


async def test_a_branch_that_moves_while_its_files_come_gives_the_commit_of_the_start(
    local_hub: LocalHub, service: DatasetService
) -> None:
    local_hub.write(REPO, "a.parquet", b"old a")
    local_hub.write(REPO, "b.txt", b"old b")
    local_hub.fault(Stall(), server="hub", path="*/tree/*", times=1)
    found: list[DownloadedDataset] = []
    commit = local_hub.refresh(REPO)

    async def download() -> None:
        found.append(await service.download(everything()))

    async with anyio.create_task_group() as group:
        group.start_soon(download)
        await local_hub.until(lambda: local_hub.stalled == 1)
        local_hub.write(REPO, "a.parquet", b"new a")
        local_hub.write(REPO, "b.txt", b"new b")
        assert local_hub.refresh(REPO) != commit
        local_hub.release()
    assert found[0].commit == commit
    assert files_below(found[0].local_path) == {"a.parquet": b"old a", "b.txt": b"old b"}


async def test_tags_and_refs_can_be_asked_for(local_hub: LocalHub, service: DatasetService, tmp_path: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"main")
    for name in ("refs/pr/1", "feature/x y", "refs/tags/v1"):
        folder = tmp_path / "revisions" / name
        folder.mkdir(parents=True)
        (folder / "a.parquet").write_bytes(name.encode())
        commit = local_hub.add_revision(REPO, name, folder)
        found = await service.download(everything(revision=name.removeprefix("refs/tags/")))
        assert found.commit == commit
        assert files_below(found.local_path) == {"a.parquet": name.encode()}


async def test_a_commit_of_the_past_can_be_asked_for(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", b"old")
    commit = local_hub.refresh(REPO)
    local_hub.write(REPO, "a.parquet", b"new")
    local_hub.refresh(REPO)
    found = await service.download(everything(revision=commit))
    assert (found.commit, found.revision) == (commit, commit)
    assert files_below(found.local_path) == {"a.parquet": b"old"}


async def test_force_fetches_again_and_keeps_the_files_right(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", noise(100))
    found = await service.download(everything())
    found.paths[0].write_bytes(b"spoilt")
    local_hub.reset()
    await service.download(everything(force=True))
    assert local_hub.bytes_sent() == 100
    assert (await service.verify(REPO)).ok


# ---- what readers see ------------------------------------------------------------------------------------------------


async def test_readers_see_the_old_commit_until_all_of_the_new_one_is_here(
    local_hub: LocalHub, service: DatasetService
) -> None:
    for name in ("a.parquet", "b.parquet"):
        local_hub.write(REPO, name, b"old")
    old = await service.download(everything())
    local_hub.write(REPO, "a.parquet", noise(100, 1))
    local_hub.write(REPO, "b.parquet", noise(100, 2))
    local_hub.fault(Stall(), server="cdn", path="b.parquet")
    events: list[Event] = []

    async def update() -> None:
        await service.download(everything(), on_event=events.append)

    async with anyio.create_task_group() as group:
        group.start_soon(update)
        await local_hub.until(lambda: local_hub.stalled == 1)
        assert await service.get_download_info(REPO) == old
        assert files_below(old.local_path) == {"a.parquet": b"old", "b.parquet": b"old"}
        local_hub.release()
    assert len(of_kind(events, FileVerified)) == 2
    assert b"old" not in files_below(old.local_path).values()


SWAP_AND_DIE = """
import asyncio, os, signal, sys
from pathlib import Path
from hfsvc.containers import open_container
from hfsvc.models import DatasetRequest
from hfsvc.settings import Settings
from hfsvc.store import exchange as install

count = int(sys.argv[3])

def dying(real):
    def step(*args, **facts):
        global count
        count -= 1
        if count < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **facts)
    return step

install.place = dying(install.place)
install.remove_file = dying(install.remove_file)
install.sync_folder = dying(install.sync_folder)

async def main():
    settings = Settings(endpoint=sys.argv[1], root=Path(sys.argv[2]), trust_env=False)
    async with open_container(settings) as container:
        await container.datasets().download(DatasetRequest(repo="acme/notes", include=("**",)))

asyncio.run(main())
"""


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
async def test_an_update_killed_in_the_exchange_is_told_and_healed(local_hub: LocalHub, root: Path, steps: int) -> None:
    for name in ("a.parquet", "b.parquet", "gone.parquet"):
        local_hub.write(REPO, name, b"old " + name.encode())
    async with open_service(local_hub, root) as service:
        old = await service.download(everything())
        local_hub.write(REPO, "a.parquet", b"new a.parquet")
        local_hub.write(REPO, "b.parquet", b"new b.parquet")
        (local_hub.folder / REPO / "gone.parquet").unlink()
        child = run_python(SWAP_AND_DIE, local_hub.endpoint, str(root), str(steps))
        _, words = await anyio.to_thread.run_sync(child.communicate)
        assert child.returncode == -signal.SIGKILL, words
        assert read_index(root)["datasets"][REPO]["changingTo"] not in {None, old.commit}
        assert await service.get_download_info(REPO) is None
        assert not await service.is_downloaded(REPO)
        assert await service.list_downloaded() == []
        local_hub.reset()
        found = await service.download(everything())
        assert files_below(found.local_path) == {"a.parquet": b"new a.parquet", "b.parquet": b"new b.parquet"}
        assert local_hub.bytes_sent() == 0
        assert await service.is_downloaded(REPO)
        assert parts_left(root) == []


async def test_an_interrupted_exchange_never_trusts_the_record(local_hub: LocalHub, root: Path) -> None:
    # Killed after a file was exchanged, and the branch went back to the old commit: the record fits, the file does not.
    local_hub.write(REPO, "a.parquet", b"old")
    local_hub.write(REPO, "b.parquet", b"same")
    async with open_service(local_hub, root) as service:
        await service.download(everything())
        local_hub.write(REPO, "a.parquet", b"new")
        child = run_python(SWAP_AND_DIE, local_hub.endpoint, str(root), "1")
        await anyio.to_thread.run_sync(child.communicate)
        local_hub.write(REPO, "a.parquet", b"old")
        found = await service.download(everything())
    assert files_below(found.local_path) == {"a.parquet": b"old", "b.parquet": b"same"}


# ---- files that someone touched --------------------------------------------------------------------------------------


async def test_a_lost_file_is_brought_back_alone(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", b"a" * 10)
    local_hub.write(REPO, "b.parquet", b"b" * 10)
    found = await service.download(everything())
    found.paths[0].unlink()
    assert not await service.is_downloaded(REPO)
    local_hub.reset()
    events: list[Event] = []
    await service.download(everything(), on_event=events.append)
    assert [each.path for each in of_kind(events, FileStarted)] == ["a.parquet"]
    assert await service.is_downloaded(REPO)


async def test_a_lost_index_is_made_again_without_fetching(
    local_hub: LocalHub, service: DatasetService, root: Path
) -> None:
    local_hub.write(REPO, "a.parquet", noise(2 * MiB))
    await service.download(everything())
    (root / "index.json").unlink()
    local_hub.reset()
    events: list[Event] = []
    await service.download(everything(), on_event=events.append)
    assert of_kind(events, Planned)[0].plan.present_bytes == 2 * MiB
    assert local_hub.bytes_sent() == 0


async def test_a_wrong_file_of_the_right_size_is_replaced_when_the_index_is_lost(
    local_hub: LocalHub, service: DatasetService, root: Path
) -> None:
    local_hub.write(REPO, "a.parquet", b"right")
    found = await service.download(everything())
    (root / "index.json").unlink()
    found.paths[0].write_bytes(b"wrong")
    await service.download(everything())
    assert found.paths[0].read_bytes() == b"right"


async def test_verify_tells_what_is_wrong_and_touches_nothing(local_hub: LocalHub, service: DatasetService) -> None:
    for name in ("a.parquet", "b.parquet", "c.parquet"):
        local_hub.write(REPO, name, name.encode())
    found = await service.download(everything())
    found.paths[0].write_bytes(b"A.parquet")
    found.paths[1].unlink()
    local_hub.reset()
    report = await service.verify(REPO)
    assert [(each.path, each.actual is None) for each in report.damaged] == [("a.parquet", False), ("b.parquet", True)]
    assert (report.ok, report.repaired, report.checked_files) == (False, (), 3)
    assert found.paths[0].read_bytes() == b"A.parquet"
    assert local_hub.count() == 0


async def test_repair_fetches_the_damaged_files_at_the_recorded_commit(
    local_hub: LocalHub, service: DatasetService
) -> None:
    local_hub.write(REPO, "a.parquet", b"old a")
    local_hub.write(REPO, "b.txt", b"old b")
    found = await service.download(everything())
    local_hub.write(REPO, "a.parquet", b"new a")
    local_hub.refresh(REPO)
    for path in found.paths:
        path.write_bytes(b"spoilt")
    report = await service.verify(REPO, repair=True)
    assert report.ok
    assert report.repaired == ("a.parquet", "b.txt")
    assert files_below(found.local_path) == {"a.parquet": b"old a", "b.txt": b"old b"}
    assert (await service.verify(REPO)).damaged == ()
    assert await service.get_download_info(REPO) == found


@pytest.mark.parametrize("size", [100, 3 * MiB])
async def test_damaged_files_of_one_content_are_repaired_together(
    local_hub: LocalHub, service: DatasetService, size: int
) -> None:
    content = noise(size)
    for name in ("a", "b", "c", "d"):
        local_hub.write(REPO, f"{name}.parquet", content)
    found = await service.download(everything())
    for path in found.paths:
        path.write_bytes(b"spoilt")
    local_hub.reset()
    assert (await service.verify(REPO, repair=True)).ok
    assert set(files_below(found.local_path).values()) == {content}
    assert local_hub.bytes_sent() == size


async def test_a_deleted_dataset_is_gone_and_can_come_back(
    local_hub: LocalHub, service: DatasetService, root: Path
) -> None:
    local_hub.write(REPO, "deep/a.parquet", b"a")
    await service.download(everything())
    await service.delete(REPO)
    assert not (root / REPO).exists()
    assert await service.get_local_path(REPO) is None
    assert await service.list_downloaded() == []
    assert (await service.download(everything())).files == ("deep/a.parquet",)


# ---- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked", ["ACME/Notes", "notes", f"https://huggingface.co/datasets/{REPO}", f"datasets/{REPO}"]
)
async def test_a_dataset_is_one_under_all_its_names(local_hub: LocalHub, service: DatasetService, asked: str) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    found = await service.download(everything(asked))
    assert found.repo == REPO
    assert await service.is_downloaded(asked)
    assert await service.get_download_info(REPO) == found
    local_hub.reset()
    assert await service.download(everything()) == found
    assert local_hub.bytes_sent() == 0


async def test_a_renamed_dataset_is_found_under_its_old_name(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write("old/name", "a.parquet", b"a")
    local_hub.rename("old/name", "new/name")
    found = await service.download(everything("old/name"))
    assert found.repo == "new/name"
    assert await service.get_download_info("old/name") == found


async def test_a_dataset_renamed_since_is_found_under_its_new_name(
    local_hub: LocalHub, service: DatasetService
) -> None:
    local_hub.write("old/name", "a.parquet", b"a")
    await service.download(everything("old/name"))
    local_hub.rename("old/name", "new/name")
    local_hub.write("new/name", "a.parquet", b"new")
    found = await service.download(everything("old/name"))
    assert found.repo == "new/name"
    assert await service.get_download_info("old/name") == found


async def test_a_name_that_another_repository_took_over_is_that_repositorys(
    local_hub_factory: Callable[..., LocalHub], root: Path
) -> None:
    before, after = local_hub_factory(), local_hub_factory()
    before.write("first/name", "a.parquet", b"a")
    before.rename("first/name", "old/name")
    before.rename("old/name", "new/name")
    async with open_service(before, root) as service:
        renamed = await service.download(everything("old/name"))
    after.write("old/name", "b.parquet", b"b")
    async with open_service(after, root) as service:
        found = await service.download(everything("old/name"))
        assert (found.repo, found.files) == ("old/name", ("b.parquet",))
        assert await service.get_download_info("old/name") == found
        await service.delete("old/name")
        assert await service.get_download_info("new/name") == renamed


# ---- no id deletes data -----------------------------------------------------------------------------------------------


async def test_two_repositories_of_one_id_are_two(local_hub: LocalHub, root: Path) -> None:
    names = ("acme/one", "acme/two", "other/three")
    for name in names:
        local_hub.write(name, f"{name[-1]}.parquet", name.encode())
        local_hub.configure(name, hub_id="0" * 24)
    async with open_service(local_hub, root) as service:
        for name in names:
            await service.download(everything(name))
        assert [each.repo for each in await service.list_downloaded()] == sorted(names)
        for name in names:
            assert (await service.verify(name)).ok
            assert (await service.download(everything(name))).repo == name
    assert len(files_below(root)) == 3


async def test_a_mirror_may_number_repositories_otherwise(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    async with open_service(local_hub, root) as service:
        await service.download(everything())
        local_hub.configure(REPO, hub_id="1" * 24)
        # One commit is one content, whoever numbers it how.
        assert (await service.download(everything())).files == ("a.parquet",)
        local_hub.write(REPO, "b.parquet", b"b")
        with pytest.raises(DatasetChanged, match="HF_ENDPOINT"):
            await service.download(everything())
        assert (await service.verify(REPO)).ok


async def test_another_repository_under_a_name_is_not_mixed_with_the_first(
    local_hub_factory: Callable[..., LocalHub], root: Path, tmp_path: Path
) -> None:
    first, second = local_hub_factory(tmp_path / "first"), local_hub_factory(tmp_path / "second")
    first.write(REPO, "a.parquet", b"a")
    second.write(REPO, "b.parquet", b"b")
    second.configure(REPO, hub_id="1" * 24)
    async with open_service(first, root) as service:
        found = await service.download(everything())
    async with open_service(second, root) as service:
        with pytest.raises(DatasetChanged, match="another repository"):
            await service.download(everything())
        assert await service.get_download_info(REPO) == found
    assert files_below(root / REPO) == {"a.parquet": b"a"}


async def test_a_name_that_is_answered_with_another_repositorys_changes_nothing_there(
    local_hub: LocalHub, root: Path
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.write("acme/other", "b.parquet", b"b")
    async with open_service(local_hub, root) as service:
        await service.download(everything())
        wrong = f'{{"id": "{REPO}", "sha": "{"5" * 40}"}}'
        local_hub.fault(Status(200, kind="text", message=wrong), path="*/acme/other/revision/*")
        with pytest.raises(NotAHub, match=r"for acme/other with acme/notes"):
            await service.download(everything("acme/other"))
        assert (await service.verify(REPO)).ok
    assert files_below(root / "acme") == {"notes/a.parquet": b"a"}


# ---- offline ---------------------------------------------------------------------------------------------------------


async def test_offline_serves_what_is_recorded_and_asks_nobody(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    async with open_service(local_hub, root) as service:
        found = await service.download(everything())
    local_hub.reset()
    async with open_service(local_hub, root, offline=True) as service:
        assert await service.download(everything()) == found
        assert await service.download(everything(revision=found.commit)) == found
        assert (await service.verify(REPO)).ok
    assert local_hub.count() == 0


@pytest.mark.parametrize(
    "facts", [{"include": ("*.txt",)}, {"revision": "v2"}, {"force": True}, {"repo": "acme/other"}], ids=str
)
async def test_offline_refuses_what_would_need_the_hub(local_hub: LocalHub, root: Path, facts: dict[str, Any]) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    async with open_service(local_hub, root) as service:
        await service.download(everything())
    local_hub.reset()
    async with open_service(local_hub, root, offline=True) as service:
        with pytest.raises(Offline):
            await service.download(everything(**facts))
        with pytest.raises(Offline):
            await service.plan(everything(**facts))
    assert local_hub.count() == 0


async def test_globs_that_match_nothing_new_are_still_an_error(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    await service.download(everything())
    with pytest.raises(FileNotFound):
        await service.download(DatasetRequest(repo=REPO, include=("*.nothing",)))


async def test_a_rename_on_the_hub_is_followed_on_the_disk(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    async with open_service(local_hub, root) as service:
        await service.download(everything())
        local_hub.rename(REPO, "acme/renamed")
        local_hub.reset()
        found = await service.download(everything())
        assert local_hub.count(server="cdn") == 0
        assert [each.repo for each in await service.list_downloaded()] == ["acme/renamed"]
        assert await service.get_download_info(REPO) == found
        assert (await service.verify("acme/renamed")).ok
    assert found.local_path == root / "acme/renamed"
    assert files_below(root / "acme") == {"renamed/a.parquet": b"a"}


async def test_what_a_killed_run_put_in_place_goes_when_the_next_commit_lacks_it(
    local_hub: LocalHub, root: Path
) -> None:
    local_hub.write(REPO, "gone.parquet", b"gone")
    local_hub.write(REPO, "slow.parquet", b"slow")
    local_hub.fault(Stall(), server="cdn", path="slow.parquet")
    # What came is put in place once the rest has stalled.
    async with open_service(local_hub, root, stall_timeout_s=0.3) as service:
        task = asyncio.create_task(service.download(everything()))
        await local_hub.until(lambda: (root / REPO / "gone.parquet").exists() and local_hub.stalled == 1)
        task.cancel()
        await asyncio.wait([task])
        local_hub.clear_faults()
        (local_hub.folder / REPO / "gone.parquet").unlink()
        found = await service.download(everything())
    assert found.files == ("slow.parquet",)
    assert files_below(root / REPO) == {"slow.parquet": b"slow"}


@pytest.mark.parametrize("include", ["data/*.parquet", "data/a.parquet", "**/{a,b}.parquet", "data/"])
@pytest.mark.parametrize("before", ["**", "data/"])
async def test_offline_other_globs_that_mean_what_is_here_are_answered(
    local_hub: LocalHub, root: Path, before: str, include: str
) -> None:
    local_hub.write(REPO, "data/a.parquet", b"a")
    local_hub.write(REPO, "data/b.parquet", b"b")
    async with open_service(local_hub, root) as service:
        there = await service.download(everything(include=(before, "data/a.parquet")))
    async with open_service(local_hub, root, offline=True) as service:
        if before == "**" or include.startswith("data/"):
            assert await service.download(everything(include=include)) == there
        else:
            with pytest.raises(Offline):
                await service.download(everything(include=include))


@pytest.mark.parametrize("include", ["**", "*.txt", "data/*", "b.parquet"])
async def test_offline_globs_that_may_mean_more_are_refused(local_hub: LocalHub, root: Path, include: str) -> None:
    local_hub.write(REPO, "data/a.parquet", b"a")
    async with open_service(local_hub, root) as service:
        await service.download(everything(include="**/*.parquet"))
    async with open_service(local_hub, root, offline=True) as service:
        with pytest.raises(Offline):
            await service.download(everything(include=include))
