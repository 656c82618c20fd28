"""Servers for pages: ``hfsvc serve`` as a process, and an app over a source that makes up as many rows as one wants."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from anyio.from_thread import start_blocking_portal

from hfsvc.models import SummaryPage, TrajectorySummary
from hfsvc.testing import FakeTrajectorySource
from hfsvc.testing.samples import SAMPLE_REPO
from tests.server.worlds import open_served_world, trajectory

ALIAS = "openthoughts-sft"
REPO = SAMPLE_REPO
HOSTILE = "acme/hostile"
MANY = 1_700_000
_OURS = ("HF_", "HFSVC_", "HUGGING_FACE_")


class Served(NamedTuple):
    """A server that runs as a process. `address` ends with a slash."""

    address: str
    root: Path
    env: dict[str, str]


@contextmanager
def serving(root: Path, endpoint: str, *arguments: str, **env: str) -> Iterator[Served]:
    """``hfsvc serve`` on a free port, its store in `root`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    whole = kept | {"HF_ENDPOINT": endpoint, "HFSVC_ROOT": str(root), "HF_HOME": str(root / "hf-home"), **env}
    command = [sys.executable, "-m", "hfsvc", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, env=whole, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root) as process:
        try:
            assert process.stdout is not None
            yield Served(process.stdout.readline().decode().strip(), root, whole)
        finally:
            process.terminate()
            process.communicate()


def ask(server: Served, *arguments: str) -> str:
    """What a command prints, run over the server's store."""
    command = [sys.executable, "-m", "hfsvc", *arguments]
    done = subprocess.run(command, env=server.env, cwd=server.root, check=True, capture_output=True, text=True)
    return done.stdout


class ManyRows(FakeTrajectorySource):
    """Summaries of as many rows as one wants; only their number is kept."""

    def __init__(self, rows: int) -> None:
        super().__init__([trajectory("one")])
        self._many = rows

    async def list_summaries(self, offset: int, limit: int, query: str | None = None) -> SummaryPage:
        rows = range(min(offset, self._many), min(offset + limit, self._many))
        return SummaryPage(total=self._many, offset=offset, items=tuple(map(_made_up, rows)))


def _made_up(row: int) -> TrajectorySummary:
    return TrajectorySummary(
        row=row,
        agent="me",
        model=None,
        task=f"task_{row}",
        episode=None,
        trial_name=None,
        run_id=None,
        date=None,
        steps=row % 50,
    )


@contextmanager
def serving_many(root: Path, rows: int = MANY) -> Iterator[str]:
    """An app over a dataset of very many rows; its address."""
    with start_blocking_portal() as portal:
        context = open_served_world(root, source=ManyRows(rows))
        with portal.wrap_async_context_manager(context) as world:
            yield world.address
