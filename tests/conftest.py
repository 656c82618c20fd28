import gc
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from hfsvc.hub import auto_transport
from hfsvc.protocols import DatasetService
from hfsvc.testing import LocalHub
from hfsvc.transfer import retry

from .builders import open_service

# How long an example takes is the machine's affair.
settings.register_profile("untimed", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow]))
settings.load_profile("untimed")

_OURS = ("HF_", "HFSVC_", "HUGGING_FACE_", "SSL_CERT_")


def pytest_collection_finish() -> None:
    """What was collected stays to the end: no search for garbage has to go through it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(_OURS) or name.lower().endswith(("_proxy", "_ca_bundle")):
            monkeypatch.delenv(name)
    # So that no login of this machine is found.
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))


@pytest.fixture(autouse=True)
def _own_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds here holds over our own sockets; the plugin's choice is for the test runs of others."""
    monkeypatch.setattr(auto_transport, "auto", "sockets")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The store's folder; does not exist yet."""
    return tmp_path / "store"


@pytest.fixture
async def service(local_hub: LocalHub, root: Path) -> AsyncIterator[DatasetService]:
    async with open_service(local_hub, root) as service:
        yield service


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once, as many as ever."""
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 0.002)
    monkeypatch.setattr(retry, "LONGEST_WAIT_S", 0.01)
