"""A Ray cluster of two machines, as far as Ray can tell: two nodes of a processor each beside a head that works on nothing."""

import importlib.util
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

WITH_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not WITH_RAY, reason="Ray is not installed")


class Nodes:
    """The cluster.

    Attributes:
        address: Of it.
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self.address: str = cluster.address
        self._nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
        cluster.wait_for_nodes()

    def kill_node_of(self, process: int) -> None:
        """A machine is lost, with everything on it; another one comes."""
        above = {*ancestors(process)}
        (node,) = (each for each in self._nodes if raylet_of(each) in above)
        self._cluster.remove_node(node, allow_graceful=False)
        self._nodes.remove(node)
        self._nodes.append(self._cluster.add_node(num_cpus=1))


@contextmanager
def two_nodes() -> Iterator[Nodes]:
    """The cluster, which this process is connected to."""
    ray, utils = pytest.importorskip("ray"), pytest.importorskip("ray.cluster_utils")
    cluster = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        nodes = Nodes(cluster)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
        yield nodes
    finally:
        ray.shutdown()
        cluster.shutdown()


def workers_of(task: str) -> list[int]:
    """Processes of this cluster that run a task of a name; others may have clusters on this machine."""
    return [each for each in processes_below(os.getpid()) if told(each, "cmdline").startswith(f"ray::{task}")]


def processes_below(process: int) -> list[int]:
    """What a process has started, and what that has."""
    found = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]
    return [each for each in found if process in ancestors(each)]


def is_alive(process: int) -> bool:
    state = told(process, "status").partition("State:")[2].split()
    return bool(state) and state[0] != "Z"


def has_open(process: int, path: Path) -> bool:
    """Whether a process has a file open."""
    return any(os.path.realpath(each) == str(path) for each in Path(f"/proc/{process}/fd").iterdir())


@contextmanager
def open_pipe(path: Path) -> Iterator[int]:
    """A named pipe that somebody writes into."""
    end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield end
    finally:
        os.close(end)


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)


def raylet_of(node: Any) -> int:
    """The process of a node from which its workers come."""
    pid: int = node.all_processes["raylet"][0].process.pid
    return pid


def ancestors(process: int) -> Iterator[int]:
    while process > 1 and (status := told(process, "status")):
        process = int(status.partition("PPid:")[2].split()[0])
        yield process


def told(process: int, name: str) -> str:
    try:
        return Path(f"/proc/{process}/{name}").read_text(encoding="utf-8")
    except OSError:
        return ""
