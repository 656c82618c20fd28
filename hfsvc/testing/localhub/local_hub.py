"""`LocalHub`, which tests hold in their hands: it starts both servers on a thread of their own and stops them."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus
from anyio.from_thread import BlockingPortal, start_blocking_portal

from hfsvc.testing.localhub.cdn import Cdn, Grants
from hfsvc.testing.localhub.chunk_storage import ChunkStorage
from hfsvc.testing.localhub.fault_rules import Fault, FaultRule
from hfsvc.testing.localhub.faulty_server import FaultyServer, Shared
from hfsvc.testing.localhub.http import listen, serve
from hfsvc.testing.localhub.hub_routes import Hub, HubOptions
from hfsvc.testing.localhub.rate_limit import DEFAULT_QUOTA, FixedWindow
from hfsvc.testing.localhub.records import Bucket, RecordedRequest, ServerName, matches
from hfsvc.testing.localhub.repo_registry import RepoRegistry, Tokens
from hfsvc.testing.localhub.repos import (
    CONVERSION,
    ConversionFacts,
    Gated,
    LfsRule,
    Repository,
    RepoState,
    is_lfs,
    lfs_file,
)
from hfsvc.testing.localhub.storage_routes import StorageRoutes, StorageTokens
from hfsvc.testing.localhub.stored_content import StoredContent

HOST = "127.0.0.1"
WAIT_S = 10.0
BUCKETS: tuple[Bucket, ...] = ("api", "resolvers")


class LocalHub:
    """A Hugging Face Hub on the loopback device, with its CDN on a second port and its storage of chunks on a third.

    ``<folder>/<owner>/<name>/…`` is the dataset ``owner/name``, branch ``main``. Its commit is derived from the files:
    it moves when they change, which is looked at whenever a request names the branch. Earlier commits stay readable:
    files of up to 4 MiB are remembered (64 MiB a repository), larger ones as long as they stay as they are.

    All servers run on a thread of their own, so that ``with`` serves plain tests and child processes, ``async with``
    tests on any event loop. Everything here may be called from the test's thread while they run.

    Args:
        folder: Need not exist yet.
        tokens: Valid tokens, each with globs of the private and gated repositories that it sees. None: every token is
            valid and sees everything.
        page_size: Entries of a page of the tree.
        lfs: Which files LFS holds, by path and size; the others are git blobs.
        latency_s: Time before each answer of any server.
        bytes_per_s: Pace of each body; None is as fast as it goes.
        quota: Requests a window, by bucket.
        window_s: Length of a window.
        url_lifetime_s: How long signed addresses of the CDN live.
        cdn_url: Base of a CDN run elsewhere that has `folder` at its root; None is the own one.
        xet: Tell Xet hashes of LFS files, and keep their chunks in a storage that tells of which ones a file is made. A
            file is cut when a request first comes for its commit, which takes a second for 40 MB.
        storage_token_lifetime_s: How long tokens for that storage live.
        port: Of the Hub; 0 picks a free one.
        cdn_port: Of the CDN; 0 picks a free one.
        storage_port: Of the storage of chunks; 0 picks a free one.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        tokens: Tokens | None = None,
        page_size: int = 1000,
        lfs: LfsRule = is_lfs,
        latency_s: float = 0,
        bytes_per_s: float | None = None,
        quota: Mapping[Bucket, int] = DEFAULT_QUOTA,
        window_s: float = 300,
        url_lifetime_s: float = 3600,
        cdn_url: str | None = None,
        xet: bool = False,
        storage_token_lifetime_s: float = 3600,
        port: int = 0,
        cdn_port: int = 0,
        storage_port: int = 0,
    ) -> None:
        self.folder = Path(folder)
        self.options = HubOptions(tokens=tokens, page_size=page_size, cdn_url=cdn_url, xet=xet)
        self._ports: tuple[int, int, int] = (port, cdn_port, storage_port)
        self._shared = Shared()
        self._registry = RepoRegistry(self.folder, lfs)
        self._models = RepoRegistry(self.folder / ".models", lfs, "models")
        self._grants = Grants(url_lifetime_s)
        self._windows: dict[Bucket, FixedWindow] = {
            bucket: FixedWindow(bucket, quota.get(bucket, DEFAULT_QUOTA[bucket]), window_s) for bucket in BUCKETS
        }
        self._chunks = ChunkStorage()
        self.storage_tokens = StorageTokens(storage_token_lifetime_s, of_one_commit=False)
        self._storage_routes = StorageRoutes(self._chunks, self.storage_tokens)
        kinds = self._registry, self._models
        self._hub = Hub(kinds, self._grants, self._windows, self.options, self._chunks, self.storage_tokens)
        self._servers = (
            FaultyServer("hub", self._hub, self._shared, latency_s, bytes_per_s),
            FaultyServer("cdn", Cdn(self._grants), self._shared, latency_s, bytes_per_s),
            FaultyServer("storage", self._storage_routes, self._shared, latency_s, bytes_per_s),
        )
        self._portal: BlockingPortal | None = None
        self._stack = ExitStack()

    # ---- lifetime ---------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal())
            stack.callback(self._chunks.close)
            running, origins = portal.start_task(self._serve)
            stack.callback(_stop, running)
            self._hub.origin, self._hub.cdn_origin, self._hub.storage_origin = origins
            self._storage_routes.origin = self._hub.storage_origin
            self._portal = portal
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._portal = None

    async def __aenter__(self) -> Self:
        return await anyio.to_thread.run_sync(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.__exit__)

    async def _serve(self, *, task_status: TaskStatus[tuple[str, str, str]]) -> None:
        with ExitStack() as stack:
            sockets = [stack.enter_context(listen(HOST, port)) for port in self._ports]
            async with anyio.create_task_group() as servers:
                for sock, server in zip(sockets, self._servers, strict=True):
                    servers.start_soon(serve, sock, server)
                hub, cdn, storage = (f"http://{HOST}:{sock.getsockname()[1]}" for sock in sockets)
                task_status.started((hub, cdn, storage))

    @property
    def endpoint(self) -> str:
        """Address of the Hub, for ``HF_ENDPOINT``."""
        return self._hub.origin

    @property
    def cdn_endpoint(self) -> str:
        """Address of the CDN."""
        return self._hub.cdn_origin

    @property
    def storage_endpoint(self) -> str:
        """Address of the storage of chunks, for ``HFSVC_DELTA_STORAGE``."""
        return self._hub.storage_origin

    # ---- repositories -----------------------------------------------------------------------------------------------

    def write(self, repo: str, path: str, data: bytes) -> Path:
        """Put a file into a repository's folder; the next request for its branch sees a new commit."""
        target = self.folder / repo / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return target

    def write_model(self, repo: str, path: str, data: bytes) -> Path:
        """Put a file into the repository of a model, which may have the name of a dataset."""
        return self.write(f".models/{repo}", path, data)

    def refresh(self, repo: str, revision: str = "main") -> str:
        """Look at the folder, and give the commit of a branch, tag or ref as it is now."""
        tree = self._repo(repo).refresh(revision)
        if tree is None:
            raise LookupError(f"{repo} has no revision {revision}")
        return tree.commit

    def configure(
        self,
        repo: str,
        *,
        private: bool = False,
        gated: Gated = False,
        disabled: bool = False,
        card: Mapping[str, Any] | None = None,
        hub_id: str | None = None,
    ) -> None:
        """Say who may read a repository; `card` is told as `cardData` instead of what the README says, `hub_id` as `_id`.

        Each call says everything: what it leaves out is back at its default.
        """
        self._repo(repo).state = RepoState(private=private, gated=gated, disabled=disabled, card=card, hub_id=hub_id)

    def add_revision(self, repo: str, name: str, folder: str | Path) -> str:
        """Let a branch, a tag (``refs/tags/…``), another ref or a commit (40 hex) be the files of a folder.

        The name may be ``main``: then the branch moves there, while what it was before stays readable by its commit.

        Returns:
            The commit.
        """
        found = self._repo(repo)
        if name in found.branches:
            found.refresh(name)
        found.branches[name] = Path(folder)
        return self.refresh(repo, name)

    def convert(
        self,
        repo: str,
        folder: str | Path,
        *,
        source_commit: str | None = None,
        pending: Iterable[tuple[str, str]] = (),
        failed: Iterable[tuple[str, str]] = (),
        partial: bool = False,
    ) -> str:
        """Let a folder be the parquet copy of a dataset, ``refs/convert/parquet``, and the viewer tell of it.

        A copy that `add_revision` adds is one that no viewer tells of, as behind a mirror.

        Args:
            repo: The dataset.
            folder: Holds ``CONFIG/SPLIT/0000.parquet`` and so on.
            source_commit: The commit that it is the copy of; None for that of ``main`` now.
            pending: Configurations and splits that are still to be converted.
            failed: Those that could not be.
            partial: Whether only the beginning was converted.

        Returns:
            The commit of the copy.
        """
        told = ConversionFacts(
            source_commit=source_commit or self.refresh(repo),
            pending=tuple(pending),
            failed=tuple(failed),
            partial=partial,
        )
        self._repo(repo).conversion = told
        return self.add_revision(repo, CONVERSION, folder)

    def declare_sha256(self, repo: str, path: str, sha256: str) -> None:
        """Take this for an LFS file's hash instead of reading the file; for very large ones."""
        self._repo(repo).declared[path] = sha256

    def rename(self, old: str, new: str) -> None:
        """Give a repository another id; requests for the old one are redirected."""
        self._registry.rename(old, new)

    def inject_entries(self, repo: str, entries: Iterable[str | Mapping[str, Any]]) -> None:
        """List more entries than the folder has.

        A path becomes a small LFS file that can be fetched, whatever the path is. A mapping is listed as it is.
        """
        found = self._repo(repo)
        for entry in entries:
            if isinstance(entry, str):
                data = f"injected as {entry!r}\n".encode()
                found.extra[entry] = lfs_file(entry, StoredContent.of(data), hashlib.sha256(data).hexdigest())
            else:
                found.injected.append(dict(entry))

    def _repo(self, repo: str) -> Repository:
        found = self._registry.get(repo)
        if found is None:
            raise LookupError(f"There is no folder {self.folder / repo}")
        return found

    # ---- faults -----------------------------------------------------------------------------------------------------

    def fault(
        self,
        fault: Fault,
        *,
        server: ServerName | None = None,
        path: str = "*",
        method: str | None = None,
        times: int | None = None,
        skip: int = 0,
        covering: int | None = None,
    ) -> FaultRule:
        """Let something go wrong from now on.

        Args:
            fault: What.
            server: Where; None is both.
            path: Glob on the decoded path of the address, or on the file's path in its repository; ``*`` crosses ``/``.
            method: None is any.
            times: How often; None is always.
            skip: Requests that fit and are let through first.
            covering: Only for requests whose range, or whole file, holds this byte.

        Returns:
            The rule; its `fired` tells how often it happened.
        """
        rule = FaultRule(fault, server, path, method, times, skip, covering)
        self._shared.rules.append(rule)
        return rule

    def clear_faults(self) -> None:
        """Let nothing go wrong any more; what is stalled stays so until `release`."""
        self._shared.rules.clear()

    def release(self) -> None:
        """Let all stalled answers go on."""
        if self._portal is not None:
            self._portal.call(self._shared.release)

    def expire_urls(self) -> None:
        """Let every signed address issued so far be refused."""
        self._grants.revoke()

    def expire_storage_tokens(self) -> None:
        """Let every token for the storage of chunks issued so far be refused."""
        self.storage_tokens.revoke()

    def set_quota(self, bucket: Bucket, quota: int, *, window_s: float = 300) -> None:
        """Begin a new window of the rate limit."""
        self._windows[bucket] = FixedWindow(bucket, quota, window_s)

    # ---- what happened ----------------------------------------------------------------------------------------------

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """Every request since the start or the last `reset`, in the order of arrival."""
        return self._shared.log.records

    @property
    def stalled(self) -> int:
        """Answers that wait for `release`."""
        return self._shared.stalled

    def connections(self, server: ServerName) -> int:
        """Connections that clients hold open."""
        return self._shared.connections[server]

    def find(
        self,
        *,
        server: ServerName | None = None,
        bucket: Bucket | None = None,
        method: str | None = None,
        path: str | None = None,
        status: int | None = None,
    ) -> list[RecordedRequest]:
        """Recorded requests that have all these facts; `path` is a glob as in `fault`."""
        facts: dict[str, Any] = {"server": server, "bucket": bucket, "method": method, "path": path, "status": status}
        return [record for record in self.requests if matches(record, **facts)]

    def count(
        self,
        *,
        server: ServerName | None = None,
        bucket: Bucket | None = None,
        method: str | None = None,
        path: str | None = None,
        status: int | None = None,
    ) -> int:
        """How many recorded requests have all these facts."""
        return len(self.find(server=server, bucket=bucket, method=method, path=path, status=status))

    def bytes_sent(self, *, server: ServerName = "cdn", path: str | None = None) -> int:
        """Bytes of bodies handed to sockets, over all recorded requests that fit."""
        return sum(record.bytes_sent for record in self.find(server=server, path=path))

    def reset(self) -> None:
        """Forget the recorded requests."""
        self._shared.log.clear()

    def wait_until(self, condition: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
        """Block until something is true of this hub, such as ``lambda: hub.stalled == 2``; never polls.

        Raises:
            TimeoutError: It did not become true within `timeout_s`.
        """
        self._shared.log.wait_until(condition, timeout_s)

    async def until(self, condition: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
        """`wait_until` for tests on an event loop."""
        await anyio.to_thread.run_sync(self.wait_until, condition, timeout_s, abandon_on_cancel=True)


def _stop(running: Future[None]) -> None:
    # servers that can no longer be cancelled ended by an error, which must not pass unseen
    if not running.cancel():
        running.result()
