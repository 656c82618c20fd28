"""Addresses of git blobs: what one redirect tells of the others, and what happens where that is wrong."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.hub.blob_addresses import BlobAddresses, folder_of
from hfsvc.models import RemoteFile
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Exchange, Fault, Missing, OtherTotal, Response, Status

from ..builders import REPO, everything, files_below, open_service

COMMIT = "4f9c" * 10
HUB = "https://hub.test"
FOLDER = f"{HUB}/api/resolve-cache/datasets/acme/notes/{COMMIT}/"
PATHS = st.text(st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), min_size=1)


def blob(path: str) -> RemoteFile:
    return RemoteFile(path=path, size=80, checksum="git-sha1:" + "a" * 40)


@given(PATHS, PATHS, st.sampled_from(["", "?etag=%22a%22", "?%2Fdatasets%2Facme%2Fnotes=&etag=x"]))
def test_one_address_tells_all_others(first: str, second: str, query: str) -> None:
    addresses = BlobAddresses(HUB, COMMIT)
    addresses.learn(blob(first), FOLDER + quote(first) + query)
    assert addresses.find(blob(second)) == FOLDER + quote(second)


@pytest.mark.parametrize(
    "target",
    [
        f"https://cdn.test/{COMMIT}/a/b.json",
        f"{HUB}/api/resolve-cache/datasets/acme/notes/main/a/b.json",
        f"{FOLDER}a/other.json",
        f"{FOLDER}xa/b.json",
        f"{HUB}/blobs/0123456789?path=a/b.json",
        f"http://hub.test/cache/{COMMIT}/a/b.json",
    ],
)
def test_an_address_of_another_shape_tells_nothing(target: str) -> None:
    assert folder_of(target, "a/b.json", COMMIT, HUB) is None


def test_files_of_other_kinds_are_asked_for() -> None:
    addresses = BlobAddresses(HUB, COMMIT)
    addresses.learn(blob("a.json"), f"{FOLDER}a.json")
    for checksum in ("sha256:" + "a" * 64, None):
        assert addresses.find(RemoteFile(path="b.json", size=80, checksum=checksum)) is None


def test_who_asks_again_was_refused_and_so_are_all_others() -> None:
    addresses = BlobAddresses(HUB, COMMIT)
    addresses.learn(blob("a.json"), f"{FOLDER}a.json")
    assert addresses.find(blob("b.json"))
    assert addresses.find(blob("b.json")) is None
    addresses.learn(blob("b.json"), f"{FOLDER}b.json")
    assert addresses.find(blob("c.json")) is None


@pytest.fixture
def contents(local_hub: LocalHub) -> dict[str, bytes]:
    found = {f"rows {number:02}.json": b'{"row": %d}' % number for number in range(40)}
    for path, content in found.items():
        local_hub.write(REPO, path, content)
    return found


async def test_each_blob_costs_one_request_once_the_first_ones_are_there(
    local_hub: LocalHub, root: Path, contents: dict[str, bytes]
) -> None:
    async with open_service(local_hub, root, max_connections=1) as service:
        found = await service.download(everything())
    assert files_below(found.local_path) == contents
    # Three ask before the first answer is there: as many workers as a stream has.
    assert local_hub.count(bucket="resolvers") <= len(contents) + 3


@pytest.mark.parametrize("fault", [Status(400), Status(401), Status(403, "xml"), Missing(), Status(410), OtherTotal()])
async def test_a_refused_address_is_asked_for(
    local_hub: LocalHub, root: Path, contents: dict[str, bytes], fault: Fault
) -> None:
    told = local_hub.fault(fault, server="hub", path="/api/resolve-cache/*", skip=10)
    told.times = 1
    async with open_service(local_hub, root, max_connections=1) as service:
        found = await service.download(everything())
    assert told.fired == 1
    assert files_below(found.local_path) == contents


@dataclass(frozen=True)
class KnowsWhomItSent:
    """404 for whoever comes to an address that no redirect named."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return response if exchange.request.query else Status(404).apply(exchange, response)


async def test_a_hub_that_wants_its_own_addresses_is_asked_for_each_file(
    local_hub: LocalHub, root: Path, contents: dict[str, bytes]
) -> None:
    local_hub.fault(KnowsWhomItSent(), server="hub", path="/api/resolve-cache/*")
    async with open_service(local_hub, root, max_connections=1) as service:
        found = await service.download(everything())
    assert files_below(found.local_path) == contents
    assert len(local_hub.find(server="hub", status=404)) <= 3
