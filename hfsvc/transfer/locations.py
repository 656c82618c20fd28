"""Locations of content: asked for once for all ranges of a file, and again where the address was refused."""

import anyio

from hfsvc.errors import ChecksumMismatch, HfsvcError, TryLater
from hfsvc.models import Location, RemoteFile
from hfsvc.transfer.interfaces import ContentSource
from hfsvc.transfer.retry_controller import Cooldown


class FileLocation:
    """The address of one file's content. It belongs to the event loop.

    Args:
        source: Says where the content lies.
        file: Its checksum is known.
        cooldown: Waited for before each question.
        known: The address, where somebody asked for it already.
    """

    def __init__(
        self, source: ContentSource, file: RemoteFile, cooldown: Cooldown, known: Location | None = None
    ) -> None:
        self._source = source
        self._cooldown = cooldown
        self._file = file
        self._known = known
        self._asking = anyio.Lock(fast_acquire=True)
        self._asked = 0
        self._error: HfsvcError | None = None

    async def get(self) -> Location:
        """The address; one question serves all who wait.

        Raises:
            ChecksumMismatch: Its content is another one than was listed.
            HfsvcError: As `ContentSource.locate`. Whoever waited for an answer that did not come has the same error, and
                whoever asks after one that is final.
        """
        asked = self._asked
        async with self._asking:
            if self._known is None:
                if self._error and (self._asked > asked or not isinstance(self._error, TryLater)):
                    raise self._error
                self._known = await self._ask()
            return self._known

    async def _ask(self) -> Location:
        await self._cooldown.wait()
        self._asked += 1
        try:
            location = await self._source.locate(self._file)
            self._check(location)
        except HfsvcError as error:
            self._error = error
            raise
        return location

    def _check(self, location: Location) -> None:
        # Before the first byte: a listing that contradicts the Hub's own answer cannot come out right.
        expected = self._file.checksum
        if location.checksum not in {None, expected}:
            raise ChecksumMismatch(
                repo=self._source.repo, path=self._file.path, expected=expected, actual=location.checksum
            )

    def refused(self, location: Location | None = None) -> None:
        """Forget an address that was refused, unless there is a newer one by now; with None whichever is known."""
        if location is None or self._known is location:
            self._known = None
