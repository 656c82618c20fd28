"""The Hub's parquet copy of a dataset, downloaded instead of its own files."""

from pathlib import Path
from typing import Any

import pytest

from hfsvc.datasets.locking import download_locked, lock_of
from hfsvc.errors import ConversionNotFound, ConversionNotReady, NotFound, Offline
from hfsvc.models import Conversion, DatasetRequest, Event, Planned
from hfsvc.protocols import DatasetService
from hfsvc.testing import LocalHub

from ..builders import REPO, files_below, noise, of_kind, open_service, read_index

COPY = DatasetRequest(repo=REPO, converted=True)
FILES = {"en/train/0000.parquet": noise(100, 1), "en/train/0001.parquet": noise(90, 2), "de/test/0000.parquet": b"de"}


@pytest.fixture
def copied(tmp_path: Path, local_hub: LocalHub) -> Path:
    """A folder of converted files, of a dataset that has none of its own that are parquet."""
    local_hub.write(REPO, "rows.jsonl", b'{"a": 1}\n')
    return put(tmp_path / "copy", FILES)


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


async def test_a_copy_is_brought_and_recorded_as_one(
    local_hub: LocalHub, service: DatasetService, copied: Path
) -> None:
    commit = local_hub.convert(REPO, copied)
    events: list[Event] = []
    found = await service.download(COPY, on_event=events.append)
    source = local_hub.refresh(REPO)
    assert files_below(found.local_path) == FILES
    assert (found.revision, found.commit) == ("main", commit)
    told = Conversion(revision="refs/convert/parquet", source_commit=source, confirmed=True)
    assert found.conversion == told
    assert of_kind(events, Planned)[0].plan.conversion == told
    assert {each.name: {*each.patterns} for each in found.configs} == {"en": {"train"}, "de": {"test"}}
    assert await service.get_download_info(REPO) == found
    assert (await service.verify(REPO)).ok


async def test_the_second_call_costs_one_request(local_hub: LocalHub, service: DatasetService, copied: Path) -> None:
    local_hub.convert(REPO, copied)
    first = await service.download(COPY)
    local_hub.reset()
    assert await service.download(COPY) == first
    assert await service.download(DatasetRequest(repo=REPO)) == first
    assert not (await service.check_update(REPO)).is_new
    assert len(local_hub.requests) == 3


async def test_a_copy_follows_its_dataset(local_hub: LocalHub, service: DatasetService, copied: Path) -> None:
    local_hub.convert(REPO, copied)
    old = await service.download(COPY)
    local_hub.write(REPO, "rows.jsonl", b'{"a": 2}\n')
    local_hub.convert(REPO, put(copied, {"en/train/0000.parquet": b"new"}))
    local_hub.reset()
    update = await service.check_update(REPO)
    assert (update.changed, update.fetch_bytes) == (("en/train/0000.parquet",), 3)
    new = await service.download(DatasetRequest(repo=REPO))
    assert new.commit == update.new_commit != old.commit
    assert files_below(new.local_path) == FILES | {"en/train/0000.parquet": b"new"}
    assert [each.file for each in local_hub.find(server="cdn")] == ["en/train/0000.parquet"]


async def test_a_dataset_that_moved_alone_is_said_to_be_ahead(
    local_hub: LocalHub, service: DatasetService, copied: Path
) -> None:
    old = local_hub.refresh(REPO)
    local_hub.convert(REPO, copied)
    found = await service.download(COPY)
    local_hub.write(REPO, "rows.jsonl", b'{"a": 2}\n')
    for call in (service.download(COPY), service.download(DatasetRequest(repo=REPO)), service.check_update(REPO)):
        with pytest.raises(ConversionNotReady, match=old[:12]) as raised:
            await call
        assert local_hub.refresh(REPO)[:12] in str(raised.value)
    assert await service.get_download_info(REPO) == found
    # The viewer looked again, and the copy is the same: only the record changes.
    local_hub.convert(REPO, copied)
    again = await service.download(COPY)
    assert again.conversion
    assert (again.commit, again.conversion.source_commit) == (found.commit, local_hub.refresh(REPO))


@pytest.mark.parametrize(
    ("facts", "files", "kind", "words"),
    [
        ({"partial": True}, FILES, ConversionNotFound, "only the beginning"),
        ({}, {"en/partial-train/0000.parquet": b"x"}, ConversionNotFound, "only the beginning of en/train"),
        ({"failed": [("fr", "train")]}, FILES, ConversionNotFound, "could not convert fr/train"),
        ({"pending": [("fr", "train")]}, FILES, ConversionNotReady, "still converting fr/train"),
        ({"source_commit": "a" * 40}, FILES, ConversionNotReady, "it is of commit aaaaaaaaaaaa"),
        ({}, {"README.md": b"x"}, ConversionNotFound, "it holds no files"),
    ],
    ids=["partial", "partial by name", "failed", "pending", "of another commit", "empty"],
)
async def test_a_copy_that_cannot_stand_for_the_dataset_is_refused(
    local_hub: LocalHub,
    service: DatasetService,
    tmp_path: Path,
    facts: dict[str, Any],
    files: dict[str, bytes],
    kind: type[Exception],
    words: str,
) -> None:
    local_hub.write(REPO, "rows.jsonl", b"{}\n")
    local_hub.convert(REPO, put(tmp_path / "copy", files), **facts)
    for call in (service.plan(COPY), service.download(COPY)):
        with pytest.raises(kind, match=words):
            await call
    assert await service.list_downloaded() == []


