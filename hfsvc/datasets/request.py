"""A request in canonical terms, and what the index says to it. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from hfsvc.datasets.globs import make_matcher
from hfsvc.datasets.plan import Selection
from hfsvc.errors import DatasetChanged
from hfsvc.hub.urls import RepoAddress, parse_repo
from hfsvc.models import DEFAULT_INCLUDE, DatasetRequest, DownloadPlan, RemoteDataset
from hfsvc.settings import Secret, Settings
from hfsvc.store.index import Entry, Globs


class Wish(NamedTuple):
    """What a request asks for.

    Attributes:
        address: The dataset as it was named.
        revision: To resolve.
        selection: Of files.
        token: The request's own, else the settings'.
        force: Take nothing that is here for granted.
    """

    address: RepoAddress
    revision: str
    selection: Selection
    token: Secret | None
    force: bool

    def is_recorded(self, entry: Entry, commit: str) -> bool:
        """True when the index holds all of it at `commit` already (the files may still be missing)."""
        globs = Globs(include=self.selection.include, exclude=self.selection.exclude)
        return not self.force and not entry.changing_to and entry.commit == commit and globs in entry.globs

    def selections(self, entry: Entry | None) -> list[Selection]:
        """Everything that was asked for so far, this wish last."""
        earlier = [Selection(each.include, each.exclude) for each in entry.globs] if entry else []
        return list(dict.fromkeys([*earlier, self.selection]))

    def aliases(self, entry: Entry | None, repo: str) -> tuple[str, ...]:
        """Names under which the dataset `repo` was asked for, beside its own."""
        return tuple(sorted({*(entry.aliases if entry else ()), self.address.repo} - {repo}))


def read_wish(request: DatasetRequest, settings: Settings) -> Wish:
    """What a request asks for.

    Raises:
        InvalidRepoId, InvalidPattern: It cannot be understood.
    """
    address = parse_repo(request.repo, settings.endpoint)
    include = tuple(request.include)
    if address.path and include == DEFAULT_INCLUDE:
        include = (address.path, f"{address.path}/")
    selection = Selection(include, tuple(request.exclude))
    make_matcher((*selection.include, *selection.exclude))
    inside = address.revision if request.revision == DatasetRequest(repo="").revision else None
    token = Secret(request.token) if request.token else settings.token
    return Wish(address, inside or request.revision, selection, token, request.force)


def new_entry(
    wish: Wish,
    remote: RemoteDataset,
    plan: DownloadPlan,
    entry: Entry | None,
    *,
    learned: Mapping[str, str],
    now: datetime,
) -> Entry:
    """What to record once the plan is done.

    Args:
        wish: What was asked for.
        remote: The dataset at its commit.
        plan: What was done.
        entry: What was recorded before.
        learned: Checksums by path that the listing hid and the transfer brought.
        now: When it was done.
    """
    return Entry(
        repo=remote.repo,
        local_path=remote.repo,
        files=tuple(file.path for file in plan.files),
        total_bytes=plan.total_bytes,
        downloaded_at=now,
        revision=wish.revision,
        commit=remote.commit,
        license=remote.license,
        configs=remote.configs,
        globs=tuple(Globs(include=each.include, exclude=each.exclude) for each in wish.selections(entry)),
        checksums={file.path: file.checksum or learned[file.path] for file in plan.files},
        sizes={file.path: file.size for file in plan.files},
        aliases=wish.aliases(entry, remote.repo),
        hub_id=remote.hub_id,
    )


def check_same_repository(entry: Entry | None, remote: RemoteDataset) -> None:
    """Raise where a name has been taken over by another repository, whose files must not be mixed with the recorded ones.

    Raises:
        DatasetChanged: The Hub's own id of the repository is another one.
    """
    if entry and entry.hub_id and remote.hub_id and entry.hub_id != remote.hub_id:
        hint = f"The Hub has another repository under this name now: run hfsvc delete {remote.repo} first."
        raise DatasetChanged(repo=remote.repo, hint=hint)


def all_paths(entries: Sequence[Entry], plan: DownloadPlan) -> list[str]:
    """Every file below the root once the plan is done."""
    others = [f"{entry.repo}/{path}" for entry in entries if entry.repo != plan.repo for path in entry.files]
    return [*others, *(f"{plan.repo}/{file.path}" for file in plan.files)]
