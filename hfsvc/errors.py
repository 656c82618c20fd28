"""Every error hfsvc raises, as one shallow tree grouped by what the caller can do.

::

    HfsvcError
    ├── FixRequest              exit 2   InvalidArgument, InvalidRepoId, InvalidSettings, InvalidPattern,
    │                                    InvalidExport, InvalidLock, InvalidTokenizer, MissingExtra, EngineUnusable,
    │                                    UnusableClient, LimitTooSmall, ContainerEnded, OtherEventLoop, OtherProcess,
    │                                    NotInStore, NotOnDisk, NoRanges
    ├── NotFound                exit 3   DatasetNotFound, RevisionNotFound, FileNotFound, UnknownSource,
    │                                    NotDownloaded (ShardsMissing), ConversionNotFound, SplitNotFound,
    │                                    TrajectoryNotFound, PathNotFound
    ├── NoAccess                exit 4   AuthenticationRequired, GatedDataset, AccessDenied, HubRefused
    ├── TryLater                exit 5   RateLimited, HubUnavailable (RangeRefused), NotAHub, ProxyRefused,
    │                                    CertificateRefused, TransferStalled, Offline, ConversionNotReady
    ├── Damaged                 exit 6   ChecksumMismatch, LockMismatch, MergeConflict, BadListing, InvalidTrajectory, BadRow,
    │                                    BadParquet,
    │                                    BadDocuments, CursorMismatch, DatasetChanged
    ├── LocalStorage            exit 7   NoSpace, StoreNotWritable, ObjectStoreFailed, StoreLocked, LeaseExpired, DamagedIndex, UnsafePath,
    │                                    TooManyOpenFiles, WorkerLost
    └── DownloadFailed          the highest exit code among its `failures`

An error keeps its facts as attributes and composes its one sentence from them. No error holds a token or a signed URL:
`url` is always without its query.
"""

import errno
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any, ClassVar

from hfsvc.units import format_bytes, format_free


def typed(repo: str) -> str:
    """An id as commands take it: one of a single name would be taken for an alias."""
    return repo if "/" in repo else f"datasets/{repo}"


def _rebuild(cls: type["HfsvcError"], facts: dict[str, Any]) -> "HfsvcError":
    return cls(**facts)


@dataclass(eq=False, kw_only=True)
class HfsvcError(Exception):
    """Root of the tree.

    Attributes:
        code: Stable name for machines, the class name in snake case.
        exit_code: What the command line ends with.
        retryable: True where what stands in the way is the way to the Hub, so that the same call may succeed later.
        hint: What to do about it, where the sentence itself does not say.
    """

    code: ClassVar[str] = "hfsvc_error"
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    hint: str | None = None

    def __init_subclass__(cls) -> None:
        cls.code = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()

    def __str__(self) -> str:
        return f"{self.message()} {self.hint}" if self.hint else self.message()

    def __reduce__(self) -> tuple[Callable[..., "HfsvcError"], tuple[type["HfsvcError"], dict[str, Any]]]:
        facts = {each.name: getattr(self, each.name) for each in fields(self)}
        return _rebuild, (type(self), facts)

    def message(self) -> str:
        """What happened, in one sentence."""
        return self.code

    def document(self) -> dict[str, Any]:
        """The error as JSON has it: ``code``, ``message``, ``retryable``, ``retryAfter`` (seconds), ``hint``."""
        return {
            "code": self.code,
            "message": self.message(),
            "retryable": self.retryable,
            "retryAfter": getattr(self, "retry_after_s", None),
            "hint": self.hint,
        }


# ---- what is wrong with a request: the caller can mend it ----


class FixRequest(HfsvcError):
    """The call itself cannot work: change it."""

    exit_code = 2


@dataclass(eq=False, kw_only=True)
class InvalidArgument(FixRequest, ValueError):
    """A call was given a value that it does not take.

    Attributes:
        name: Of the argument.
        given: The value as Python writes it; of a token only its type.
        reason: What is wrong with it.
        known: The values that there are, where they can be listed.
    """

    name: str
    given: str
    reason: str
    known: tuple[str, ...] = ()

    def why(self) -> str:
        """What is wrong with it, and what there is."""
        return f"{self.reason}; there are: {', '.join(self.known)}" if self.known else self.reason

    def message(self) -> str:
        return f"{self.name} cannot be {self.given}: {self.why()}."


