"""Repositories of a folder, their commits, and the files of a commit with the ids git and LFS give them."""

import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hfsvc.testing.localhub.stored_content import StoredContent, git_sha1

KEPT_FILE_BYTES = 4 * 1024 * 1024
KEPT_REPO_BYTES = 64 * 1024 * 1024
LFS_BYTES = 10 * 1024 * 1024
LFS_SUFFIX = re.compile(
    r"\.(7z|arrow|bin|bz2|ftz|gz|h5|jpe?g|lz4|mp[34]|np[yz]|onnx|parquet|pickle|pkl|png|pth?|rar|safetensors|tar|tgz"
    r"|wasm|wav|webp|xz|zip|zst)$",
    re.IGNORECASE,
)
CONVERSION = "refs/convert/parquet"
COMMIT = re.compile(r"[0-9a-f]{40}")

LfsRule = Callable[[str, int], bool]
Gated = Literal[False, "auto", "manual"]
Kind = Literal["datasets", "models"]


def is_lfs(path: str, size: int) -> bool:
    """The default rule: binary suffixes and files of 10 MiB or more; empty files never are."""
    return size > 0 and (size >= LFS_BYTES or LFS_SUFFIX.search(path) is not None)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a commit.

    Attributes:
        path: From the repository's root.
        oid: Git's id of the blob; for LFS files of the pointer.
        sha256: Of the content; None for files that git holds itself.
    """

    path: str
    content: StoredContent
    oid: str
    sha256: str | None = None

    @property
    def size(self) -> int:
        return self.content.size

    @property
    def pointer(self) -> bytes:
        """The pointer file that git holds in place of LFS content."""
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()

    @property
    def etag(self) -> str:
        """What the Hub calls the linked etag: sha256 for LFS files, git's id for others."""
        return self.sha256 or self.oid

    @property
    def xet_hash(self) -> str:
        """64 hex digits that look like a sha256 of the content and are not."""
        return xet_hash_of(self.etag)


@dataclass(frozen=True, slots=True, eq=False)
class CommitTree:
    """The tree of a commit: its files by path, and git's ids of its folders (``""`` is the root)."""

    commit: str
    files: Mapping[str, StoredFile]
    folders: Mapping[str, str]


@dataclass(kw_only=True)
class RepoState:
    """What a test may set about a repository. `card` replaces what its README says, `hub_id` its own id."""

    private: bool = False
    gated: Gated = False
    disabled: bool = False
    card: Mapping[str, Any] | None = None
    hub_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class ConversionFacts:
    """What the viewer tells of a repository's parquet copy.

    Attributes:
        source_commit: The commit that it is of.
        pending: ``(configuration, split)`` that are still to be converted.
        failed: Those that could not be.
        partial: Whether only the beginning was converted.
    """

    source_commit: str
    pending: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    partial: bool = False


