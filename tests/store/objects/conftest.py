"""Roots of object stores: in memory, and in a bucket of a server of this machine."""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.store.objects.s3 import LocalS3


class Bucket(NamedTuple):
    """A new bucket, and the root in it."""

    server: "LocalS3"
    name: str
    root: str


@pytest.fixture(scope="session")
def s3_server() -> Iterator["LocalS3"]:
    from tests.store.objects.s3 import running_s3

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with running_s3() as server:
        yield server


@pytest.fixture
def bucket(s3_server: "LocalS3", request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    name = f"b{abs(hash(request.node.nodeid))}"
    s3_server.client.create_bucket(Bucket=name)
    s3_server.requests.clear()
    yield Bucket(s3_server, name, f"s3://{name}/some/where")
    s3_server.spoil = lambda _: None


@pytest.fixture(params=["memory", "s3"])
def store_root(request: pytest.FixtureRequest) -> str:
    """The address of an empty root."""
    if request.param == "s3":
        return str(request.getfixturevalue("bucket").root)
    pytest.importorskip("obstore", reason="needs the extra `stores`")
    return f"memory://{abs(hash(request.node.nodeid))}"
