"""The loopback Hub's storage of chunks: cuts, terms, ranges, tokens, and what a client uploads."""

import hashlib
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import OtherChunks, OtherLengths
from hfsvc.testing.localhub.chunker import LEAST_BYTES, MOST_BYTES, PIECE_BYTES, cut_into_chunks
from hfsvc.testing.localhub.uploaded_shard import hash_text

REPO, FILE = "acme/notes", "train.parquet"
OLD = random.Random(0).randbytes(2 << 20)
NEW = OLD[: 1 << 20] + b"new" + OLD[1 << 20 :]


def test_cuts_lie_where_the_content_says() -> None:
    whole = random.Random(1).randbytes(PIECE_BYTES + (1 << 20))
    lengths = cut_into_chunks(whole)
    assert sum(lengths) == len(whole)
    assert all(LEAST_BYTES <= each <= MOST_BYTES for each in lengths[:-1])
    assert len(whole) / len(lengths) == pytest.approx(64 << 10, rel=0.3)
    # After a cut nothing of what came before counts.
    skipped = sum(lengths[:3])
    assert cut_into_chunks(whole[skipped:]) == lengths[3:]


def test_content_without_cuts_is_cut_at_the_longest() -> None:
    assert cut_into_chunks(bytes(300_000)) == [MOST_BYTES, MOST_BYTES, 300_000 - 2 * MOST_BYTES]
    assert (cut_into_chunks(b""), cut_into_chunks(b"a")) == ([], [1])


def floats(count: int) -> bytes:
    return b"".join(struct.pack("<f", number * 0.001) for number in range(count))


def digests(count: int) -> bytes:
    return b"".join(hashlib.sha256(struct.pack("<Q", number)).digest() for number in range(count))


# As the reference client cut them, in 2026.
CUTS: list[tuple[bytes, int, list[int]]] = [
    (digests(62_500), 34, [15495, 82104, 50556, 55540, 34273, 28823]),
    (floats(20_001) + b"xyz", 2, [26888, 53119]),
    (bytes(range(256)) * 1200, 3, [MOST_BYTES, MOST_BYTES, 45056]),
    (b"the quick brown fox jumps over the lazy dog. " * 4000, 2, [MOST_BYTES, 48928]),
    (bytes(400_000), 4, [MOST_BYTES, MOST_BYTES, MOST_BYTES, 6784]),
]


@pytest.mark.parametrize(("content", "count", "first"), CUTS, ids=["digests", "floats", "bytes", "text", "zeros"])
def test_cuts_are_those_of_the_reference_client(content: bytes, count: int, first: list[int]) -> None:
    lengths = cut_into_chunks(content)
    assert (len(lengths), lengths[: len(first)]) == (count, first)


# The 64 bytes after which a cut is allowed; zeros allow none.
CUTTING = b"0000200900002010000020110000201200002013000020140000201500002016"


@pytest.mark.parametrize(
    ("end", "lengths"),
    [
        (LEAST_BYTES - 1, [MOST_BYTES, MOST_BYTES, 256]),
        (LEAST_BYTES, [LEAST_BYTES, MOST_BYTES, MOST_BYTES - LEAST_BYTES + 256]),
        (LEAST_BYTES + 63, [LEAST_BYTES + 63, MOST_BYTES, MOST_BYTES - LEAST_BYTES - 63 + 256]),
        (MOST_BYTES - 1, [MOST_BYTES - 1, MOST_BYTES, 257]),
        (MOST_BYTES + 1, [MOST_BYTES, MOST_BYTES, 256]),
    ],
)
def test_a_cut_is_allowed_from_the_least_length_to_the_longest(end: int, lengths: list[int]) -> None:
    content = bytearray(2 * MOST_BYTES + 256)
    content[end - len(CUTTING) : end] = CUTTING
    assert cut_into_chunks(bytes(content)) == lengths


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    with LocalHub(tmp_path, xet=True) as hub:
        hub.write(REPO, FILE, OLD)
        yield hub


class XetClient:
    """Asks as a client of Xet does."""

    def __init__(self, hub: LocalHub) -> None:
        self.hub = hub
        self.http = httpx.Client(trust_env=False)
        self.renew()

    def renew(self, kind: str = "read") -> None:
        told = self.http.get(f"{self.hub.endpoint}/api/datasets/{REPO}/xet-{kind}-token/main")
        assert told.headers["X-Xet-Cas-Url"] == told.json()["casUrl"] == self.hub.storage_endpoint
        assert told.headers["X-Xet-Token-Expiration"] == str(told.json()["exp"])
        self.http.headers["Authorization"] = f"Bearer {told.json()['accessToken']}"

    def file_hash(self) -> str:
        (entry,) = self.http.get(f"{self.hub.endpoint}/api/datasets/{REPO}/tree/main").json()
        return str(entry["xetHash"])

    def ask(self, file_hash: str, wanted: str | None = None, version: str = "v2") -> httpx.Response:
        headers = {"Range": wanted} if wanted else {}
        return self.http.get(f"{self.hub.storage_endpoint}/{version}/reconstructions/{file_hash}", headers=headers)

    def read(self, told: dict[str, Any]) -> bytes:
        """The content that an answer of either version leads to."""
        content = b""
        for term in told["terms"]:
            if "xorbs" in told:
                places = [(e["url"], r["chunks"], r["bytes"]) for e in told["xorbs"][term["hash"]] for r in e["ranges"]]
            else:
                places = [(e["url"], e["range"], e["url_range"]) for e in told["fetch_info"][term["hash"]]]
            url, _, stored = next(each for each in places if each[1] == term["range"])
            wanted = {"Range": f"bytes={stored['start']}-{stored['end']}"}
            found = httpx.get(url, headers=wanted, trust_env=False)
            assert found.status_code == 206
            content += plain(found.content)
        return content


