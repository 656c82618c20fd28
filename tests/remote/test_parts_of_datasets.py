"""Sources over a part of a dataset: that it is one is told."""

from pathlib import Path

import pytest

from hfsvc.models import DatasetRequest
from hfsvc.testing import LocalHub
from tests.builders import REPO, open_container_for
from tests.remote.worlds import long_rows, publish
from tests.trajectories.tables import parquet


async def test_who_reads_a_part_is_told(local_hub: LocalHub, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    publish(local_hub, {f"data/train-{n:05}.parquet": parquet(long_rows(2, 2 * n)) for n in range(3)})
    for most, is_part in ((2, True), (3, False)):
        caplog.clear()
        async with open_container_for(local_hub, root) as container:
            await container.datasets().download(DatasetRequest(repo=REPO, max_files=most))
            source = container.source(REPO)
            assert await source.count() == 2 * most
            left, found = source.left, await source.statistics()
            assert found.left == left
            assert (left.files if left else 0) == 3 - most
        assert (f"only a part of {REPO} is here: limits left out 1 of its files" in caplog.text) == is_part
