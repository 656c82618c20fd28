"""The repositories of a folder, found as they are asked for, with their renames; and who may see them."""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from hfsvc.testing.localhub.http_messages import Request
from hfsvc.testing.localhub.repos import Kind, LfsRule, Repository, is_lfs
from hfsvc.testing.localhub.wire import invalid_credentials

Tokens = Mapping[str, Collection[str]]


@dataclass
class RepoRegistry:
    """Repositories of one kind below a folder: ``<folder>/<owner>/<name>``."""

    folder: Path
    lfs: LfsRule = is_lfs
    kind: Kind = "datasets"
    _found: dict[str, Repository] = field(default_factory=dict)
    _renamed: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, repo: str) -> Repository | None:
        """The repository with exactly this id."""
        with self._lock:
            if repo not in self._found and repo not in self._renamed and repo in self._on_disk():
                self._found[repo] = Repository(repo, {"main": self.folder / repo}, self.lfs, kind=self.kind)
            return self._found.get(repo)

    def known(self, repo: str) -> Repository | None:
        """The same, without looking at the disk; None also for one that was not asked for yet."""
        return self._found.get(repo)

    def canonical(self, asked: str) -> str | None:
        """The id that a name stands for: after renames, in the right case, with an owner put before a single name."""
        if asked in self._renamed:
            return self.canonical(self._renamed[asked]) or self._renamed[asked]
        if self.get(asked):
            return asked
        known = [*self._found, *(repo for repo in self._on_disk() if repo not in self._renamed)]
        same = [repo for repo in known if asked.lower() in {repo.lower(), repo.split("/")[1].lower()}]
        return same[0] if len(set(same)) == 1 else None

    def rename(self, old: str, new: str) -> None:
        """Give a repository another id; the old one redirects.

        Raises:
            LookupError: There is no repository `old`.
        """
        repo = self.get(old)
        if repo is None:
            raise LookupError(old)
        del self._found[old]
        repo.id = new
        self._found[new], self._renamed[old] = repo, new

    def _on_disk(self) -> list[str]:
        # Models lie below a hidden folder of their own.
        found = (path for path in self.folder.glob("*/*") if path.is_dir() and not path.parent.name.startswith("."))
        return [path.relative_to(self.folder).as_posix() for path in found]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: nobody known, or the holder of a token that sees the repositories fitting `globs`."""

    token: str | None
    globs: Collection[str] = ()

    @property
    def anonymous(self) -> bool:
        return self.token is None

    def sees(self, repo: str) -> bool:
        """True when a private or gated repository is open to this caller."""
        return any(fnmatchcase(repo, glob) for glob in self.globs)


def caller_of(request: Request, tokens: Tokens | None) -> Caller:
    """Whose request it is. Without `tokens` every token is valid and sees everything.

    Raises:
        HubError: 401, the token is not valid.
    """
    if "authorization" not in request.headers:
        return Caller(None)
    kind, _, token = request.headers["authorization"].partition(" ")
    if kind.lower() != "bearer" or not token or (tokens is not None and token not in tokens):
        raise invalid_credentials()
    return Caller(token, ("*",) if tokens is None else tokens[token])