def plain(stored: bytes) -> bytes:
    content, at = b"", 0
    while at < len(stored):
        length = int.from_bytes(stored[at + 1 : at + 4], "little")
        content += stored[at + 8 : at + 8 + length]
        at += 8 + length
    return content


@pytest.fixture
def client(hub: LocalHub) -> Iterator[XetClient]:
    client = XetClient(hub)
    yield client
    client.http.close()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_file_is_read_through_its_terms(hub: LocalHub, client: XetClient, version: str) -> None:
    old = client.file_hash()
    hub.write(REPO, FILE, NEW)
    new = client.file_hash()
    answers = [client.ask(each, version=version).json() for each in (old, new)]
    assert [client.read(each) for each in answers] == [OLD, NEW]
    # Both versions are made of the same chunks, but for those around the change.
    assert answers[0]["terms"][0]["hash"] in {each["hash"] for each in answers[1]["terms"]}
    assert len(answers[1]["terms"]) == 3


def test_a_range_is_trimmed_to_whole_chunks(client: XetClient) -> None:
    told = client.ask(client.file_hash(), "bytes=700000-700000").json()
    (term,) = told["terms"]
    assert term["range"]["end"] == term["range"]["start"] + 1
    start = 700_000 - told["offset_into_first_range"]
    assert client.read(told) == OLD[start : start + term["unpacked_length"]]
    assert client.ask(client.file_hash(), f"bytes={len(OLD)}-").status_code == 416


def test_only_signed_ranges_and_valid_tokens_open_anything(hub: LocalHub, client: XetClient) -> None:
    known = client.file_hash()
    (place,) = client.ask(known, version="v1").json()["fetch_info"].popitem()[1]
    assert httpx.get(place["url"], headers={"Range": "bytes=0-9"}, trust_env=False).status_code == 403
    assert [client.ask(each).status_code for each in (known, "0" * 64, "x")] == [200, 404, 400]
    hub.expire_storage_tokens()
    assert client.ask(known).status_code == 401
    client.renew()
    assert client.ask(known).status_code == 200


def test_a_token_may_open_one_commit_only(hub: LocalHub, client: XetClient) -> None:
    hub.storage_tokens.of_one_commit = True
    old = client.file_hash()
    hub.write(REPO, FILE, NEW)
    new = client.file_hash()
    assert [client.ask(each).status_code for each in (old, new)] == [200, 404]
    client.renew()
    assert [client.ask(each).status_code for each in (old, new)] == [404, 200]


def test_terms_that_are_not_true(hub: LocalHub, client: XetClient) -> None:
    (true,) = client.ask(client.file_hash()).json()["terms"]
    hub.fault(OtherLengths(by=3), server="storage", times=1)
    hub.fault(OtherChunks(shift=2), server="storage", times=1, skip=1)
    longer, shifted = (client.ask(client.file_hash()).json()["terms"][0] for _ in range(2))
    assert longer == true | {"unpacked_length": true["unpacked_length"] + 3}
    assert shifted["range"] == {name: at + 2 for name, at in true["range"].items()}


def test_what_is_uploaded_can_be_read(hub: LocalHub, client: XetClient) -> None:
    client.renew("write")
    storage, raw = hub.storage_endpoint, bytes(range(32))
    chunk = b"\0\x06\0\0\0\x06\0\0hello\n"
    assert client.http.post(f"{storage}/v1/xorbs/default/{hash_text(raw)}", content=chunk).json() == {
        "was_inserted": True
    }
    file, filler = bytes(32), bytes(8)
    shard = bytes(48) + file + struct.pack("<II", 1 << 30, 1) + filler
    shard += raw + struct.pack("<IIII", 0, 6, 0, 1) + bytes(48) + b"\xff" * 32 + bytes(16)
    assert client.http.post(f"{storage}/v2/shards", content=shard).status_code == 404
    assert client.http.post(f"{storage}/v1/shards", content=shard[:-48]).status_code == 400
    assert client.http.post(f"{storage}/v1/shards", content=shard).json() == {"result": 1}
    assert client.read(client.ask("0" * 64).json()) == b"hello\n"


def test_a_hash_is_written_as_four_numbers() -> None:
    assert hash_text(bytes(range(32))) == "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918"
