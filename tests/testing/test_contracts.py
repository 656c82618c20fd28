"""Contract classes and fixtures in a project of somebody else, on each plugin that runs asynchronous tests."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = """
from collections.abc import AsyncIterator

import pytest
{imports}

from hfsvc import DatasetRequest, Settings, open_container
from hfsvc.testing import FakeTrajectorySource
from hfsvc.testing.contracts import DatasetServiceContract, TrajectorySourceContract
from hfsvc.testing.samples import sample_trajectory

{marks}


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Hub:
    def __init__(self, hub, service):
        self.hub, self.service = hub, service

    def publish(self, repo, path, content):
        self.hub.write(repo, path, content)
        self.hub.refresh(repo)

    def retract(self, repo, path):
        (self.hub.folder / repo / path).unlink()

    def requests(self):
        return len(self.hub.requests)


class TestService(DatasetServiceContract):
    @{fixture}
    async def world(self, local_hub, tmp_path):
        settings = Settings(root=tmp_path / "store", endpoint=local_hub.endpoint, trust_env=False)
        async with open_container(settings) as container:
            yield Hub(local_hub, container.datasets())


class Memory:
    async def open(self, rows, *, on_bad_row="raise"):
        self.fake = FakeTrajectorySource([sample_trajectory(row) for row in rows], on_bad_row=on_bad_row)
        return self.fake

    async def open_remote(self, rows):
        return FakeTrajectorySource([sample_trajectory(row) for row in rows], downloaded=False)

    async def move(self, rows):
        self.fake.replace([sample_trajectory(row) for row in rows])

    async def open_damaged(self):
        return None


class TestSource(TrajectorySourceContract):
    @pytest.fixture
    def world(self):
        return Memory()

    async def test_that_is_wrong(self, world):
        assert await (await world.open([])).count() == 1
"""
PLAIN = {"imports": "", "marks": "", "fixture": "pytest.fixture"}
STRICT = {"imports": "import pytest_asyncio", "marks": "", "fixture": "pytest_asyncio.fixture"}
MARKED = PLAIN | {"marks": "pytestmark = pytest.mark.anyio"}
ASYNCIO = ["-o", "asyncio_default_fixture_loop_scope=function", "-o"]
# Without a plugin that loads much and has no part in this.
ERRORS = ["-W", "error", "--strict-markers", "-p", "no:cacheprovider", "-p", "no:schemathesis"]


# All of them run once; for the other plugins, which set up each one in the same way, so many are enough.
SOME = ["-k", "wrong or damaged or download or count or cancelled"]


@pytest.mark.parametrize(
    ("words", "options"),
    [
        pytest.param(PLAIN, [*ASYNCIO, "asyncio_mode=auto"], id="asyncio-auto"),
        pytest.param(STRICT, [*ASYNCIO, "asyncio_mode=strict", *SOME], id="asyncio-strict"),
        pytest.param(PLAIN, ["-p", "no:asyncio", *SOME], id="anyio"),
        pytest.param(MARKED, [*ASYNCIO, "asyncio_mode=strict", *SOME], id="anyio-beside-asyncio"),
    ],
)
def test_a_project_runs_them_on_its_plugin(tmp_path: Path, words: dict[str, str], options: list[str]) -> None:
    (tmp_path / "test_mine.py").write_text(PROJECT.format(**words), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", *ERRORS, *options, "test_mine.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert re.search(r"^1 failed, \d+ passed, 1 skipped(, \d+ deselected)? in", done.stdout, re.MULTILINE), done.stdout
    # Assertions of the classes tell as much as those of the project's own tests.
    assert "assert 0 == 1" in done.stdout


def test_nothing_but_the_contracts_imports_pytest() -> None:
    code = "import sys, hfsvc.testing, hfsvc.testing.samples, hfsvc.testing.fake_datasets, hfsvc.testing.fake_trajectories; assert 'pytest' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
