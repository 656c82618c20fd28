from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hfsvc.testing import FakeDatasetService
from tests.builders import in_own_task

from .worlds import Counted, Held, World, contents, open_world, trajectory

TASKS = ("a", "b", "über/die %2F Brücke", "b c")


@pytest.fixture
def source() -> Counted:
    """Four trajectories; the second one has five steps."""
    rows = [trajectory(task, trial_name=f"trial/{task}", run_id="run", steps=5 if task == "b" else 1) for task in TASKS]
    return Counted(rows)


@pytest.fixture
def datasets(root: Path) -> FakeDatasetService:
    return FakeDatasetService(root, contents())


@pytest.fixture
def held(root: Path) -> Held:
    return Held(root, contents())


@pytest.fixture
async def world(root: Path, source: Counted, datasets: FakeDatasetService) -> AsyncIterator[World]:
    async with in_own_task(open_world(root, source=source, datasets=datasets)) as world:
        yield world