async def test_a_dataset_without_a_copy_is_refused(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "rows.jsonl", b"{}\n")
    with pytest.raises(ConversionNotFound, match="keeps none"):
        await service.download(COPY)
    assert await service.list_downloaded() == []


async def test_a_copy_that_nobody_tells_of_is_taken_and_said_to_be_unconfirmed(
    local_hub: LocalHub, service: DatasetService, copied: Path
) -> None:
    commit = local_hub.add_revision(REPO, "refs/convert/parquet", copied)
    found = await service.download(COPY)
    assert found.conversion
    assert (found.commit, found.conversion.confirmed) == (commit, False)
    moved = local_hub.add_revision(REPO, "refs/convert/parquet", put(copied, {"en/train/0000.parquet": b"new"}))
    assert (await service.check_update(REPO)).new_commit == moved
    assert (await service.download(COPY)).commit == moved


async def test_a_copy_whose_listing_is_not_what_is_told_is_refused(
    local_hub: LocalHub, service: DatasetService, copied: Path
) -> None:
    local_hub.convert(REPO, copied)
    local_hub.inject_entries(REPO, ["en/train/0002.parquet"])
    with pytest.raises(ConversionNotReady, match="en/train are not those"):
        await service.download(COPY)


async def test_own_files_and_the_copy_replace_each_other(
    local_hub: LocalHub, service: DatasetService, copied: Path
) -> None:
    local_hub.convert(REPO, copied)
    own = await service.download(DatasetRequest(repo=REPO, include="*.jsonl"))
    assert (await service.plan(COPY)).removed == ("rows.jsonl",)
    found = await service.download(COPY)
    assert files_below(found.local_path) == FILES
    assert [each.include for each in found.selection] == [("**/*.parquet",)]
    back = await service.download(DatasetRequest(repo=REPO, converted=False))
    assert (back.files, back.commit, back.conversion) == (own.files, own.commit, None)


async def test_a_damaged_file_of_a_copy_is_mended(local_hub: LocalHub, service: DatasetService, copied: Path) -> None:
    local_hub.convert(REPO, copied)
    found = await service.download(COPY)
    (found.local_path / "de/test/0000.parquet").write_bytes(b"xx")
    assert (await service.verify(REPO, repair=True)).repaired == ("de/test/0000.parquet",)
    assert files_below(found.local_path) == FILES


async def test_offline_a_copy_is_taken_for_itself_only(local_hub: LocalHub, root: Path, copied: Path) -> None:
    local_hub.convert(REPO, copied)
    async with open_service(local_hub, root) as service:
        found = await service.download(COPY)
    async with open_service(local_hub, root, offline=True) as service:
        assert await service.download(COPY) == found
        with pytest.raises(Offline):
            await service.download(DatasetRequest(repo=REPO, converted=False))
    assert read_index(root)["datasets"][REPO]["conversion"]["sourceCommit"] == local_hub.refresh(REPO)


async def test_a_renamed_dataset_keeps_its_copy(local_hub: LocalHub, service: DatasetService, copied: Path) -> None:
    local_hub.convert(REPO, copied)
    old = await service.download(COPY)
    local_hub.rename(REPO, "acme/memos")
    new = await service.download(DatasetRequest(repo=REPO))
    assert (new.repo, new.conversion, new.commit) == ("acme/memos", old.conversion, old.commit)


async def test_a_file_that_a_copy_has_not_is_not_found(
    local_hub: LocalHub, service: DatasetService, copied: Path
) -> None:
    local_hub.convert(REPO, copied)
    with pytest.raises(NotFound, match=r"de/test/0000\.parquet"):
        await service.download(DatasetRequest(repo=REPO, converted=True, include="rows.jsonl"))


async def test_a_lock_of_a_copy_brings_it_when_the_hub_has_another_one(
    local_hub: LocalHub, service: DatasetService, copied: Path, tmp_path: Path
) -> None:
    local_hub.convert(REPO, copied)
    found = await service.download(COPY)
    lock = lock_of([found])
    local_hub.write(REPO, "rows.jsonl", b'{"a": 2}\n')
    local_hub.convert(REPO, put(tmp_path / "newer", {"en/train/0000.parquet": b"new"}))
    async with open_service(local_hub, tmp_path / "elsewhere") as other:
        brought = await download_locked(other, REPO, lock.datasets[REPO])
        assert files_below(brought.local_path) == FILES
        assert (brought.conversion, brought.commit, brought.configs) == (found.conversion, found.commit, found.configs)
        assert not (await other.check_update(REPO)).is_new
