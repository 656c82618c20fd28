"""Fakes of both protocols, without a Hub and without files to read: what tests put in is what comes out.

`FakeDatasetService` "downloads" what was published into it; `FakeTrajectorySource` holds trajectories in memory.
"""

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anyio.lowlevel import checkpoint

from hfsvc.aio.cancellation import in_task_group
from hfsvc.aio.listening import listening
from hfsvc.arguments import check_rows, check_value
from hfsvc.atif import Trajectory
from hfsvc.datasets.plan import make_plan, nothing_selected, select
from hfsvc.datasets.request import ResolvedRequest, new_entry, parse_request
from hfsvc.errors import BadRow, DatasetChanged, DatasetNotFound, NotDownloaded, RevisionNotFound
from hfsvc.files.atomic import free_bytes, prune_empty, size_of
from hfsvc.files.checksum import checksum_of
from hfsvc.hub.urls import parse_repo
from hfsvc.models import (
    KEY_COLUMNS,
    SUMMARY_FIELDS,
    BytesHashed,
    BytesReceived,
    DamagedFile,
    DatasetRequest,
    DatasetStatistics,
    DatasetUsage,
    DownloadedDataset,
    DownloadPlan,
    Fidelity,
    FileLayout,
    FileStarted,
    FileVerified,
    Finished,
    KeyColumn,
    OnBadRow,
    OnEvent,
    Planned,
    PlannedFile,
    RemoteDataset,
    RemoteFile,
    SummaryField,
    SummaryPage,
    TrajectoryRow,
    TrajectorySummary,
    ValueCounts,
    VerifyReport,
)
from hfsvc.settings import Settings
from hfsvc.store.index import IndexEntry
from hfsvc.store.inventory import Inventory
from hfsvc.trajectories.cursor import Numbering, number_rows, write_cursor
from hfsvc.trajectories.known_datasets import KNOWN
from hfsvc.trajectories.layouts.conversation import Unreadable
from hfsvc.trajectories.registry import Registry
from hfsvc.trajectories.selection import RowRange

_Files = dict[str, bytes]
_KNOWN = Registry(KNOWN)