@dataclass(eq=False, kw_only=True)
class InvalidRepoId(FixRequest):
    """A dataset id breaks the Hub's rules, or a pasted address is not one of a dataset."""

    repo: str
    reason: str

    def message(self) -> str:
        return f"{self.repo!r} is no dataset id: {self.reason}."


@dataclass(eq=False, kw_only=True)
class InvalidSettings(FixRequest):
    """A setting has a value that cannot be used."""

    setting: str
    reason: str

    def message(self) -> str:
        return f"The setting {self.setting} cannot be used: {self.reason}."


@dataclass(eq=False, kw_only=True)
class InvalidPattern(FixRequest):
    """A glob cannot be compiled."""

    pattern: str
    reason: str

    def message(self) -> str:
        return f"The pattern {self.pattern!r} cannot be used: {self.reason}."


@dataclass(eq=False, kw_only=True)
class LimitTooSmall(FixRequest):
    """The first file of what is asked for is larger than what may be brought. Sizes are in bytes."""

    repo: str
    path: str
    size: int = 0
    max_bytes: int = 0

    def message(self) -> str:
        first = f"The first file of {self.repo}, {self.path}, is of {format_bytes(self.size)}"
        return f"{first}, and at most {format_bytes(self.max_bytes)} are asked for: nothing is brought. Ask for more."


@dataclass(eq=False, kw_only=True)
class InvalidExport(FixRequest):
    """Nothing can be written there, or not in that form."""

    target: str
    reason: str

    def message(self) -> str:
        return f"Cannot export to {self.target}: {self.reason}."


@dataclass(eq=False, kw_only=True)
class InvalidLock(FixRequest):
    """A file is no lock file, or one of another version."""

    path: str
    reason: str

    def message(self) -> str:
        return f"{self.path} is no lock file: {self.reason}."


@dataclass(eq=False, kw_only=True)
class InvalidTokenizer(FixRequest):
    """A tokenizer, or the chat template beside it, is not there or cannot be used."""

    tokenizer: str
    reason: str

    def message(self) -> str:
        return f"The tokenizer {self.tokenizer} cannot be used: {self.reason}."


@dataclass(eq=False, kw_only=True)
class MissingExtra(FixRequest):
    """What was asked for needs a library that is not installed."""

    wanted: str
    extra: str

    def message(self) -> str:
        return f"{self.wanted} is not installed: pip install 'hfsvc[{self.extra}]'."


@dataclass(eq=False, kw_only=True)
class EngineUnusable(FixRequest):
    """An engine of many machines cannot do what is asked for: its workers lack hfsvc, or do not see the same disk."""

    engine: str
    reason: str

    def message(self) -> str:
        return f"The engine {self.engine} cannot do this: {self.reason.rstrip('.')}."


@dataclass(eq=False, kw_only=True)
class UnusableClient(FixRequest):
    """The HTTP client that was passed in is closed, or somebody else takes its answers. Another try finds the same."""

    reason: str

    def message(self) -> str:
        return f"The HTTP client cannot be used: {self.reason}."


class ContainerEnded(FixRequest):
    """A service, or a source, is used after the container that it belongs to has ended."""

    def message(self) -> str:
        return "The container that this belongs to has ended: use it within open_container(), or open another one."


class OtherEventLoop(FixRequest):
    """A container is used on another event loop than the one that it was used on first."""

    def message(self) -> str:
        return "This container belongs to another event loop, whose connections and waits it holds: open one a loop."


class OtherProcess(FixRequest):
    """An iterator over rows is used in a process that was forked from the one that began it."""

    def message(self) -> str:
        return "These rows are read by another process, which this one was forked from: call iter_rows in each process."


