"""Staging of verified files: put in place at once, or held back until all of a commit can be exchanged."""

import itertools
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from anyio import from_thread, to_thread
from anyio.abc import TaskGroup

from hfsvc.aio.batching import ThreadBatcher
from hfsvc.disk import disk_errors
from hfsvc.errors import ChecksumMismatch
from hfsvc.files.atomic import size_of
from hfsvc.files.checksum import kind_of, make_hasher, read_blocks
from hfsvc.files.small_writes import create_file
from hfsvc.models import ByteRange, PlannedFile, RemoteFile
from hfsvc.store.exchange import place
from hfsvc.store.index import Fence, IndexEntry
from hfsvc.store.inventory import hash_file
from hfsvc.store.safe_paths import parents
from hfsvc.transfer.interfaces import Part
from hfsvc.transfer.part_folder import PartFolder
from hfsvc.transfer.part_paths import salvage

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


class Staging:
    """The staging area of one download in a store that is a folder: its `Destination`.

    Args:
        root: Of the store.
        repo: The dataset's id.
        folder: The dataset's parts folder; exists.
        parts: The parts in it.
        recorded: Paths that readers know of: their new content is held back, and what needs their place.
        exchange: Puts files that were held back in place, and records the dataset. Blocks.
        fence: Raises where the dataset is another holder's by now.

    Attributes:
        checksums: What each accepted file was verified against, by path.
    """

    def __init__(
        self,
        root: Path,
        repo: str,
        folder: Path,
        parts: PartFolder,
        *,
        recorded: Collection[str],
        exchange: Callable[[IndexEntry | None, IndexEntry, Mapping[str, Path]], None],
        fence: Fence,
    ) -> None:
        self.checksums: dict[str, str] = {}
        self._held: dict[str, Path] = {}
        self._exchange = exchange
        self._fence = fence
        self._root = root
        self._repo = repo
        self._folder = folder
        self._parts = parts
        self._recorded = frozenset(recorded)
        self._recorded_folders = frozenset(folder for path in recorded for folder in parents(path))
        self._wholes: dict[str, Path] = {}
        self._same_content: dict[str, list[RemoteFile]] = {}
        self._numbers = itertools.count()
        self._placing = ThreadBatcher(self._place, prepare=self._note)

    # ---- a destination ----------------------------------------------------------------------------------------------

    async def contains(self, file: RemoteFile) -> bool:
        path = self._root / self._repo / file.path
        if size_of(path) != file.size or await hash_file(path, file.checksum or "") != file.checksum:
            return False
        self.checksums[file.path] = file.checksum or ""
        return True

    async def open(self, file: RemoteFile, checksum: str, beside: TaskGroup) -> Part | None:
        self._wholes[file.path] = self._parts.paths(file).whole
        return await self._parts.open(file, checksum, beside)

    async def read(self, donor: str, wanted: ByteRange) -> bytes:
        return await to_thread.run_sync(_read_range, self._root / self._repo / donor, wanted)

    async def accept(self, file: RemoteFile) -> None:
        await self._accept(file, self._wholes.pop(file.path))

    # ---- beside what is fetched -------------------------------------------------------------------------------------

    def each_content_once(self, files: Sequence[RemoteFile]) -> list[RemoteFile]:
        """One of the files for every content; the others of the same content come in as soon as it does."""
        first: dict[str, RemoteFile] = {}
        for file in files:
            fetched = first.setdefault((not file.fault and file.checksum) or file.path, file)
            if fetched is not file:
                self._same_content.setdefault(fetched.path, []).append(file)
        return list(first.values())

    async def copy(self, file: PlannedFile) -> bool:
        """Take a file from where its content lies on this disk already; False when it does not."""
        if file.copy_of is None:
            return False
        remote = RemoteFile(path=file.path, size=file.size, checksum=file.checksum)
        return await self._accept_copy(self._root / self._repo / file.copy_of, remote)

    async def salvage(self, file: RemoteFile) -> None:
        """Begin the part of a damaged file with what of it is still right."""
        await to_thread.run_sync(salvage, self._parts.paths(file), self._root / self._repo / file.path)

    async def publish(self, old: IndexEntry | None, new: IndexEntry) -> None:
        await to_thread.run_sync(self._exchange, old, new, self._held)

    async def _accept(self, file: RemoteFile, whole: Path) -> None:
        for other in self._same_content.pop(file.path, ()):
            if other.size != file.size:
                actual = f"{file.size} bytes of that content"
                raise ChecksumMismatch(repo=self._repo, path=other.path, expected=f"{other.size} bytes", actual=actual)
            await self._accept_copy(whole, other)
        if self._must_wait(file.path):
            self._held[file.path] = whole
        else:
            await self._placing.submit((file.path, whole))
        self.checksums[file.path] = file.checksum or ""

    async def _accept_copy(self, donor: Path, file: RemoteFile) -> bool:
        """Accept a copy of another file; False when the donor is not what was recorded of it."""
        target = self._folder / f"copy-{next(self._numbers)}"
        right = await to_thread.run_sync(copy_verified, donor, target, file.checksum or "", from_thread.check_cancelled)
        if right:
            await self._accept(file, target)
        return right

    def _must_wait(self, path: str) -> bool:
        # Also a file whose folder is a recorded file until the exchange, and the other way round.
        return path in self._recorded or path in self._recorded_folders or not self._recorded.isdisjoint(parents(path))

    def _note(self, accepted: Sequence[tuple[str, Path]]) -> None:
        self._fence()
        # First: should the run be killed, and the next commit not have the files, they must go.
        note_placed(self._folder, [path for path, _ in accepted])

    def _place(self, accepted: tuple[str, Path]) -> None:
        path, whole = accepted
        place(self._root, f"{self._repo}/{path}", whole, self._fence)


def _read_range(path: Path, wanted: ByteRange) -> bytes:
    # What cannot be read is fetched instead.
    with suppress(OSError), path.open("rb", buffering=0) as file:
        file.seek(wanted.start)
        return file.read(wanted.length) or b""
    return b""


def copy_verified(source: Path, target: Path, checksum: str, on_block: Callable[[], None]) -> bool:
    """Copy a file while hashing it; False, and no target, when it cannot be read or is not what `checksum` says. Blocks.

    Never a hard link: a change made to one file in place must not reach the other.
    """
    if (size := size_of(source)) is None:
        return False
    scratch = target.with_suffix(".scratch")
    hasher = make_hasher(kind_of(checksum), size)
    try:
        with disk_errors(target, needed=size), create_file(scratch) as writer:
            for block in _readable_blocks(source, on_block):
                hasher.update(block)
                writer.write(block)
            writer.flush()
            os.fsync(writer.fileno())
        right = f"{kind_of(checksum)}:{hasher.hexdigest()}" == checksum
        if right:
            scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
    return right


def _readable_blocks(source: Path, on_block: Callable[[], None]) -> Iterator[bytes]:
    # A donor that cannot be read to its end is none: what came so far has another hash.
    with suppress(OSError), source.open("rb", buffering=0) as reader:
        yield from read_blocks(reader, on_block)
