"""What tests are made of: settings for a loopback Hub, content, requests, and what lies in a store."""

import asyncio
import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from hfsvc.containers import Container, open_container
from hfsvc.models import DatasetRequest, Event, RemoteDataset, RemoteFile
from hfsvc.protocols import DatasetService
from hfsvc.settings import Settings
from hfsvc.testing import LocalHub

REPO = "acme/notes"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
KiB = 1 << 10
MiB = 1 << 20
EVERYTHING = ("**",)
TRANSPORT = "auto"


def settings_for(hub: LocalHub | str, root: Path, **changes: Any) -> Settings:
    """Settings for a loopback Hub: no environment, short patience, small ranges."""
    endpoint = hub if isinstance(hub, str) else hub.endpoint
    values: dict[str, Any] = {
        "transport": TRANSPORT,
        "chunk_bytes": 256 * KiB,
        "trust_env": False,
        "stall_timeout_s": 5.0,
        "give_up_after_s": 30.0,
    }
    return Settings(root=root, endpoint=endpoint, **(values | changes))


@asynccontextmanager
async def open_container_for(hub: LocalHub | str, root: Path, **changes: Any) -> AsyncIterator[Container]:
    async with open_container(settings_for(hub, root, **changes)) as container:
        yield container


@asynccontextmanager
async def open_service(hub: LocalHub | str, root: Path, **changes: Any) -> AsyncIterator[DatasetService]:
    async with open_container_for(hub, root, **changes) as container:
        yield container.datasets()


def everything(repo: str = REPO, **facts: Any) -> DatasetRequest:
    """A request for all files."""
    facts = {"include": EVERYTHING} | facts
    return DatasetRequest(repo=repo, **facts)


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that repeat nowhere, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def git_sha1(content: bytes) -> str:
    return f"git-sha1:{hashlib.sha1(b'blob %d' % len(content) + bytes(1) + content).hexdigest()}"


def lfs(path: str, content: bytes = b"content") -> RemoteFile:
    """An LFS file as a listing has it."""
    return RemoteFile(path=path, size=len(content), checksum=sha256(content))


def dataset(repo: str = REPO, commit: str = COMMIT, **facts: Any) -> RemoteDataset:
    facts = {"hub_id": "5" * 24, "revision": "main"} | facts
    return RemoteDataset(repo=repo, commit=commit, **facts)


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file with its content; what the store keeps for itself is left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".hfsvc" not in path.parts and path != folder / "index.json"
    }


def parts_left(root: Path) -> list[Path]:
    """Whatever an unfinished download has left."""
    return [path for path in (root / ".hfsvc" / "parts").rglob("*") if path.is_file()]


def read_index(root: Path) -> dict[str, Any]:
    document = json.loads((root / "index.json").read_bytes())
    assert isinstance(document, dict)
    return document


def run_python(code: str, *arguments: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """A child process that runs `code` with what this one imports; `env` is added to the environment."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )


E = TypeVar("E")
T = TypeVar("T")


@asynccontextmanager
async def in_own_task(manager: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    """Enters and exits another context manager in one task, whichever tasks enter and exit this one.

    A fixture is set up in one task and torn down in another, and a task group does not outlive that.
    """
    entered: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    left: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def hold() -> None:
        async with manager as value:
            entered.set_result(value)
            await asyncio.shield(left)

    holding = asyncio.create_task(hold())
    try:
        await asyncio.wait((entered, holding), return_when=asyncio.FIRST_COMPLETED)
        if entered.done():
            yield entered.result()
    except BaseException as error:
        left.set_exception(error)
        if not entered.done():
            holding.cancel()
    else:
        left.set_result(None)
    await holding


def of_kind(events: Iterable[Event], kind: type[E]) -> list[E]:
    """The events of one kind, in order."""
    return [event for event in events if isinstance(event, kind)]