@dataclass(eq=False, kw_only=True)
class NoRanges(FixRequest):
    """A server of content gives no ranges of a file, so that nothing can be read of it where it lies."""

    repo: str
    path: str
    reason: str

    def message(self) -> str:
        download = f"hfsvc download {typed(self.repo)} brings it whole"
        return f"{self.path} of {self.repo} cannot be read remotely: its server gives no ranges ({self.reason}); {download}."


@dataclass(eq=False, kw_only=True)
class NotInStore(FixRequest):
    """What datasets of the store are asked for, and files of one's own have not.

    Attributes:
        path: Of the files, or what they are called.
        wanted: What cannot be done with them, such as ``deleted``.
    """

    path: str
    wanted: str

    def message(self) -> str:
        return f"{self.path} is files of your own, which are read where they lie: they cannot be {self.wanted} here."


@dataclass(eq=False, kw_only=True)
class NotOnDisk(FixRequest):
    """What needs a folder of this machine is asked for of a dataset in an object store.

    Attributes:
        address: Where the dataset, or the root, is.
        wanted: What there cannot be, such as ``a path``.
    """

    address: str
    wanted: str = "a path"

    def message(self) -> str:
        return f"{self.address} is in an object store, where there is no such thing as {self.wanted}."


# ---- what is not there ----


class NotFound(HfsvcError):
    """What was asked for is not there."""

    exit_code = 3


def _stops_at(host: str) -> str:
    return (
        f"The token was not sent: the endpoint redirects to {host}, and a token stops there. Set HF_ENDPOINT to {host}."
    )


@dataclass(eq=False, kw_only=True)
class DatasetNotFound(NotFound):
    """The Hub knows no such dataset, or hides it from this caller.

    Source: it answers 401 without a code to an anonymous caller, and 404 to one with a valid token, for a missing and for
    a private repository alike (observed in 2026).
    """

    repo: str
    token_sent: bool = False
    withheld_from: str | None = None
    request_id: str | None = None

    def message(self) -> str:
        if self.withheld_from:
            return f"The dataset {self.repo} is missing or private. {_stops_at(self.withheld_from)}"
        if self.token_sent:
            return f"The dataset {self.repo} is missing, or private to others: check the name, and whose token it is."
        return f"The dataset {self.repo} is missing or private: check the name, or set HF_TOKEN to a token with access."


@dataclass(eq=False, kw_only=True)
class RevisionNotFound(NotFound):
    """The dataset exists, but not at this branch, tag or commit."""

    repo: str
    revision: str
    request_id: str | None = None

    def message(self) -> str:
        return f"The dataset {self.repo} has no revision {self.revision!r}: name a branch, a tag or a full commit."


@dataclass(eq=False, kw_only=True)
class FileNotFound(NotFound):
    """No file matches, or a listed file has no content on the Hub (a dangling entry)."""

    repo: str
    path: str | None = None
    patterns: tuple[str, ...] = ()
    available: tuple[str, ...] = ()
    total: int = 0
    request_id: str | None = None

    def message(self) -> str:
        if self.path is not None:
            return f"{self.repo} lists {self.path}, but the Hub has no content for it."
        asked = " ".join(self.patterns)
        if not self.total:
            return f"The dataset {self.repo} holds no files at this revision."
        shown = ", ".join(self.available)
        more = f" and {self.total - len(self.available)} more" if self.total > len(self.available) else ""
        return f"No file of {self.repo} matches {asked}. It holds {shown}{more}."


@dataclass(eq=False, kw_only=True)
class ConversionNotFound(NotFound):
    """The Hub has no parquet copy of a dataset that can stand for it: none at all, or one of a part."""

    repo: str
    reason: str = "it keeps none"

    def message(self) -> str:
        return f"The Hub has no parquet copy of {self.repo} that can be taken: {self.reason}."


@dataclass(eq=False, kw_only=True)
class UnknownSource(NotFound):
    """No known dataset has this alias."""

    name: str
    known: tuple[str, ...] = ()

    def message(self) -> str:
        known = ", ".join(self.known)
        meant = get_close_matches(self.name, self.known, 1)
        guess = f" (did you mean {meant[0]}?)" if meant else ""
        others = "Name any other dataset as owner/name, or as datasets/name where it has no owner."
        return f"There is no source called {self.name!r}{guess}; known are: {known}. {others}"


