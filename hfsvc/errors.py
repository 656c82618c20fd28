"""Every error hfsvc raises, as one shallow tree grouped by what the caller can do.

::

    HfsvcError
    ├── FixRequest              exit 2   InvalidRepoId, InvalidSettings, InvalidPattern, InvalidChoice,
    │                                    InvalidExport, InvalidTokenizer, MissingExtra
    ├── NotFound                exit 3   DatasetNotFound, RevisionNotFound, FileNotFound, UnknownSource,
    │                                    NotDownloaded, SplitNotFound, TrajectoryNotFound, PathNotFound
    ├── NoAccess                exit 4   AuthenticationRequired, GatedDataset, AccessDenied
    ├── TryLater                exit 5   RateLimited, HubUnavailable (RangeRefused), NotAHub,
    │                                    TransferStalled, Offline
    ├── Damaged                 exit 6   ChecksumMismatch, BadListing, InvalidTrajectory, BadRow, BadParquet,
    │                                    BadDocuments, CursorMismatch, DatasetChanged
    ├── LocalStorage            exit 7   NoSpace, StoreNotWritable, StoreLocked, DamagedIndex, UnsafePath
    └── DownloadFailed          the highest exit code among its `failures`

An error keeps its facts as attributes and composes its one sentence from them. No error holds a token or a signed URL:
`url` is always without its query.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from hfsvc.units import format_bytes


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
class InvalidChoice(FixRequest):
    """Rows cannot be chosen like that."""

    argument: str
    value: str
    reason: str

    def message(self) -> str:
        return f"No rows can be chosen by {self.argument} {self.value!r}: {self.reason}."


@dataclass(eq=False, kw_only=True)
class InvalidExport(FixRequest):
    """Nothing can be written there, or not in that form."""

    target: str
    reason: str

    def message(self) -> str:
        return f"Cannot export to {self.target}: {self.reason}."


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


# ---- what is not there ----


class NotFound(HfsvcError):
    """What was asked for is not there."""

    exit_code = 3


@dataclass(eq=False, kw_only=True)
class DatasetNotFound(NotFound):
    """The Hub knows no such dataset, or hides it from this caller.

    Source: it answers 401 without a code to an anonymous caller, and 404 to one with a valid token, for a missing and for
    a private repository alike (observed in 2026).
    """

    repo: str
    token_sent: bool = False
    request_id: str | None = None

    def message(self) -> str:
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
class UnknownSource(NotFound):
    """No known dataset has this alias."""

    name: str
    known: tuple[str, ...] = ()

    def message(self) -> str:
        known = ", ".join(self.known)
        return f"There is no source called {self.name!r}; known are: {known}. Name any other dataset as owner/name."


@dataclass(eq=False, kw_only=True)
class NotDownloaded(NotFound):
    """The dataset is not on disk (or not all of its files are), and this call does not fetch."""

    repo: str
    missing: tuple[str, ...] = ()

    def message(self) -> str:
        command = f"run: hfsvc download {self.repo}"
        if self.missing:
            return f"{self.repo} is not whole on disk ({len(self.missing)} files missing, first {self.missing[0]}): {command}"
        return f"{self.repo} is not downloaded: {command}"


@dataclass(eq=False, kw_only=True)
class SplitNotFound(NotFound):
    """The files of a dataset on disk are of no such split, or of no such configuration.

    Attributes:
        repo: The dataset.
        name: What is missing.
        kind: ``split`` or ``configuration``.
        config: The configuration that was chosen, where it is a split that is missing in it.
        known: The names that there are.
    """

    repo: str
    name: str
    kind: str = "split"
    config: str | None = None
    known: tuple[str, ...] = ()

    def message(self) -> str:
        where = f"The configuration {self.config!r} of {self.repo}" if self.config else self.repo
        return f"{where} has no {self.kind} {self.name!r} on disk; it has {', '.join(self.known) or 'none'}."


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
    """The Hub refuses this caller."""

    exit_code: ClassVar[int] = 4
    repo: str
    reason: str | None = None
    status: int | None = None
    request_id: str | None = None

    def because(self) -> str:
        """The Hub's own words, where it gave any."""
        return f" (the Hub says: {self.reason})" if self.reason else ""


class AuthenticationRequired(NoAccess):
    """The token is not valid, or one is needed and none was sent."""

    def message(self) -> str:
        return f"The Hub wants a valid token for {self.repo}{self.because()}: set HF_TOKEN, or renew it."


class GatedDataset(NoAccess):
    """The dataset's owner must grant access first."""

    def message(self) -> str:
        return f"{self.repo} is gated{self.because()}: ask for access on its page, then set HF_TOKEN."


class AccessDenied(NoAccess):
    """The token is valid but may not do this, or the dataset is disabled."""

    def message(self) -> str:
        return f"The Hub denies access to {self.repo}{self.because()}: check the token's scope and the dataset's state."


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


class RateLimited(TryLater):
    """The Hub's quota for this caller is used up, and waiting would take longer than allowed."""

    def brief(self) -> str:
        return "it asks for patience"

    def message(self) -> str:
        wait = f"try again in {self.retry_after_s:.0f} s" if self.retry_after_s else "try again in some minutes"
        return f"The Hub limits the rate of requests{self.at()}: {wait}, or set HF_TOKEN for a larger quota."


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
class TransferStalled(TryLater):
    """A file's content stopped coming, and trying again brought nothing more."""

    repo: str
    path: str
    offset: int
    reason: str = "no byte arrived"

    def message(self) -> str:
        when = f" in {self.retry_after_s:.0f} s" if self.retry_after_s else ""
        stopped = f"{self.path} of {self.repo} stopped at byte {self.offset}: {self.reason}."
        return f"{stopped} Run again{when} to go on from there."


@dataclass(eq=False, kw_only=True)
class Offline(TryLater):
    """A request was needed, but `HF_HUB_OFFLINE` forbids it."""

    wanted: str = "the Hub"

    def message(self) -> str:
        return f"Offline mode is on, and {self.wanted} is needed: unset HF_HUB_OFFLINE to allow it."


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
    """A cursor is malformed, or belongs to another dataset or commit, or to other files of it."""

    reason: str

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
    """The disk, or what lies on it, stands in the way."""

    exit_code = 7


@dataclass(eq=False, kw_only=True)
class NoSpace(LocalStorage):
    """The disk has not enough room. `needed` and `free` are bytes; `needed` is 0 where it is not known."""

    path: str
    needed: int
    free: int

    def message(self) -> str:
        need = f"{format_bytes(self.needed)} more" if self.needed else "more room"
        free = format_bytes(self.free)
        return f"{self.path} needs {need}, and {free} are free: make room, or {ELSEWHERE}."


@dataclass(eq=False, kw_only=True)
class StoreNotWritable(LocalStorage):
    """A path below the root, or one to write to, cannot be written, or not be read."""

    path: str
    reason: str
    verb: str = "written"

    def message(self) -> str:
        return f"{self.path} cannot be {self.verb}: {self.reason}. Check its permissions, or {ELSEWHERE}."


@dataclass(eq=False, kw_only=True)
class StoreLocked(LocalStorage):
    """Another process holds the dataset for longer than this one may wait."""

    repo: str
    waited_s: float

    def message(self) -> str:
        return f"Another process has held {self.repo} for {self.waited_s:.0f} s: wait for it, or stop it."


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
