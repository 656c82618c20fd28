import pytest


@pytest.fixture(autouse=True)
def _no_waiting(short_waits: None) -> None:
    """Nothing here is about the length of a wait."""