@dataclass(eq=False, kw_only=True)
class NotDownloaded(NotFound):
    """The dataset is not on disk (or not all of its files are), and this call does not fetch.

    Attributes:
        repo: The dataset.
        missing: Recorded files that are not there.
        looked_in: The root, where the caller may know of it.
        other_root: A store of a folder above, likewise.
    """

    repo: str
    missing: tuple[str, ...] = ()
    looked_in: str | None = None
    other_root: str | None = None

    def message(self) -> str:
        command = f"run: hfsvc download {typed(self.repo)}"
        if self.missing:
            return f"{self.repo} is not whole on disk ({len(self.missing)} files missing, first {self.missing[0]}): {command}"
        where = f" in {self.looked_in}" if self.looked_in else ""
        other = f" (another store is {self.other_root}: take it with --root)" if self.other_root else ""
        return f"{self.repo} is not downloaded{where}{other}: {command}"


@dataclass(eq=False, kw_only=True)
class ShardsMissing(NotDownloaded):
    """Shards of the dataset are on disk, and not all of them: so it is not there.

    Attributes:
        commit: That the shards are of.
        count: Of shards that its files are divided into.
        missing_shards: Those that are not there, counted from 0; none where only their joining is left to do.
    """

    commit: str
    count: int
    missing_shards: tuple[int, ...]

    def message(self) -> str:
        where = f" in {self.looked_in}" if self.looked_in else ""
        if not self.missing_shards:
            some = f"all {self.count} shards of it are here, and were not joined: run once more: hfsvc download --shard 0/{self.count} {typed(self.repo)}"
            return f"{self.repo} is not whole{where}: {some}"
        named = ", ".join(f"{index}/{self.count}" for index in self.missing_shards[:SHOWN_SHARDS])
        more = len(self.missing_shards) - SHOWN_SHARDS
        others = f" and {more} more" if more > 0 else ""
        first = f"--shard {self.missing_shards[0]}/{self.count}"
        revision = f"--revision {self.commit}"
        return (
            f"{self.repo} is not whole{where}: of its {self.count} shards {named}{others} did not come. "
            f"Run what is missing (hfsvc download {typed(self.repo)} {first} {revision}), or name the roots that have it "
            "(hfsvc merge ROOT...)"
        )


SHOWN_SHARDS = 10


@dataclass(eq=False, kw_only=True)
class SplitNotFound(NotFound):
    """The files of a dataset, on disk or on the Hub, are of no such split, or of no such configuration.

    Attributes:
        repo: The dataset.
        name: What is missing.
        kind: ``split`` or ``configuration``.
        config: The configuration that was chosen, where it is a split that is missing in it.
        known: The names that there are.
        on_hub: Whether the files are those that the Hub lists, not those on disk.
    """

    repo: str
    name: str
    kind: str = "split"
    config: str | None = None
    known: tuple[str, ...] = ()
    on_hub: bool = False

    def message(self) -> str:
        where = f"The configuration {self.config!r} of {self.repo}" if self.config else self.repo
        place = "" if self.on_hub else " on disk"
        return f"{where} has no {self.kind} {self.name!r}{place}; it has {', '.join(self.known) or 'none'}."


@dataclass(eq=False, kw_only=True)
class TrajectoryNotFound(NotFound):
    """No row answers to this key."""

    source: str
    key: int | str
    by: str | None = None

    def message(self) -> str:
        wanted = f"row {self.key}" if isinstance(self.key, int) else f"{self.by or 'key'} {self.key!r}"
        return f"{self.source} has no trajectory for {wanted}."


@dataclass(eq=False, kw_only=True)
class PathNotFound(NotFound):
    """A path of this machine leads to no file and no folder."""

    path: str

    def message(self) -> str:
        return f"There is no file or folder {self.path}."


# ---- what the token may not see ----


