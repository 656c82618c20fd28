"""Structs of plans: what a download fetches, copies and takes over."""

from hfsvc.models.base import Model
from hfsvc.models.requests import Conversion, LeftFiles


class ByteRange(Model, frozen=True, kw_only=True):
    """Bytes of a file: `start` inclusive, `stop` exclusive, both from 0."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """Bytes in the range."""
        return self.stop - self.start


class CopiedRange(ByteRange, frozen=True, kw_only=True):
    """Bytes of a file that lie in another one, its donor, where they begin at `source`.

    Attributes:
        donor: Path of a recorded file: below the dataset's folder, or of a shard's, absolute.
    """

    source: int
    donor: str


class Delta(Model, frozen=True, kw_only=True):
    """What a file shares with versions on disk, and is copied from there instead of fetched.

    Attributes:
        copies: Ranges of the new file, in order; what lies between them is fetched.
    """

    copies: tuple[CopiedRange, ...]

    @property
    def donors(self) -> tuple[str, ...]:
        """The files that are copied from."""
        return tuple(dict.fromkeys(each.donor for each in self.copies))

    @property
    def copied_bytes(self) -> int:
        """All that is copied."""
        return sum(each.length for each in self.copies)


class PlannedFile(Model, frozen=True, kw_only=True):
    """A selected file and what is already here of it.

    Attributes:
        present: True when it lies at its final path, verified.
        copy_of: Where the same content is copied from instead of fetched: another file of the dataset (which may have
            to be fetched itself), or an absolute path in the cache of Hugging Face's own tools.
        kept_bytes: Bytes of an interrupted transfer that need not be fetched again.
        fault: Why a download fails at this file: its listing lacks something (`RemoteFile.fault`; the others are brought
            before), or its path is refused (nothing is).
        xet_hash: As `RemoteFile.xet_hash`.
        delta: What of it is copied from versions on disk, where that was found out.
        copied_bytes: Bytes that `delta` copies, beside those that are kept.
        whole_because: Why nothing of it is copied from versions on disk, where there are any.
    """

    path: str
    size: int
    checksum: str | None
    present: bool
    copy_of: str | None = None
    kept_bytes: int = 0
    fault: str | None = None
    xet_hash: str | None = None
    delta: Delta | None = None
    copied_bytes: int = 0
    whole_because: str | None = None

    @property
    def to_fetch(self) -> bool:
        """True when bytes of it come from the Hub."""
        return not self.present and self.copy_of is None


class DownloadPlan(Model, frozen=True, kw_only=True):
    """What a download would do, in bytes and requests.

    Attributes:
        files: Every selected file, in byte order of paths.
        removed: Recorded files that the new commit no longer has.
        total_bytes: All selected files.
        present_bytes: Of files already here.
        kept_bytes: Of interrupted transfers.
        copied_bytes: What is copied from versions on disk (`PlannedFile.delta`).
        fetch_bytes: What is left to fetch.
        free_bytes: Room on the root's disk; None where it does not tell.
        hub_requests: Requests to the Hub that the transfer will cost at most (ranges from the CDN are not counted).
        hub_requests_left: What the Hub's rate limit leaves for them in this window, where it told.
        unportable: Paths of files whose names this system holds and others cannot.
        conversion: Set where the files are those of the Hub's parquet copy.
        left: What limits leave of what was asked for; None where they leave nothing.
    """

    repo: str
    revision: str
    commit: str
    files: tuple[PlannedFile, ...]
    removed: tuple[str, ...]
    total_bytes: int
    present_bytes: int
    kept_bytes: int
    copied_bytes: int = 0
    fetch_bytes: int
    free_bytes: int | None
    hub_requests: int
    hub_requests_left: int | None = None
    unportable: tuple[str, ...] = ()
    conversion: Conversion | None = None
    left: LeftFiles | None = None
