"""Readings of one commit: what an answer holds is read of it as a whole, and says which one it was."""

from collections.abc import Awaitable, Callable, Iterable
from hashlib import sha256
from typing import NamedTuple, TypeVar

from hfsvc.errors import DatasetChanged
from hfsvc.models import DownloadedDataset
from hfsvc.server.open_sources import OpenSources

T = TypeVar("T")
TRIES = 3
SHORT_COMMIT = 12
SHORT_DIGEST = 6
SHORTEST_NAMED = 7


class RowsVersion(NamedTuple):
    """What the numbers of a dataset's rows belong to.

    Attributes:
        commit: 40 hex digits; None where nothing is recorded of the dataset.
        snapshot: Stands for the commit and for the files of it that are on disk: others of one commit may come, and renumber rows.
    """

    commit: str | None
    snapshot: str | None


UNRECORDED = RowsVersion(None, None)


def version_of(dataset: DownloadedDataset | None) -> RowsVersion:
    """The version of what is on disk. Pure."""
    if dataset is None:
        return UNRECORDED
    return RowsVersion(dataset.commit, f"{dataset.commit[:SHORT_COMMIT]}-{digest_of(dataset.files)[:SHORT_DIGEST]}")


def digest_of(texts: Iterable[str]) -> str:
    """A short name for some texts, in their order. Pure."""
    return sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def is_named(version: RowsVersion, named: str) -> bool:
    """Whether a caller names this version, by its snapshot, its commit or the beginning of that. Pure."""
    return named == version.snapshot or (len(named) >= SHORTEST_NAMED and (version.commit or "").startswith(named))


async def check_version(sources: OpenSources, repo: str, named: str | None) -> RowsVersion:
    """The version of a dataset's rows now.

    Args:
        sources: Know what is on disk.
        repo: The dataset.
        named: The one that a caller means; None for whichever it is.

    Raises:
        DatasetChanged: The caller means another one.
    """
    version = version_of(await sources.find(repo))
    if named is not None and version.commit and not is_named(version, named):
        hint = f"It is at {version.snapshot} now, where rows may have other numbers: ask without `commit`."
        raise DatasetChanged(repo=repo, hint=hint)
    return version


async def read_at_one(
    sources: OpenSources, repo: str, named: str | None, read: Callable[[], Awaitable[T]]
) -> tuple[T, RowsVersion]:
    """What `read` gives, all of one version, and which one. It is read again where the dataset moves meanwhile.

    Raises:
        DatasetChanged: The caller means another version, or the dataset does not stay as it is.
    """
    version = await check_version(sources, repo, named)
    for _ in range(TRIES):
        found = await read()
        before, version = version, await check_version(sources, repo, named)
        if before == version:
            return found, version
    raise DatasetChanged(repo=repo)