@dataclass(eq=False, kw_only=True)
class NoAccess(HfsvcError):
    """The Hub refuses this caller.

    Attributes:
        reason: The Hub's own words, where it gave any.
        token_sent: Whether a token went along.
        withheld_from: Where a redirect led, and no token goes: scheme, host and port.
    """

    exit_code: ClassVar[int] = 4
    repo: str
    reason: str | None = None
    status: int | None = None
    request_id: str | None = None
    token_sent: bool = False
    withheld_from: str | None = None

    def because(self) -> str:
        """The Hub's own words, where it gave any."""
        return f" (the Hub says: {self.reason})" if self.reason else ""

    def advice(self, *, with_token: str, without: str) -> str:
        """What to do, for callers with a token and without one."""
        if self.withheld_from:
            return f"{with_token}. {_stops_at(self.withheld_from)}"
        return f"{with_token if self.token_sent else without}."


class AuthenticationRequired(NoAccess):
    """The token is not valid, or one is needed and none was sent."""

    def message(self) -> str:
        what = self.advice(with_token="renew it, or check whose it is", without="set HF_TOKEN, or renew it")
        return f"The Hub wants a valid token for {self.repo}{self.because()}: {what}"


class GatedDataset(NoAccess):
    """The dataset's owner must grant access first."""

    def message(self) -> str:
        ask = "ask for access on its page"
        return (
            f"{self.repo} is gated{self.because()}: {self.advice(with_token=ask, without=f'{ask}, then set HF_TOKEN')}"
        )


class AccessDenied(NoAccess):
    """The token is valid but may not do this, or the dataset is disabled."""

    def message(self) -> str:
        what = "check the token's scope and the dataset's state"
        return f"The Hub denies access to {self.repo}{self.because()}: {self.advice(with_token=what, without=what)}"


class HubRefused(NoAccess):
    """The Hub, or a filter before it, does not do what is asked of it, whoever asks."""

    def message(self) -> str:
        status = phrase_of(self.status)
        return f"The Hub refuses what is asked of it for {self.repo}: it answered {status}{self.because()}."


def phrase_of(status: int | None) -> str:
    """A status with its words."""
    words = {each.value: each.phrase for each in HTTPStatus}
    return f"{status} ({words[status]})" if status in words else str(status or "not as it should")


# ---- what stands in the way to the Hub, and may go by ----


@dataclass(eq=False, kw_only=True)
class TryLater(HfsvcError):
    """Nothing is wrong with the request; the way to the Hub is.

    `retry_after_s` is how long the other side asks to wait, in seconds, where it said so.
    """

    exit_code: ClassVar[int] = 5
    retryable: ClassVar[bool] = True
    retry_after_s: float | None = None
    url: str | None = None
    status: int | None = None
    request_id: str | None = None

    def at(self) -> str:
        """Where it happened, never with a query."""
        return f" ({self.url})" if self.url else ""

    def brief(self) -> str:
        """The cause in a few words, for a line about a retry."""
        return self.message()


@dataclass(eq=False, kw_only=True)
class RateLimited(TryLater):
    """The Hub's quota for this caller is used up, and waiting would take longer than allowed."""

    token_sent: bool = False

    def brief(self) -> str:
        return "it asks for patience"

    def message(self) -> str:
        wait = f"try again in {self.retry_after_s:.0f} s" if self.retry_after_s else "try again in some minutes"
        larger = "" if self.token_sent else ", or set HF_TOKEN for a larger quota"
        return f"The Hub limits the rate of requests{self.at()}: {wait}{larger}."


@dataclass(eq=False, kw_only=True)
class HubUnavailable(TryLater):
    """No usable answer: connection refused or lost, a proxy's error, a server error that stayed.

    `stalled` is true where the connection stood, but nothing came over it in time; `unreached` where none came about.
    """

    reason: str = "no answer"
    stalled: bool = False
    unreached: bool = False

    def brief(self) -> str:
        return self.reason

    def message(self) -> str:
        return f"The Hub cannot be reached{self.at()}: {self.reason}. Check the network, then try again."


class RangeRefused(HubUnavailable):
    """A server of content answered a range request with something else than that range."""