@dataclass
class Repository:
    """A repository: a folder for each branch, and every commit seen so far.

    Attributes:
        id: ``owner/name``, canonical.
        branches: Folder of each branch or other ref; a name of 40 hex digits is a commit.
        declared: Known sha256 of files by path, taken instead of reading them.
        extra: Files that every commit has too, under paths that no disk would take.
        injected: Raw tree entries that every listing of the root carries too.
        kind: What it is a repository of.
        conversion: What the viewer tells of its parquet copy; None where it has no answer.
    """

    id: str
    branches: dict[str, Path]
    lfs: LfsRule = is_lfs
    declared: dict[str, str] = field(default_factory=dict)
    state: RepoState = field(default_factory=RepoState)
    extra: dict[str, StoredFile] = field(default_factory=dict)
    injected: list[dict[str, Any]] = field(default_factory=list)
    hub_id: str = ""
    kind: Kind = "datasets"
    conversion: ConversionFacts | None = None
    _commits: dict[str, CommitTree] = field(default_factory=dict)
    _heads: dict[str, CommitTree] = field(default_factory=dict)
    _kept_bytes: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.hub_id = self.hub_id or hashlib.sha256(self.id.encode()).hexdigest()[:24]

    def is_pinned(self, revision: str) -> bool:
        """True for a commit that is known, so that nothing needs to be scanned."""
        return revision in self._commits and revision not in self.branches

    def refresh(self, revision: str) -> CommitTree | None:
        """The commit that a branch, tag or commit id stands for; None where there is none.

        A branch's folder is looked at, and the branch moves when its files changed. A commit stays what it was.
        """
        name = self._branch(revision)
        if name is None:
            return self._commits.get(revision)
        with self._lock:
            head = self._scan(name)
            self._heads[name] = self._commits[head.commit] = head
        return head

    def file(self, tree: CommitTree, path: str) -> StoredFile | None:
        """A file of a commit."""
        return tree.files.get(path) or self.extra.get(path)

    def refs(self) -> dict[str, str]:
        """Commit of each ref, as last scanned."""
        return {name: self._heads[name].commit for name in self.branches if name in self._heads}

    def commits(self) -> list[str]:
        """Every commit seen, newest first."""
        return list(reversed(self._commits))

    def _branch(self, revision: str) -> str | None:
        wanted = "main" if revision == "HEAD" else revision
        return next((name for name in (wanted, f"refs/tags/{wanted}") if name in self.branches), None)

    def _scan(self, name: str) -> CommitTree:
        root, old = self.branches[name], self._heads.get(name)
        known = old.files if old else {}
        files = {path: self._file(path, entry, known.get(path)) for path, entry in sorted(walk(root))}
        if old and len(old.files) == len(files) and all(known.get(path) is file for path, file in files.items()):
            return old
        folders = folder_oids({path: file.oid for path, file in files.items()})
        return CommitTree(name if COMMIT.fullmatch(name) else commit_id(folders[""]), files, folders)

    def _file(self, path: str, entry: "os.DirEntry[str]", known: StoredFile | None) -> StoredFile:
        found = entry.stat()
        same = known and (known.size, known.content.stamp) == (found.st_size, found.st_mtime_ns)
        if known and same and str(known.content.path) == entry.path:
            return known
        full = Path(entry.path)
        content = StoredContent(found.st_size, full, found.st_mtime_ns, self._kept(full, found.st_size))
        if self.lfs(path, content.size):
            return lfs_file(path, content, self.declared.get(path) or content.digest("sha256"))
        return StoredFile(path, content, content.digest("sha1", f"blob {content.size}\0".encode()))

    def _kept(self, full: Path, size: int) -> bytes | None:
        if size > KEPT_FILE_BYTES or self._kept_bytes + size > KEPT_REPO_BYTES:
            return None
        self._kept_bytes += size
        return full.read_bytes()


def xet_hash_of(etag: str) -> str:
    """The name in the storage of chunks that content with this sha256 has here."""
    return hashlib.sha256(b"xet " + etag.encode()).hexdigest()


def lfs_file(path: str, content: StoredContent, sha256: str) -> StoredFile:
    """A file that git holds as a pointer."""
    pointer = StoredFile(path, content, "", sha256).pointer
    return StoredFile(path, content, git_sha1("blob", pointer), sha256)


def walk(folder: str | Path, prefix: str = "") -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Every file below a folder with its path as git writes it; ``.git`` is left out, and what links to folders hold.

    Args:
        folder: Looked at; a missing one holds nothing.
        prefix: Of the paths.
    """
    # Without a `Path` for each, a folder of 100,000 files is looked at in a second.
    try:
        entries = [*os.scandir(folder)]
    except OSError:
        return
    for entry in entries:
        if not entry.is_dir():
            yield prefix + entry.name, entry
        elif entry.name != ".git" and not entry.is_symlink():
            yield from walk(entry.path, f"{prefix}{entry.name}/")


def folder_oids(blobs: Mapping[str, str]) -> dict[str, str]:
    """Git's tree id of every folder that holds one of the blobs, and of the root."""
    members: dict[str, dict[str, tuple[str, str]]] = {"": {}}
    for path, oid in blobs.items():
        parts = path.split("/")
        for depth in range(1, len(parts)):
            members.setdefault("/".join(parts[:depth]), {})
        members["/".join(parts[:-1])][parts[-1]] = ("100644", oid)
    oids: dict[str, str] = {}
    for folder in sorted(members, key=lambda name: (name == "", -name.count("/"))):
        oids[folder] = git_sha1("tree", _tree_object(members[folder]))
        parent, _, name = folder.rpartition("/")
        if folder:
            members[parent][name] = ("40000", oids[folder])
    return oids


def commit_id(tree: str) -> str:
    """Id of a commit without parents; it depends on the content only."""
    who = "localhub <localhub@example.invalid> 1767225600 +0000"
    return git_sha1("commit", f"tree {tree}\nauthor {who}\ncommitter {who}\n\nUpload files\n".encode())


def _tree_object(members: Mapping[str, tuple[str, str]]) -> bytes:
    # git sorts a folder's members as if the names of folders ended in a slash
    order = sorted(members, key=lambda name: os.fsencode(name) + (b"/" if members[name][0] == "40000" else b""))
    return b"".join(
        f"{members[name][0]} ".encode() + os.fsencode(name) + b"\0" + bytes.fromhex(members[name][1]) for name in order
    )
