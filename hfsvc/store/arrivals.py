"""Verified files as they arrive: put in place at once, or held back until all of a commit can be exchanged together."""

import itertools
from collections.abc import Collection
from pathlib import Path

from anyio import from_thread, to_thread

from hfsvc.models import RemoteFile
from hfsvc.store.install import copy_verified, place


class Arrivals:
    """Takes the verified files of one download.

    Args:
        folder: The dataset's folder.
        parts: Its parts folder; exists.
        recorded: Paths that readers know of: their new content is held back.

    Attributes:
        held: Verified files in the parts folder, by path.
        checksums: What each file that arrived was verified against, by path.
    """

    def __init__(self, folder: Path, parts: Path, *, recorded: Collection[str]) -> None:
        self.held: dict[str, Path] = {}
        self.checksums: dict[str, str] = {}
        self._folder = folder
        self._parts = parts
        self._recorded = frozenset(recorded)
        self._copies: dict[str, list[RemoteFile]] = {}
        self._numbers = itertools.count()

    def expect_copy(self, first: RemoteFile, other: RemoteFile) -> None:
        """Let `other`, of the same content, arrive as soon as `first` does."""
        self._copies.setdefault(first.path, []).append(other)

    async def take(self, file: RemoteFile, whole: Path) -> None:
        """A file was verified; it lies at `whole` in the parts folder."""
        for other in self._copies.pop(file.path, ()):
            await self.copy(whole, other)
        if file.path in self._recorded:
            self.held[file.path] = whole
        else:
            await to_thread.run_sync(place, self._folder, file.path, whole)
        self.checksums[file.path] = file.checksum or ""

    async def copy(self, donor: Path, file: RemoteFile) -> bool:
        """Let a file arrive as a copy of another one; False when the donor is not what was recorded of it."""
        target = self._parts / f"copy-{next(self._numbers)}"
        right = await to_thread.run_sync(copy_verified, donor, target, file.checksum or "", from_thread.check_cancelled)
        if right:
            await self.take(file, target)
        return right