@dataclass(eq=False, kw_only=True)
class NotAHub(TryLater):
    """Something answers at the endpoint, but not as the Hub does (a captive portal, a wrong endpoint)."""

    reason: str = "its answer is not the Hub's"

    def message(self) -> str:
        return f"What answers{self.at()} is no Hugging Face Hub: {self.reason}. Check HF_ENDPOINT and the network."


@dataclass(eq=False, kw_only=True)
class ProxyRefused(TryLater):
    """A proxy or a filter on the way refused the request; it never came to the Hub.

    `status` is what it answered, 407 also for a SOCKS proxy that wants another login; `reason` is what else it said.
    """

    reason: str | None = None

    def message(self) -> str:
        login = "Put user and password into the variable that names it (HTTPS_PROXY)."
        what = login if self.status == 407 else "Ask who runs it, or check HTTPS_PROXY and NO_PROXY."
        said = self.reason or f"it answered {phrase_of(self.status)}"
        return f"A proxy or a filter on the way to the Hub refuses{self.at()}: {said}. {what}"


@dataclass(eq=False, kw_only=True)
class CertificateRefused(TryLater):
    """The certificate of a server cannot be trusted: of an unknown authority, of another name, or out of date."""

    host: str
    reason: str

    def message(self) -> str:
        return f"The certificate of {self.host} is not trusted{self.at()}: {self.reason}."


@dataclass(eq=False, kw_only=True)
class TransferStalled(TryLater):
    """A file's content stopped coming, and trying again brought nothing more.

    `goes_on` where what came is kept, so that another try begins after it.
    """

    repo: str
    path: str
    offset: int
    reason: str = "no byte arrived"
    goes_on: bool = True

    def message(self) -> str:
        when = f" in {self.retry_after_s:.0f} s" if self.retry_after_s else ""
        stopped = f"{self.path} of {self.repo} stopped at byte {self.offset}: {self.reason}."
        return f"{stopped} Run again{when}{' to go on from there' * self.goes_on}."


@dataclass(eq=False, kw_only=True)
class Offline(TryLater):
    """A request was needed, but `HF_HUB_OFFLINE` forbids it."""

    wanted: str = "the Hub"

    def message(self) -> str:
        return f"Offline mode is on, and {self.wanted} is needed: unset HF_HUB_OFFLINE to allow it."


@dataclass(eq=False, kw_only=True)
class ConversionNotReady(TryLater):
    """The Hub's parquet copy of a dataset is still being made, or is of another commit than the dataset's."""

    repo: str
    reason: str

    def message(self) -> str:
        return f"The Hub's parquet copy of {self.repo} cannot be taken yet: {self.reason}."


# ---- what is not what it should be: content, rows, documents ----


class Damaged(HfsvcError):
    """Data is not what it should be."""

    exit_code = 6


@dataclass(eq=False, kw_only=True)
class ChecksumMismatch(Damaged):
    """Content differs from its hash. `expected` and `actual` are `sha256:…` or `git-sha1:…` texts."""

    repo: str
    path: str
    expected: str | None
    actual: str | None

    def message(self) -> str:
        if self.expected is None:
            return f"{self.path} of {self.repo} has no hash on the Hub to verify it against, so it was not kept."
        return f"{self.path} of {self.repo} is not what the Hub lists: expected {self.expected}, got {self.actual}."


SHOWN_DIFFERENCES = 5


@dataclass(eq=False, kw_only=True)
class LockMismatch(Damaged):
    """What is on disk, or on the Hub, is not what a lock file says. `differences` are the ends of sentences."""

    repo: str
    differences: tuple[str, ...]

    def message(self) -> str:
        shown = "; ".join(self.differences[:SHOWN_DIFFERENCES])
        more = len(self.differences) - SHOWN_DIFFERENCES
        others = f"; and {more} more" if more > 0 else ""
        return (
            f"{self.repo} is not what is locked: {shown}{others}. Take another folder (HFSVC_ROOT), or remove it first: "
            f"hfsvc delete {typed(self.repo)}"
        )


