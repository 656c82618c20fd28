"""Which rows of a dataset may be called by the names of their trials: those whose name no other row has."""

from collections import Counter
from collections.abc import Hashable, Sequence

from hfsvc.models import DownloadedDataset
from hfsvc.protocols import TrajectorySource
from hfsvc.server.limits import PAGE_ROWS

MOST_ROWS = 100_000
"""Of longer datasets nothing is learned: to go over them takes longer than a socket's user waits."""


class TrialNames:
    """Learns the names once for each commit of a dataset, and keeps those of the last one."""

    def __init__(self) -> None:
        self._key: Hashable = None
        self._names: Sequence[str | None] | None = None

    async def of_rows(self, source: TrajectorySource, dataset: DownloadedDataset | None) -> Sequence[str | None]:
        """For every row its trial's name, or None where others have it too; fewer, where not all are known.

        Args:
            source: Its rows, all of them.
            dataset: What is on disk of it, and stands for the commit.
        """
        key = dataset and (dataset.repo, dataset.commit, dataset.files)
        if self._names is None or key is None or key != self._key:
            self._key, self._names = key, names_of_one_row(await _read_names(source))
        return self._names


def names_of_one_row(names: Sequence[str | None]) -> Sequence[str | None]:
    """Names, None in the place of those that several rows have. Pure."""
    rows = Counter(names)
    return [name if rows[name] == 1 else None for name in names]


async def _read_names(source: TrajectorySource) -> list[str | None]:
    names: list[str | None] = []
    while True:
        page = await source.list_summaries(len(names), PAGE_ROWS)
        names += (each.trial_name for each in page.items)
        if not page.items or page.total > MOST_ROWS:
            return [] if page.total > MOST_ROWS else names
