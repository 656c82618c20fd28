"""Identity of repositories: whether one on the Hub is one that is recorded here. The Hub's ids only raise the question.

Mirrors and stubs give every repository the same id, and ids of their own to those of the Hub. So ids that are the same are
believed only where names say it too, and ids that differ never of one commit: what was verified must not go on their word.
"""

from hfsvc.errors import DatasetChanged, NoAccess, NotAHub, NotFound
from hfsvc.hub.client import HubClient
from hfsvc.hub.urls import info_url
from hfsvc.models import RemoteDataset
from hfsvc.secret import Secret
from hfsvc.store.index import IndexEntry


class RepositoryIdentity:
    """Asks the Hub who repositories are, where ids leave it open.

    Args:
        hub: Is asked.
        token: To ask with.
    """

    def __init__(self, hub: HubClient, token: Secret | None) -> None:
        self._hub = hub
        self._token = token

    async def is_renamed(self, old: IndexEntry, remote: RemoteDataset) -> bool:
        """Whether the repository that is recorded as `old` is called as `remote` is now: its old name answers so."""
        found = await self._find(old.repo, remote.revision)
        return found is not None and found.repo == remote.repo

    async def check_recorded(self, asked: str, entry: IndexEntry | None, remote: RemoteDataset) -> None:
        """Raise where what is recorded is another repository, whose files must not be mixed with those of `remote`.

        Args:
            asked: The name that led to `remote`.
            entry: What is recorded under its name.
            remote: The dataset as the Hub resolved it.

        Raises:
            DatasetChanged: Another repository took over the name.
            NotAHub: The name was answered with that of another repository.
        """
        if entry is None or entry.commit == remote.commit:
            return
        if asked.casefold() != remote.repo.casefold():
            await self._check_answer(asked, remote)
        if entry.hub_id and remote.hub_id and entry.hub_id != remote.hub_id:
            hint = (
                f"The Hub has another repository under this name now: run hfsvc delete {remote.repo} first, or ask the one "
                "that it came from (HF_ENDPOINT); mirrors may number repositories otherwise."
            )
            raise DatasetChanged(repo=remote.repo, hint=hint)

    async def _check_answer(self, asked: str, remote: RemoteDataset) -> None:
        found = await self._find(remote.repo, remote.revision)
        if found is None or found.commit != remote.commit:
            reason = f"it answers for {asked} with {remote.repo}, which is at another commit"
            raise NotAHub(url=info_url(self._hub.endpoint, asked, remote.revision), reason=reason)

    async def _find(self, repo: str, revision: str) -> RemoteDataset | None:
        try:
            return await self._hub.resolve(repo, revision, token=self._token)
        except (NotFound, NoAccess, NotAHub):
            return None