class FakeDatasetService:
    """A `DatasetService` that "downloads" datasets from memory into a folder. One process, one task at a time.

    It keeps what `hfsvc.protocols.DatasetService` guarantees as far as one caller sees: globs, commits, updates,
    events, errors. There are no tokens and no branches but ``main``.

    Args:
        root: Where files are put, below ``<root>/<owner>/<name>``.
        datasets: ``{id: {path: content}}`` to begin with.

    Attributes:
        requests: Every request that was downloaded, in order.
    """

    def __init__(self, root: Path, datasets: Mapping[str, Mapping[str, bytes]] | None = None) -> None:
        self.requests: list[DatasetRequest] = []
        self._settings = Settings(root=root)
        self._root = root
        self._published: dict[str, _Files] = {repo: dict(files) for repo, files in (datasets or {}).items()}
        self._commits: dict[tuple[str, str], _Files] = {}
        self._entries: dict[str, IndexEntry] = {}

    # ---- the Hub's side ---------------------------------------------------------------------------------------------

    def publish(self, repo: str, path: str, content: bytes) -> None:
        """Add or change a file; the dataset moves to another commit."""
        self._published.setdefault(repo, {})[path] = content

    def retract(self, repo: str, path: str) -> None:
        """Remove a file; the dataset moves to another commit."""
        del self._published[repo][path]

    def _resolve(self, repo: str, revision: str) -> tuple[RemoteDataset, _Files]:
        found = next((name for name in self._published if name.casefold() == repo.casefold()), None)
        if found is None:
            raise DatasetNotFound(repo=repo)
        head = dict(self._published[found])
        newest = _commit_of(head)
        self._commits[found, newest] = head
        commit = newest if revision == "main" else revision
        if (found, commit) not in self._commits:
            raise RevisionNotFound(repo=found, revision=revision)
        return RemoteDataset(repo=found, hub_id=None, revision=revision, commit=commit), self._commits[found, commit]

    # ---- the service ------------------------------------------------------------------------------------------------

    async def download(self, request: DatasetRequest, *, on_event: OnEvent | None = None) -> DownloadedDataset:
        self.requests.append(request)
        return await in_task_group(self._download_telling(request, on_event))

    async def _download_telling(self, request: DatasetRequest, on_event: OnEvent | None) -> DownloadedDataset:
        async with listening(on_event) as notify:
            return self._download(request, notify)

    def _download(self, request: DatasetRequest, notify: OnEvent) -> DownloadedDataset:
        resolved = self._parse(request)
        remote, content = self._resolve(resolved.address.repo, resolved.revision)
        entry = self._entries.get(remote.repo)
        if not (entry and resolved.is_recorded(entry, remote.commit) and not entry.missing(self._root)):
            plan = self._plan(request)
            notify(Planned(plan=plan))
            self._bring(plan, content, notify)
            resolved = resolved.among([*content], entry)
            entry = new_entry(resolved, remote, plan, entry, learned={}, now=datetime.now(UTC))
            self._entries[remote.repo] = entry
        dataset = entry.dataset(self._root)
        notify(Finished(dataset=dataset))
        return dataset

    async def plan(self, request: DatasetRequest) -> DownloadPlan:
        return self._plan(request)

    def _parse(self, request: DatasetRequest) -> ResolvedRequest:
        return parse_request(request, self._settings, full_name=_KNOWN.expand)

    def _plan(self, request: DatasetRequest) -> DownloadPlan:
        resolved = self._parse(request)
        remote, content = self._resolve(resolved.address.repo, resolved.revision)
        entry = self._entries.get(remote.repo)
        listing = [_remote_file(path, content[path]) for path in content]
        resolved = resolved.among([*content], entry)
        if not select(listing, resolved.wanted(entry)):
            raise nothing_selected(remote, listing, resolved.wanted(entry))
        files = select(listing, resolved.selections(entry))
        folder = self._root / remote.repo
        present = frozenset(
            file.path for file in files if not resolved.force and _checksum(folder / file.path) == file.checksum
        )
        inventory = Inventory(present, {}, {}, free_bytes(self._root))
        return make_plan(remote, files, inventory, recorded=entry.files if entry else ())

    def _bring(self, plan: DownloadPlan, content: _Files, notify: OnEvent) -> None:
        received = 0
        missing = [file for file in plan.files if not file.present]
        for file in missing:
            notify(FileStarted(path=file.path, size=file.size, kept_bytes=0))
            received += file.size
            notify(FileVerified(path=file.path, size=file.size, checksum=file.checksum or ""))
        notify(BytesReceived(received=received, total=_total(missing)))
        # Last, and without another word: whoever listens sees the old commit until the new one is whole.
        folder = self._root / plan.repo
        for path in plan.removed:
            self._remove(folder / path)
        for file in missing:
            self._put(folder / file.path, content[file.path])

    async def is_downloaded(self, repo: str) -> bool:
        entry = self._find(repo)
        return entry is not None and not entry.missing(self._root)

    async def get_local_path(self, repo: str) -> Path | None:
        entry = self._find(repo)
        return self._root / entry.local_path if entry else None

    async def get_download_info(self, repo: str) -> DownloadedDataset | None:
        entry = self._find(repo)
        return entry.dataset(self._root) if entry else None

    async def list_downloaded(self) -> list[DownloadedDataset]:
        return [self._entries[repo].dataset(self._root) for repo in sorted(self._entries)]

    async def verify(self, repo: str, *, repair: bool = False, on_event: OnEvent | None = None) -> VerifyReport:
        entry = self._recorded(repo)
        if on_event:
            on_event(BytesHashed(hashed=entry.total_bytes, total=entry.total_bytes))
        found = {path: _checksum(self._root / entry.repo / path) for path in entry.files}
        damaged = tuple(
            DamagedFile(path=path, expected=entry.checksums[path], actual=actual)
            for path, actual in found.items()
            if actual != entry.checksums[path]
        )
        if repair:
            for file in damaged:
                self._put(self._root / entry.repo / file.path, self._commits[entry.repo, entry.commit][file.path])
        return VerifyReport(
            repo=entry.repo,
            commit=entry.commit,
            checked_files=len(entry.files),
            checked_bytes=entry.total_bytes,
            damaged=damaged,
            repaired=tuple(file.path for file in damaged) if repair else (),
        )

    async def disk_usage(self) -> list[DatasetUsage]:
        return [
            DatasetUsage(
                repo=repo,
                recorded=True,
                files=len(entry.files),
                file_bytes=entry.total_bytes,
                unfinished_bytes=0,
                index_bytes=0,
            )
            for repo, entry in sorted(self._entries.items())
        ]

    async def prune(self, repo: str | None = None) -> list[DatasetUsage]:
        return []

    async def delete(self, repo: str) -> None:
        entry = self._recorded(repo)
        del self._entries[entry.repo]
        for path in entry.files:
            self._remove(self._root / entry.repo / path)

    # ---- what is here -----------------------------------------------------------------------------------------------

    def _find(self, repo: str) -> IndexEntry | None:
        wanted = parse_repo(_KNOWN.expand(repo), self._settings.endpoint).repo.casefold()
        return next((entry for name, entry in self._entries.items() if name.casefold() == wanted), None)

    def _recorded(self, repo: str) -> IndexEntry:
        entry = self._find(repo)
        if entry is None:
            raise NotDownloaded(repo=repo)
        return entry

    def _put(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        prune_empty(path.parent, self._root)


def _commit_of(files: Mapping[str, bytes]) -> str:
    named = "".join(f"{path}\n{hashlib.sha256(files[path]).hexdigest()}\n" for path in sorted(files))
    return hashlib.sha1(named.encode(), usedforsecurity=False).hexdigest()


def _remote_file(path: str, content: bytes) -> RemoteFile:
    return RemoteFile(path=path, size=len(content), checksum=checksum_of("sha256", content))


def _checksum(path: Path) -> str | None:
    return None if size_of(path) is None else checksum_of("sha256", path.read_bytes())


def _total(files: list[PlannedFile]) -> int:
    return sum(file.size for file in files)


class FakeTrajectorySource:
    """A `TrajectorySource` over trajectories in memory; it keeps what `hfsvc.protocols` guarantees.

    Keys and summaries are read from ``trajectory.agent`` and ``trajectory.extra``.

    Args:
        trajectories: Row by row; None stands for a row that cannot be converted.
        repo: The dataset it stands for.
        folder: What `ensure_downloaded` gives; nothing is looked for there.
        downloaded: False to raise NotDownloaded until `ensure_downloaded` was called.
        on_bad_row: Raise BadRow, or skip the row, count it and go on.

    Attributes:
        skipped_rows: Bad rows that streams left out.
        left_out: None: it has no files.
    """

    def __init__(
        self,
        trajectories: Sequence[Trajectory | None],
        *,
        repo: str = "fake/trajectories",
        folder: Path = Path("fake"),
        downloaded: bool = True,
        on_bad_row: OnBadRow = "raise",
    ) -> None:
        self.skipped_rows = 0
        self.left_out: tuple[FileLayout, ...] = ()
        self._trajectories = list(trajectories)
        self._repo = repo
        self._folder = folder
        self._downloaded = downloaded
        self._on_bad_row = on_bad_row
        self._moves = 0

    def replace(self, trajectories: Sequence[Trajectory | None]) -> None:
        """The dataset moves to another commit: streams that are under way raise DatasetChanged, later ones begin anew."""
        self._trajectories = list(trajectories)
        self._moves += 1

    async def ensure_downloaded(self) -> Path:
        self._downloaded = True
        return self._folder

    async def count(self) -> int:
        return len(self._rows())

    async def stream_trajectories(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
    ) -> AsyncGenerator[Trajectory, None]:
        rows = self.stream_rows(start=start, stop=stop, shard=shard, cursor=cursor)
        try:
            async for row in rows:
                yield row.trajectory
        finally:
            await rows.aclose()

    async def stream_rows(
        self,
        *,
        start: int = 0,
        stop: int | None = None,
        shard: tuple[int, int] | None = None,
        cursor: str | None = None,
    ) -> AsyncGenerator[TrajectoryRow, None]:
        rows, moves, numbering = self._rows(), self._moves, self._numbering()
        first, last = RowRange(start, stop, shard, cursor).remaining(len(rows), numbering)
        for number in range(first, last):
            await checkpoint()
            if moves != self._moves:
                raise DatasetChanged(repo=self._repo)
            if (found := rows[number]) is not None:
                cursor = write_cursor(numbering, number)
                fidelity = Fidelity(style="messages", messages=len(found.steps))
                yield TrajectoryRow(row=number, file=_FAKE_FILE, cursor=cursor, trajectory=found, fidelity=fidelity)
            elif self._on_bad_row == "raise":
                raise BadRow(file=_FAKE_FILE, row=number, column="conversations", reason="it is null")
            else:
                self.skipped_rows += 1

    async def get_trajectory(self, key: int | str) -> Trajectory | None:
        if not isinstance(key, str):
            check_rows(key=key)
        rows = await self.find_rows(key) if isinstance(key, str) else (key,)
        found = await self.get_trajectories(rows[0], 1) if rows else self._rows()[:0]
        return found[0] if found else None

    async def find_rows(self, key: str, *, by: KeyColumn | None = None) -> tuple[int, ...]:
        check_value("by", by, KeyColumn | None)
        columns = (by,) if by else KEY_COLUMNS
        summaries = self._summaries()
        found = (tuple(each.row for each in summaries if getattr(each, column) == key) for column in columns)
        return next(filter(None, found), ())

    async def get_trajectories(self, offset: int, limit: int) -> list[Trajectory]:
        check_rows(offset=offset, limit=limit)
        stop = offset + limit
        return [each async for each in self.stream_trajectories(start=offset, stop=stop)]

    async def list_summaries(self, offset: int, limit: int, query: str | None = None) -> SummaryPage:
        from hfsvc.trajectories.index.query import check_query

        check_rows(offset=offset, limit=limit)
        check_query(query)
        found = self._matching(query)
        return SummaryPage(total=len(found), offset=offset, items=(*found[offset : offset + limit],))

    async def count_values(self, field: SummaryField, query: str | None = None, *, limit: int = 100) -> ValueCounts:
        import pyarrow as pa

        from hfsvc.trajectories.index.facets import Tally, check_count, cut

        check_count(field, query, limit)
        tally = Tally()
        tally.add(pa.array([getattr(each, field) for each in self._matching(query)], pa.string()))
        return cut(tally.result(), limit)

    def _matching(self, query: str | None) -> list[TrajectorySummary]:
        from hfsvc.trajectories.index.summaries import matching, summary_batch

        found = self._summaries()
        columns: dict[str, list[str | None]] = {
            name: [getattr(each, name) for each in found] for name in SUMMARY_FIELDS
        }
        batch = summary_batch(columns, [each.steps for each in found])
        return [found[row] for row in matching(batch, query or "")]

    async def statistics(self) -> DatasetStatistics:
        from hfsvc.trajectories.layouts.message_counts import counts_of_rows
        from hfsvc.trajectories.statistics import COUNTED, StatisticsBuilder
        from hfsvc.trajectories.styles.convert import fidelity_of

        statistics = StatisticsBuilder()
        metadata = {name: [getattr(each, name) for each in self._summaries()] for name in COUNTED}
        statistics.add(counts_of_rows(each or Unreadable(None, "it is null") for each in self._rows()), metadata)
        for found in filter(None, self._rows()):
            statistics.recovered.add(fidelity_of(found))
        return statistics.result()

    def _rows(self) -> list[Trajectory | None]:
        if not self._downloaded:
            raise NotDownloaded(repo=self._repo)
        return self._trajectories

    def _numbering(self) -> Numbering:
        return number_rows(self._repo, f"{self._moves:040x}", [(_FAKE_FILE, len(self._trajectories))])

    def _summaries(self) -> list[TrajectorySummary]:
        return [_summary(number, each) for number, each in enumerate(self._rows())]


_FAKE_FILE = "fake.parquet"


def _summary(row: int, found: Trajectory | None) -> TrajectorySummary:
    extra: Mapping[str, Any] = (found.extra if found else None) or {}
    names = [name for name in SUMMARY_FIELDS if name not in {"agent", "model"}]
    return TrajectorySummary(
        row=row,
        agent=found.agent.name if found else None,
        model=found.agent.model_name if found else None,
        steps=len(found.steps) if found else 0,
        **{name: extra.get(name) for name in names},
    )
