"""Verified files as they arrive: put in place at once, or held back until all of a commit can be exchanged together."""

import itertools
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from anyio import from_thread, to_thread

from hfsvc.aio.batching import Rounds
from hfsvc.disk import disk_errors
from hfsvc.errors import ChecksumMismatch
from hfsvc.files.atomic import size_of
from hfsvc.models import RemoteFile
from hfsvc.store.exchange import copy_verified, place
from hfsvc.store.inventory import hash_file
from hfsvc.store.safe_paths import parents

PLACED = "placed.txt"


def placed_paths(parts: Path) -> frozenset[str]:
    """What interrupted runs have put in place without recording it. Blocks."""
    try:
        return frozenset((parts / PLACED).read_text(encoding="utf-8").splitlines())
    except FileNotFoundError:
        return frozenset()


def note_placed(parts: Path, paths: Iterable[str]) -> None:
    """Note what lies in place without being recorded, so that somebody knows of it after a crash. Blocks."""
    with disk_errors(parts), (parts / PLACED).open("a", encoding="utf-8") as notes:
        notes.writelines(f"{path}\n" for path in paths)


def keep_notes_only(parts: Path) -> None:
    """Remove everything that is on its way, but not the notes of what is in place. Blocks."""
    for path in parts.iterdir():
        if path.name != PLACED:
            path.unlink(missing_ok=True)


def only_notes_of(parts: Path, recorded: Collection[str]) -> bool:
    """Whether nothing is on its way, and all that was noted is recorded by now: no run needs the notes. Blocks."""
    with disk_errors(parts, verb="read"):
        try:
            names = {path.name for path in parts.iterdir()}
        except FileNotFoundError:
            return False
    return names == {PLACED} and placed_paths(parts) <= set(recorded)


class Arrivals:
    """Takes the verified files of one download.

    Args:
        root: Of the store.
        repo: The dataset's id.
        parts: Its parts folder; exists.
        recorded: Paths that readers know of: their new content is held back, and what needs their place.

    Attributes:
        held: Verified files in the parts folder, by path.
        checksums: What each file that arrived was verified against, by path.
    """

    def __init__(self, root: Path, repo: str, parts: Path, *, recorded: Collection[str]) -> None:
        self.held: dict[str, Path] = {}
        self.checksums: dict[str, str] = {}
        self._root = root
        self._repo = repo
        self._parts = parts
        self._recorded = frozenset(recorded)
        self._recorded_folders = frozenset(folder for path in recorded for folder in parents(path))
        self._copies: dict[str, list[RemoteFile]] = {}
        self._numbers = itertools.count()
        self._placing = Rounds(self._place)

    def each_content_once(self, files: Sequence[RemoteFile]) -> list[RemoteFile]:
        """One of the files for every content; the others of the same content arrive as soon as it does."""
        first: dict[str, RemoteFile] = {}
        for file in files:
            fetched = first.setdefault((not file.fault and file.checksum) or file.path, file)
            if fetched is not file:
                self._copies.setdefault(fetched.path, []).append(file)
        return list(first.values())

    async def recognise(self, file: RemoteFile) -> bool:
        """Whether a file lies in place already; its hash was not known before."""
        path = self._root / self._repo / file.path
        if size_of(path) != file.size or await hash_file(path, file.checksum or "") != file.checksum:
            return False
        self.checksums[file.path] = file.checksum or ""
        return True

    async def take(self, file: RemoteFile, whole: Path) -> None:
        """A file was verified; it lies at `whole` in the parts folder."""
        for other in self._copies.pop(file.path, ()):
            if other.size != file.size:
                actual = f"{file.size} bytes of that content"
                raise ChecksumMismatch(repo=self._repo, path=other.path, expected=f"{other.size} bytes", actual=actual)
            await self.copy(whole, other)
        if self._must_wait(file.path):
            self.held[file.path] = whole
        else:
            await self._placing.do((file.path, whole))
        self.checksums[file.path] = file.checksum or ""

    def _place(self, arrived: tuple[str, Path]) -> None:
        path, whole = arrived
        # Noted first: should the run be killed, and the next commit not have the file, it must go.
        note_placed(self._parts, [path])
        place(self._root, f"{self._repo}/{path}", whole)

    def _must_wait(self, path: str) -> bool:
        # Also a file whose folder is a recorded file until the exchange, and the other way round.
        return path in self._recorded or path in self._recorded_folders or not self._recorded.isdisjoint(parents(path))

    async def copy(self, donor: Path, file: RemoteFile) -> bool:
        """Let a file arrive as a copy of another one; False when the donor is not what was recorded of it."""
        target = self._parts / f"copy-{next(self._numbers)}"
        right = await to_thread.run_sync(copy_verified, donor, target, file.checksum or "", from_thread.check_cancelled)
        if right:
            await self.take(file, target)
        return right
