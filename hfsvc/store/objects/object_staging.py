"""The staging area of one download in an object store: files go up, and are seen once they are right."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from anyio.abc import TaskGroup

from hfsvc.errors import ChecksumMismatch
from hfsvc.models import ByteRange, PlannedFile, RemoteDataset, RemoteFile
from hfsvc.store.directories import flat_name
from hfsvc.store.index import IndexEntry
from hfsvc.store.objects.memory_window import MemoryWindow
from hfsvc.store.objects.object_bucket import ObjectBucket
from hfsvc.store.objects.upload_part import FileUpload, UploadPart
from hfsvc.store.safe_paths import STATE_FOLDER

MOST_COPIED_BYTES = 5 * 10**9
"""What stores copy in one request."""


def staged_prefix(repo: str) -> str:
    """Below it files of a dataset wait for others of the same commit."""
    return f"{STATE_FOLDER}/staged/{flat_name(repo)}/"


class HeldFiles:
    """What came in of a commit and is not to be seen before all of it has.

    Attributes:
        copies: ``{key: where it waits under another}``.
        uploads: What is not complete yet, for it is larger than what a store copies.
    """

    def __init__(self) -> None:
        self.copies: dict[str, str] = {}
        self.uploads: list[FileUpload] = []


Exchange = Callable[[IndexEntry | None, IndexEntry, HeldFiles], Awaitable[None]]


class ObjectStaging:
    """The staging area of one download in an object store: its `Destination`.

    Args:
        bucket: Of the store.
        remote: The dataset at its commit.
        recorded: Paths that readers know of: their new content is held back.
        staged: Keys of what earlier runs held back, whole and verified.
        tasks: Where uploads are at work; they are given up where it is cancelled.
        exchange: Puts in place what was held back, and records the dataset.

    Attributes:
        checksums: What each accepted file was verified against, by path.
    """

    def __init__(
        self,
        bucket: ObjectBucket,
        remote: RemoteDataset,
        *,
        recorded: Sequence[str],
        staged: frozenset[str],
        tasks: TaskGroup,
        exchange: Exchange,
    ) -> None:
        self.checksums: dict[str, str] = {}
        self._bucket = bucket
        self._repo = remote.repo
        self._recorded = frozenset(recorded)
        self._staged = staged
        self._tasks = tasks
        self._exchange = exchange
        self._window = MemoryWindow()
        self._parts: dict[str, UploadPart] = {}
        self._held = HeldFiles()
        self._same_content: defaultdict[str, list[RemoteFile]] = defaultdict(list)

    def _key(self, path: str) -> str:
        return f"{self._repo}/{path}"

    def _staged_key(self, checksum: str) -> str:
        return staged_prefix(self._repo) + checksum.replace(":", "-")

    # ---- a destination ----------------------------------------------------------------------------------------------

    async def contains(self, file: RemoteFile) -> bool:
        found = await self._bucket.describe(self._key(file.path))
        if found is None or not file.checksum or (found.size, found.checksum) != (file.size, file.checksum):
            return False
        self.checksums[file.path] = file.checksum
        return True

    async def open(self, file: RemoteFile, checksum: str, beside: TaskGroup) -> UploadPart | None:
        waits = file.path in self._recorded and file.size <= MOST_COPIED_BYTES
        if waits and self._staged_key(checksum) in self._staged:
            return None
        key = self._staged_key(checksum) if waits else self._key(file.path)
        self._parts[file.path] = UploadPart(self._bucket, key, file.size, checksum, self._tasks, self._window)
        return self._parts[file.path]

    async def read(self, donor: str, wanted: ByteRange) -> bytes:
        # What is in the store costs as much to bring as what is at the Hub.
        return b""

    async def accept(self, file: RemoteFile) -> None:
        part, checksum = self._parts.pop(file.path, None), file.checksum or ""
        key = part.upload.key if part else self._staged_key(checksum)
        if part:
            part.accepted()
            if key == self._key(file.path) and file.path in self._recorded:
                self._held.uploads.append(part.upload)
            else:
                await part.upload.complete()
        if key != self._key(file.path):
            self._held.copies[self._key(file.path)] = key
        self.checksums[file.path] = checksum
        for other in self._same_content.pop(file.path, ()):
            await self._accept_copy(key, file, other)

    # ---- beside what is fetched -------------------------------------------------------------------------------------

    async def copy(self, file: PlannedFile) -> bool:
        if file.copy_of is None or not file.checksum or file.size > MOST_COPIED_BYTES:
            return False
        donor = self._key(file.copy_of)
        found = await self._bucket.describe(donor)
        if found is None or (found.size, found.checksum) != (file.size, file.checksum):
            return False
        await self._take_copy(donor, file.path, file.checksum)
        return True

    async def salvage(self, file: RemoteFile) -> None:
        """Nothing: a store takes no bytes into the middle of an object."""

    def each_content_once(self, files: Sequence[RemoteFile]) -> list[RemoteFile]:
        first: dict[str, RemoteFile] = {}
        for file in files:
            is_one = file.fault or not file.checksum or file.size > MOST_COPIED_BYTES
            fetched = first.setdefault(file.path if is_one else file.checksum or "", file)
            if fetched is not file:
                self._same_content[fetched.path].append(file)
        return list(first.values())

    async def publish(self, old: IndexEntry | None, new: IndexEntry) -> None:
        await self._exchange(old, new, self._held)

    async def _accept_copy(self, key: str, file: RemoteFile, other: RemoteFile) -> None:
        if other.size != file.size:
            actual = f"{file.size} bytes of that content"
            raise ChecksumMismatch(repo=self._repo, path=other.path, expected=f"{other.size} bytes", actual=actual)
        await self._take_copy(key, other.path, file.checksum or "")

    async def _take_copy(self, key: str, path: str, checksum: str) -> None:
        if path in self._recorded:
            waiting = self._staged_key(checksum)
            if key != waiting:
                # What lies there now may be replaced before it is copied.
                await self._bucket.copy(key, waiting)
            self._held.copies[self._key(path)] = waiting
        else:
            await self._bucket.copy(key, self._key(path))
        self.checksums[path] = checksum
