"""What is not there."""

from dataclasses import dataclass

from hfsvc.errors.root import HfsvcError


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
