"""The lock file: which files, byte for byte, make up datasets, so that they can be brought again elsewhere."""

import msgspec

from hfsvc.models.base import Model
from hfsvc.models.requests import Conversion, Globs

LOCK_VERSION = 1


class LockedFile(Model, frozen=True, kw_only=True):
    """A file of a locked dataset: its size in bytes, and its checksum as `RemoteFile.checksum`."""

    size: int
    checksum: str


class LockedDataset(Model, frozen=True, kw_only=True):
    """A dataset at one commit.

    Attributes:
        commit: 40 hex digits.
        revision: Branch, tag or commit that it was downloaded from, for whoever reads the file.
        selection: What was asked for; together the globs mean `files`.
        files: By their paths.
        conversion: Set where they are those of the Hub's parquet copy.
    """

    commit: str
    revision: str
    selection: tuple[Globs, ...]
    files: dict[str, LockedFile]
    conversion: Conversion | None = None


class LockFile(Model, frozen=True, kw_only=True):
    """A lock file as a whole: datasets by their ids."""

    version: int = LOCK_VERSION
    datasets: dict[str, LockedDataset] = msgspec.field(default_factory=dict)