@dataclass(eq=False, kw_only=True)
class MergeConflict(Damaged):
    """What several stores hold of a dataset cannot be one dataset. Nothing was changed."""

    repo: str
    reason: str

    def message(self) -> str:
        return f"What there is of {self.repo} cannot be merged: {self.reason}. Nothing was changed."


@dataclass(eq=False, kw_only=True)
class BadListing(Damaged):
    """The Hub lists a file in a way that nobody can fetch it by."""

    repo: str
    path: str
    reason: str

    def message(self) -> str:
        return f"{self.repo} lists {self.path} with {self.reason}, so it was left alone."


@dataclass(eq=False, kw_only=True)
class InvalidTrajectory(Damaged):
    """A document breaks a rule of ATIF."""

    where: str
    reason: str

    def message(self) -> str:
        return f"{self.where} is no valid trajectory: {self.reason}."


@dataclass(eq=False, kw_only=True)
class BadRow(Damaged):
    """A row cannot become a trajectory.

    `row` counts from 0 over the whole dataset; `column` is None where all of the row is to blame.
    """

    file: str
    row: int
    column: str | None
    reason: str
    hint: str | None = 'Rows like it can be left out: on_bad_row="skip", or --on-bad-row skip.'

    def message(self) -> str:
        where = f", column {self.column}" if self.column else ""
        return f"Row {self.row} in {self.file} cannot be read{where}: {self.reason.rstrip('.')}."


@dataclass(eq=False, kw_only=True)
class BadParquet(Damaged):
    """A file of rows, parquet or JSON, is damaged or cut, or lacks the columns of its layout."""

    file: str
    reason: str

    def message(self) -> str:
        return f"{self.file} cannot be read as trajectories: {self.reason.rstrip('.')}."


@dataclass(eq=False, kw_only=True)
class BadDocuments(Damaged):
    """A file of JSON documents cannot be opened, is cut, or does not decompress."""

    file: str
    reason: str

    def message(self) -> str:
        return f"{self.file} cannot be read to its end: {self.reason}."


@dataclass(eq=False, kw_only=True)
class CursorMismatch(Damaged):
    """A cursor is malformed, or belongs to another dataset or commit, or to other files of it.

    `malformed` is True where it is no cursor at all, wherever it was to lead.
    """

    reason: str
    malformed: bool = False

    def message(self) -> str:
        return f"The cursor cannot be used: {self.reason}. Start again without it."


@dataclass(eq=False, kw_only=True)
class DatasetChanged(Damaged):
    """The dataset moved to another commit while it was read."""

    repo: str

    def message(self) -> str:
        return f"{self.repo} changed while it was read: open it again."


# ---- what the disk refuses ----


ELSEWHERE = "take another folder (HFSVC_ROOT is that of the store)"


class LocalStorage(HfsvcError):
    """The disk, what lies on it, or another limit of this machine stands in the way."""

    exit_code = 7


@dataclass(eq=False, kw_only=True)
class NoSpace(LocalStorage):
    """The disk has not enough room. `needed` and `free` are bytes; 0 and None where they are not known."""

    path: str
    needed: int
    free: int | None

    def message(self) -> str:
        need = f"{format_bytes(self.needed)} more" if self.needed else "more room"
        free = format_free(self.free)
        return f"{self.path} needs {need}, and {free} is free: make room, or {ELSEWHERE}."


@dataclass(eq=False, kw_only=True)
class StoreNotWritable(LocalStorage):
    """A path below the root, or one to write to, cannot be written, or not be read."""

    path: str
    reason: str
    verb: str = "written"

    def message(self) -> str:
        return f"{self.path} cannot be {self.verb}: {self.reason}. Check its permissions, or {ELSEWHERE}."


@dataclass(eq=False, kw_only=True)
class ObjectStoreFailed(LocalStorage):
    """An object store does not do what is asked of it.

    Attributes:
        address: What was asked for, never with a query.
        reason: The end of a sentence.
        verb: What could not be done with it.
    """

    address: str
    reason: str
    verb: str = "written"

    def message(self) -> str:
        return f"{self.address} cannot be {self.verb}: {self.reason}."


