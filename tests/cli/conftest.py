import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.samples import write_sample_hub

from .command import ALIAS, REPO, ROWS, Command, clean_environment


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample dataset; never written to."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample_hub(folder, rows=ROWS)
    return folder


@pytest.fixture
def hub(sample: Path, tmp_path: Path, local_hub_factory: Callable[..., LocalHub]) -> LocalHub:
    """A Hub with the sample dataset, whose every token is valid."""
    folder = tmp_path / "hub"
    shutil.copytree(sample, folder)
    return local_hub_factory(folder)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands run in."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def folder(work: Path) -> Path:
    """Where the sample dataset lies once it is downloaded."""
    return work / ".openagents" / "datasets" / REPO


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What commands see of the environment, in this process too: no token, nobody's settings."""
    env = clean_environment() | {"HF_HOME": str(tmp_path / "hf-home")}
    for name in os.environ.keys() - env.keys():
        monkeypatch.delenv(name)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return env


@pytest.fixture
def hfsvc(
    hub: LocalHub,
    work: Path,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """The command, in an empty folder, with ``HF_ENDPOINT`` at the Hub."""
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    return Command(environment | {"HF_ENDPOINT": hub.endpoint}, capsys)


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An endpoint that nobody listens at."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def downloaded(hfsvc: Command) -> Command:
    """The command, the sample dataset downloaded."""
    hfsvc.succeeds("download", ALIAS)
    return hfsvc
