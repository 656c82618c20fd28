"""What a run needs of the rooms beside it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from hfsvc.models import ByteRange, Location, RemoteFile


class Content(Protocol):
    """Where the bytes of one dataset's files come from. Nothing is retried behind it."""

    async def locate(self, file: RemoteFile) -> Location:
        """Where a file's content lies now."""
        ...

    def open(
        self, location: Location, file: RemoteFile, wanted: ByteRange | None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Stream one range of it, or with None the whole of it; the stream may end early."""
        ...


IsHere = Callable[[RemoteFile], Awaitable[bool]]
"""Whether a file lies where it belongs already. Asked about those whose hash the listing did not tell."""
OnVerified = Callable[[RemoteFile, Path], Awaitable[None]]
"""Takes a verified file from the parts folder to where it belongs."""
