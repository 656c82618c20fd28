import pytest

from tests import builders


@pytest.fixture(autouse=True)
def _no_waiting(short_waits: None) -> None:
    """Nothing here is about the length of a wait."""


@pytest.fixture(params=["httpx", "auto"], autouse=True)
def _transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything holds over both transports, in this process and in its children."""
    monkeypatch.setattr(builders, "TRANSPORT", request.param)
    monkeypatch.setenv("HFSVC_TRANSPORT", request.param)