@dataclass(eq=False, kw_only=True)
class TooManyOpenFiles(LocalStorage):
    """This process, or the system, may not have more files and connections open. `where` is what could not be opened."""

    where: str

    def message(self) -> str:
        return f"{self.where} cannot be opened: too many files and connections are open. {_FEWER_FILES}"


_FEWER_FILES = "Raise the limit (ulimit -n), or lower HFSVC_MAX_CONNECTIONS."


def is_out_of_files(error: BaseException | None) -> bool:
    """Whether a failure, or what it came of, is that no more files and connections may be open."""
    while error is not None:
        if getattr(error, "errno", None) in {errno.EMFILE, errno.ENFILE} or "Too many open files" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


@dataclass(eq=False, kw_only=True)
class WorkerLost(LocalStorage):
    """A worker process died over a part of the work, and so did those that were given it next.

    Attributes:
        part: The rows and their file, the documents, or the shard.
        ended_with: The code of the last one's end; below 0 the number of the signal that ended it; None where nobody knows.
        tries: How many died.
    """

    part: str
    ended_with: int | None
    tries: int = 2
    hint: str | None = "Try it with one worker."

    def message(self) -> str:
        return (
            f"{self._many()} over {self.part}{self._how()}: the system may be out of memory, or what is there makes a "
            "library crash."
        )

    def _many(self) -> str:
        if self.tries == 1:
            return "1 worker process died"
        return f"{'Two' if self.tries == 2 else self.tries} worker processes died one after the other"

    def _how(self) -> str:
        if self.ended_with is None:
            return ""
        code = f"signal {-self.ended_with}" if self.ended_with < 0 else f"code {self.ended_with}"
        return f", the last one of {code}"


@dataclass(eq=False, kw_only=True)
class StoreLocked(LocalStorage):
    """Another process holds the dataset for longer than this one may wait."""

    repo: str
    waited_s: float

    def message(self) -> str:
        return f"Another process has held {self.repo} for {self.waited_s:.0f} s: wait for it, or stop it."


@dataclass(eq=False, kw_only=True)
class LeaseExpired(LocalStorage):
    """This process was stopped for longer than its lease lasts, so another one may have its turn. It has changed nothing since.

    Attributes:
        what: Was held: a dataset, or the index.
        lasts_s: How long the lease lasts, where it is known.
    """

    what: str
    lasts_s: float | None = None

    def message(self) -> str:
        lasts = f" of {self.lasts_s:g} s" if self.lasts_s else ""
        return (
            f"The lease{lasts} on {self.what} was not renewed in time: this process was stopped, or the disk did not "
            "answer. Another one may hold it by now; run again to go on with what is here."
        )


@dataclass(eq=False, kw_only=True)
class DamagedIndex(LocalStorage):
    """index.json cannot be understood. It is left as it is."""

    path: str
    reason: str

    def message(self) -> str:
        return f"{self.path} is damaged ({self.reason}): move it away, then download again; files on disk are adopted."


@dataclass(eq=False, kw_only=True)
class UnsafePath(LocalStorage):
    """A path that the Hub lists, or the index holds, must not be written here."""

    path: str
    reason: str

    def message(self) -> str:
        return f"The path {self.path!r} is refused: {self.reason}."


# ---- several failures at once ----


@dataclass(eq=False, kw_only=True)
class DownloadFailed(HfsvcError):
    """Several files failed; what came of the others is kept. `untried` is how many were left alone in the end."""

    repo: str
    failures: Sequence[HfsvcError] = field(default=())
    untried: int = 0

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """The highest code among the failures."""
        return max((failure.exit_code for failure in self.failures), default=1)

    @property
    def retryable(self) -> bool:  # type: ignore[override]
        """True when every failure is."""
        return bool(self.failures) and all(failure.retryable for failure in self.failures)

    def message(self) -> str:
        lines = "\n".join(f"  {failure}" for failure in self.failures)
        untried = f", {self.untried} were not tried" if self.untried else ""
        return f"{len(self.failures)} files of {self.repo} failed{untried}, the others are kept:\n{lines}"
