"""Interfaces of a downloader: where bytes come from, and where verified files go.

The Hub's content and the store on disk implement them; so does whatever else bytes may come from or go to.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from anyio.abc import TaskGroup

from hfsvc.models import ByteRange, Location, RemoteFile
from hfsvc.transfer.ranges import RangeSet


class ContentSource(Protocol):
    """The bytes of one dataset's files. Nothing is retried behind it: a failure that may pass is a `TryLater`.

    Attributes:
        repo: The dataset's id, for errors.
    """

    @property
    def repo(self) -> str: ...

    async def locate(self, file: RemoteFile) -> Location:
        """Where a file's content lies now, and its checksum where it is known there."""
        ...

    def open(
        self, location: Location, file: RemoteFile, wanted: ByteRange | None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Stream one range of a file, or with None the whole of it, in file order; the stream may end early.

        Raises:
            RangeRefused: It gives no ranges of this file.
        """
        ...


class Part(Protocol):
    """A file in the making.

    Attributes:
        received: What is there.
    """

    received: RangeSet

    def admits(self, wanted: ByteRange) -> bool:
        """Whether there is room for a range now; asked before it is fetched, and again whenever another one has ended.

        The first range that is missing of the file that was opened first is always admitted, and what was admitted once.
        """
        ...

    async def write(self, offset: int, data: Sequence[bytes]) -> None:
        """Put bytes at `offset`; they are in `received` afterwards, and in a later run too where the destination keeps parts.

        The bytes are the part's own from now on: nobody changes them any more. Never waits for other bytes of the file.
        """
        ...

    async def finish(self) -> str:
        """The checksum of the complete content. Where it is the wanted one, the file is ready to be accepted."""
        ...

    async def forget(self, ranges: Sequence[ByteRange]) -> None:
        """Forget what lies in these ranges, and keep the rest."""
        ...

    def close(self) -> None:
        """Let go of it; what was received stays for a later run. May be called twice."""
        ...


class Destination(Protocol):
    """Where the files of one download go."""

    async def contains(self, file: RemoteFile) -> bool:
        """Whether a file is where it belongs already. Asked about those whose checksum the listing did not tell."""
        ...

    async def open(self, file: RemoteFile, checksum: str, beside: TaskGroup) -> Part | None:
        """A file's part, with what an earlier run left of it; None where that run left all of it, verified.

        Args:
            file: As it was listed.
            checksum: What the whole must have.
            beside: Where it may work on what came in (hash it, say) beside the streams. Ends with the run.
        """
        ...

    async def read(self, donor: str, wanted: ByteRange) -> bytes:
        """Bytes of a file that is in place under this path, or an absolute one; fewer where it has fewer, or cannot be read."""
        ...

    async def accept(self, file: RemoteFile) -> None:
        """Take a file that is complete and verified to where it belongs."""
        ...
