"""What need not be fetched: blobs of the Hub tools' cache, and the ranges of a damaged file that are still right."""

from pathlib import Path

import pytest

from hfsvc.errors import ChecksumMismatch, FileNotFound
from hfsvc.metrics import Counters
from hfsvc.store.inventory import blob_path
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Corrupt, MaskedHashes, Missing
from tests.builders import REPO, KiB, MiB, everything, files_below, noise, open_container_for, open_service, sha256

CONTENT = noise(8 * MiB)


def cached(cache: Path, content: bytes, named_as: bytes) -> Path:
    blob = blob_path(cache, REPO, sha256(named_as))
    blob.parent.mkdir(parents=True)
    blob.write_bytes(content)
    return blob


async def test_a_blob_of_the_cache_is_copied_instead_of_fetched(
    local_hub: LocalHub, root: Path, tmp_path: Path
) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    blob = cached(tmp_path / "cache", CONTENT, CONTENT)
    async with open_service(local_hub, root, hf_cache=tmp_path / "cache") as service:
        found = await service.download(everything())
    (path,) = found.paths
    assert path.read_bytes() == CONTENT
    assert local_hub.count(bucket="resolvers") == local_hub.count(server="cdn") == 0
    assert path.stat().st_ino != blob.stat().st_ino


async def test_the_plan_says_what_comes_from_the_cache(local_hub: LocalHub, root: Path, tmp_path: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    blob = cached(tmp_path / "cache", CONTENT, CONTENT)
    async with open_service(local_hub, root, hf_cache=tmp_path / "cache") as service:
        plan = await service.plan(everything())
    assert (plan.files[0].copy_of, plan.fetch_bytes, plan.hub_requests) == (str(blob), 0, 0)


async def test_a_blob_with_other_content_than_its_name_says_is_fetched(
    local_hub: LocalHub, root: Path, tmp_path: Path
) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    cached(tmp_path / "cache", noise(8 * MiB, 1), CONTENT)
    async with open_service(local_hub, root, hf_cache=tmp_path / "cache") as service:
        found = await service.download(everything())
    assert found.paths[0].read_bytes() == CONTENT


async def test_the_cache_is_left_alone_where_the_setting_says_so(
    local_hub: LocalHub, root: Path, tmp_path: Path
) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    cached(tmp_path / "cache", CONTENT, CONTENT)
    async with open_service(local_hub, root, hf_cache=tmp_path / "cache", reuse_hf_cache=False) as service:
        await service.download(everything())
    assert local_hub.bytes_sent() >= len(CONTENT)


async def test_a_repair_fetches_only_damaged_ranges(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    async with open_service(local_hub, root) as service:
        (path,) = (await service.download(everything())).paths
        with path.open("r+b") as file:
            file.seek(3 * MiB)
            file.write(b"not what was here")
        local_hub.reset()
        report = await service.verify(REPO, repair=True)
        assert (await service.verify(REPO)).ok
    assert report.repaired == ("big.parquet",)
    assert path.read_bytes() == CONTENT
    assert local_hub.bytes_sent() <= 256 * KiB


async def test_a_repair_of_a_file_whose_checksum_is_masked_fetches_only_damaged_ranges(
    local_hub: LocalHub, root: Path
) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    local_hub.fault(MaskedHashes(), server="hub")
    async with open_service(local_hub, root) as service:
        (path,) = (await service.download(everything())).paths
        path.write_bytes(b"x" + CONTENT[1:])
        local_hub.reset()
        assert (await service.verify(REPO, repair=True)).repaired == ("big.parquet",)
        assert (await service.verify(REPO)).ok
    assert local_hub.bytes_sent() <= 256 * KiB


async def test_a_file_whose_checksum_is_masked_is_not_fetched_again(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    local_hub.write(REPO, "bad.parquet", noise(100))
    local_hub.fault(MaskedHashes(), server="hub")
    local_hub.fault(Missing(), server="hub", path="bad.parquet", times=1)
    async with open_service(local_hub, root) as service:
        with pytest.raises(FileNotFound):
            await service.download(everything())
        await service.download(everything())
        local_hub.write(REPO, "new.parquet", noise(100, 1))
        found = await service.download(everything())
        assert (await service.verify(REPO)).ok
    assert found.total_bytes == len(CONTENT) + 200
    assert local_hub.bytes_sent(path="big.parquet") == len(CONTENT)


async def test_a_file_whose_checksum_is_masked_is_exchanged_when_it_changes(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    local_hub.fault(MaskedHashes(), server="hub")
    other = noise(len(CONTENT), 1)
    async with open_service(local_hub, root) as service:
        await service.download(everything())
        local_hub.write(REPO, "big.parquet", other)
        found = await service.download(everything())
    assert found.paths[0].read_bytes() == other


async def test_a_repair_that_fails_leaves_the_damaged_file_as_it_is(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    async with open_service(local_hub, root) as service:
        (path,) = (await service.download(everything())).paths
        damaged = b"x" + CONTENT[1:]
        path.write_bytes(damaged)
        local_hub.fault(Corrupt(at=0), server="cdn", covering=0)
        with pytest.raises(ChecksumMismatch):
            await service.verify(REPO, repair=True)
    assert path.read_bytes() == damaged


async def test_digests_go_with_what_they_are_of(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    digests = root / ".hfsvc" / "digests"
    async with open_service(local_hub, root) as service:
        await service.download(everything())
        assert len(list(digests.rglob("*.journal"))) == 1
        local_hub.write(REPO, "big.parquet", noise(8 * MiB, 1))
        await service.download(everything())
        assert len(list(digests.rglob("*.journal"))) == 1
        await service.delete(REPO)
    assert not files_below(digests)


async def test_metrics_count_what_came_and_what_was_reused(local_hub: LocalHub, root: Path, tmp_path: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    local_hub.write(REPO, "other.parquet", noise(2 * MiB, 1))
    cached(tmp_path / "cache", CONTENT, CONTENT)
    async with open_container_for(local_hub, root, hf_cache=tmp_path / "cache") as container:
        await container.datasets().download(everything())
        metrics = container.metrics()
    assert isinstance(metrics, Counters)
    assert metrics.totals["bytes_received"] == 2 * MiB
    assert metrics.totals["bytes_reused"] == len(CONTENT)
    assert metrics.totals["hub_requests"] == local_hub.count(server="hub")


async def test_a_bandwidth_limit_does_not_change_what_arrives(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", CONTENT)
    async with open_service(local_hub, root, bandwidth_limit=200 * MiB) as service:
        found = await service.download(everything())
    assert found.paths[0].read_bytes() == CONTENT
