"""Names of trials that rows are called by on the socket: learned once a commit, and not of datasets that are too long."""

from datetime import UTC, datetime

import pytest

from hfsvc.models import DownloadedDataset, SummaryPage
from hfsvc.server.effuse import trial_names
from hfsvc.server.effuse.trial_names import TrialNames
from hfsvc.testing import FakeTrajectorySource
from tests.server.worlds import trajectory


class Asked(FakeTrajectorySource):
    """A source that counts what is asked of it."""

    pages = 0

    async def list_summaries(self, offset: int, limit: int, query: str | None = None) -> SummaryPage:
        self.pages += 1
        return await super().list_summaries(offset, limit, query)


def source(*names: str) -> Asked:
    return Asked([trajectory(trial_name=name) for name in names])


def dataset(commit: str) -> DownloadedDataset:
    return DownloadedDataset(
        repo="acme/notes",
        revision="main",
        commit=commit,
        license=None,
        folder="notes",
        downloaded_at=datetime.now(UTC),
        files=("a.parquet",),
        total_bytes=1,
    )


async def test_they_are_learned_once_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_names, "PAGE_ROWS", 2)
    names, rows = TrialNames(), source("a", "b", "c", "b", "d")
    first = dataset("a" * 40)
    for _ in range(3):
        assert await names.of_rows(rows, first) == ["a", None, "c", None, "d"]
    assert rows.pages == 4
    assert await names.of_rows(source("z"), dataset("b" * 40)) == ["z"]


async def test_of_long_datasets_nothing_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_names, "MOST_ROWS", 3)
    rows = source(*"abcd")
    assert await TrialNames().of_rows(rows, None) == []
    assert rows.pages == 1
