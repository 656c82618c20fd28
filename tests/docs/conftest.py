import os
from pathlib import Path

import pytest

from hfsvc.testing.samples import write_sample_hub


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample dataset in its usual size; never written to."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample_hub(folder)
    return folder


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder to work in, and an environment without anybody's settings."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for name in list(os.environ):
        if name.startswith(("HF_", "HFSVC_", "HUGGING_FACE_", "NO_COLOR")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))


@pytest.fixture(autouse=True)
def _own_transport() -> None:
    """The plugin has its way here, as in the test runs of those who copy an example."""
