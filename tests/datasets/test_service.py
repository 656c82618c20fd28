"""What every `DatasetService` keeps: the one that talks to a Hub and the fake that stands in for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hfsvc.protocols import DatasetService
from hfsvc.testing import FakeDatasetService, LocalHub
from hfsvc.testing.contracts import DatasetServiceContract, DatasetWorld
from tests.builders import REPO, everything, open_service


class HubWorld:
    def __init__(self, service: DatasetService, hub: LocalHub) -> None:
        self.service, self._hub = service, hub

    def publish(self, repo: str, path: str, content: bytes) -> None:
        self._hub.write(repo, path, content)
        self._hub.refresh(repo)

    def retract(self, repo: str, path: str) -> None:
        (self._hub.folder / repo / path).unlink()

    def requests(self) -> int:
        return len(self._hub.requests)


class FakeWorld:
    def __init__(self, fake: FakeDatasetService) -> None:
        self.service: DatasetService = fake
        self.publish = fake.publish
        self.retract = fake.retract

    def requests(self) -> None:
        return None


class TestHubDatasetService(DatasetServiceContract):
    @pytest.fixture
    async def world(self, local_hub: LocalHub, root: Path) -> AsyncIterator[DatasetWorld]:
        async with open_service(local_hub, root) as service:
            yield HubWorld(service, local_hub)


class TestFakeDatasetService(DatasetServiceContract):
    @pytest.fixture
    def world(self, root: Path) -> DatasetWorld:
        return FakeWorld(FakeDatasetService(root))


async def test_a_dataset_lies_below_the_root_by_its_name(
    service: DatasetService, local_hub: LocalHub, root: Path
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    assert (await service.download(everything())).local_path == root / REPO
