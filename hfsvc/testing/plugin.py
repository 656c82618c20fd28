"""The pytest plugin: a loopback Hub as a fixture, what contract classes run on, and a transport that mocks reach."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hfsvc.hub import auto_transport

if TYPE_CHECKING:
    from hfsvc.testing.localhub import LocalHub


pytest.register_assert_rewrite("hfsvc.testing.contracts")


def pytest_configure() -> None:
    """Where nothing else is asked for, requests go through httpx's own transport, which respx and pytest-httpx patch."""
    auto_transport.auto = "httpx"


def pytest_unconfigure() -> None:
    """Only test runs are meant."""
    auto_transport.auto = "sockets"


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Contract classes run on pytest-asyncio, in both of its modes; on anyio's plugin where asked for, or left alone."""
    if not isinstance(collector, pytest.Class) or (contracts := sys.modules.get("hfsvc.testing.contracts")) is None:
        return
    ours = (contracts.DatasetServiceContract, contracts.TrajectorySourceContract)
    if issubclass(collector.obj, ours) and not collector.get_closest_marker("anyio"):
        collector.add_marker("asyncio" if collector.config.pluginmanager.has_plugin("asyncio") else "anyio")


@pytest.fixture
def local_hub_factory(tmp_path: Path) -> Iterator[Callable[..., "LocalHub"]]:
    """Starts hubs with the options of `LocalHub`, by default on the empty folder ``hub`` of the test; stops them after it."""
    from hfsvc.testing.localhub import LocalHub

    with ExitStack() as running:

        def start(folder: str | Path = tmp_path / "hub", **options: Any) -> LocalHub:
            return running.enter_context(LocalHub(folder, **options))

        yield start


@pytest.fixture
def local_hub(local_hub_factory: Callable[..., "LocalHub"]) -> "LocalHub":
    """A running Hub without repositories: `LocalHub.write` makes them."""
    return local_hub_factory()
