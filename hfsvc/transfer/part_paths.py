"""Paths of a part file and its journal, and what earlier runs left at them. All of it blocks."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hfsvc.disk import disk_errors
from hfsvc.files.atomic import size_of
from hfsvc.files.checksum import checksum_file, kind_of
from hfsvc.models import ByteRange
from hfsvc.transfer.journal import Extent, Header, extent_line, header_line, read_journal
from hfsvc.transfer.ranges import RangeSet


def part_name(repo: str, commit: str, path: str, checksum: str | None) -> str:
    """The stable name of a file's part: by content where the hash is known, else by place and commit."""
    if checksum:
        return content_name(checksum)
    place = f"{repo}@{commit}/{path}"
    return f"unhashed-{hashlib.sha256(place.encode()).hexdigest()}"


def content_name(checksum: str) -> str:
    """A checksum as the name of a file."""
    return checksum.replace(":", "-")


class PartPaths(NamedTuple):
    """Paths of the part file of one file, of its journal, and of what they become.

    Attributes:
        folder: The parts folder of the dataset.
        digests_folder: Where journals of finished files stay.
        name: From `part_name`.
    """

    folder: Path
    digests_folder: Path
    name: str

    @property
    def part(self) -> Path:
        """The bytes so far."""
        return self.folder / f"{self.name}.part"

    @property
    def journal(self) -> Path:
        """Which of them are there."""
        return self.folder / f"{self.name}.journal"

    @property
    def whole(self) -> Path:
        """The whole file, verified."""
        return self.folder / f"{self.name}.whole"

    @property
    def digests(self) -> Path:
        """The journal of the finished file."""
        return self.digests_folder / f"{self.name}.journal"

    def read_journal(self, size: int) -> list[Extent]:
        """What the journal says is there of a file of `size` bytes."""
        return read_journal(_read(self.journal), Header(identity=self.name, size=size))

    def write_journal(self, size: int, extents: list[Extent]) -> int:
        """Begin the journal anew, and give its descriptor, open for more lines.

        Not in place: a cut line at its end would swallow the next one, and a crash on the way would cost all lines.
        """
        scratch = self.journal.with_suffix(".scratch")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            os.write(descriptor, _journal_of(self.name, size, extents))
            scratch.replace(self.journal)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def keep_digests(self, checksum: str, size: int) -> None:
        """Let the journal of a finished file stay, under the name of its content, for repairs."""
        kept = self._replace(name=content_name(checksum))
        if kept.name == self.name:
            self.journal.replace(kept.digests)
        else:
            kept.digests.write_bytes(_journal_of(kept.name, size, self.read_journal(size)))
            self.journal.unlink()


def _journal_of(name: str, size: int, extents: list[Extent]) -> bytes:
    return header_line(Header(identity=name, size=size)) + b"".join(map(extent_line, extents))


def adopt_whole(paths: PartPaths, checksum: str, on_block: Callable[[], None]) -> Path | None:
    """A sealed part that an earlier run could not put in place, when it is still right."""
    if (size := size_of(paths.whole)) is None:
        return None
    if checksum_file(paths.whole, kind_of(checksum), on_block=on_block) != checksum:
        paths.whole.unlink()
        return None
    if paths.journal.exists():
        paths.keep_digests(checksum, size)
    return paths.whole


def salvage(paths: PartPaths, damaged: Path) -> None:
    """Make a damaged file a part of itself: what its digests show to be right need not be fetched again.

    A copy is worked on; the file itself is left as it is. Without digests there is nothing to salvage.
    """
    if paths.digests.exists() and (size := size_of(damaged)) is not None:
        with disk_errors(paths.part, needed=size):
            shutil.copyfile(damaged, paths.part)
            shutil.copyfile(paths.digests, paths.journal)


def kept_ranges(paths: PartPaths, size: int) -> RangeSet:
    """What of a file an earlier run left, by its journal."""
    if size_of(paths.whole) == size:
        return RangeSet([ByteRange(start=0, stop=size)])
    return RangeSet(each.span for each in paths.read_journal(size))


def left_behind(folder: Path) -> frozenset[str]:
    """Names of which earlier runs left anything."""
    return frozenset(path.stem for path in folder.iterdir()) if folder.exists() else frozenset()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
