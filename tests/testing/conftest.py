from collections.abc import Iterator

import httpx
import pytest

from hfsvc.testing import LocalHub

from .notes import PARQUET, README, REPO


@pytest.fixture
def hub(local_hub: LocalHub) -> LocalHub:
    local_hub.write(REPO, "README.md", README)
    local_hub.write(REPO, ".gitattributes", b"*.parquet filter=lfs diff=lfs merge=lfs -text\n")
    local_hub.write(REPO, "en/train.parquet", PARQUET)
    local_hub.write(REPO, "en/empty.txt", b"")
    return local_hub


@pytest.fixture
def client(hub: LocalHub) -> Iterator[httpx.Client]:
    """Speaks to the Hub, follows nothing, and asks for no compression."""
    with httpx.Client(base_url=hub.endpoint, headers={"Accept-Encoding": "identity"}, trust_env=False) as client:
        yield client
