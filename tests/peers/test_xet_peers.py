"""The reference client of Xet against the loopback Hub's storage of chunks, and our deltas over chunks of its making."""

import json
import random
import subprocess
from collections.abc import Iterator
from itertools import accumulate, pairwise
from pathlib import Path

import httpx
import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.localhub.chunker import cut_into_chunks

from ..builders import everything, open_container_for
from .test_localhub_peers import PYTHON, contents, download, run

pytestmark = pytest.mark.skipif(not PYTHON, reason="HFSVC_PEERS_PYTHON names no Python with huggingface_hub and hf_xet")
REPO = "acme/notes"

UPLOADS = """
import json, sys, hf_xet
url, token, exp, *paths = sys.argv[1:]
session, hashes = hf_xet.XetSession(), []
for path in paths:
    with session.new_upload_commit(endpoint=url, token=token, token_expiry_unix_secs=int(exp)) as commit:
        task = commit.start_upload_bytes(open(path, "rb").read(), sha256=hf_xet.COMPUTE_SHA256)
    hashes.append(task.result().xet_info.hash)
print(json.dumps(hashes))
"""
DOWNLOADS = """
import sys, hf_xet
url, token, exp, file_hash, size, path = sys.argv[1:]
with hf_xet.XetSession().new_file_download_group(endpoint=url, token=token, token_expiry_unix_secs=int(exp)) as group:
    group.start_download_file(hf_xet.XetFileInfo(file_hash, int(size)), path)
"""


def lines(seed: int, count: int = 20_000) -> list[bytes]:
    """JSON Lines that compress somewhat, as texts do."""
    drawn = random.Random(seed)
    return [json.dumps({"n": number, "t": drawn.randbytes(120).hex()}).encode() + b"\n" for number in range(count)]


OLD_LINES = lines(0)
OLD = b"".join(OLD_LINES)
CHANGES = {
    "append": OLD + b"".join(lines(1, 200)),
    "delete": b"".join(OLD_LINES[:9000] + OLD_LINES[9001:]),
    "insert": b"".join(OLD_LINES[:500] + lines(1, 40) + OLD_LINES[500:]),
    "edit": b"".join(
        line.replace(b"{", b"{ ") if number in {3000, 15000} else line for number, line in enumerate(OLD_LINES)
    ),
}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    with LocalHub(tmp_path / "hub", xet=True) as hub:
        hub.write(REPO, "README.md", b"# Notes\n")
        yield hub


def access(hub: LocalHub) -> list[str]:
    told = httpx.get(f"{hub.endpoint}/api/datasets/{REPO}/xet-write-token/main", trust_env=False).json()
    return [told["casUrl"], told["accessToken"], str(told["exp"])]


def xet(hub: LocalHub, home: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = run(hub, home, "-c", code, *access(hub), *arguments)
    assert done.returncode == 0, done.stderr
    return done


def test_hf_downloads_through_the_storage(hub: LocalHub, tmp_path: Path) -> None:
    hub.write(REPO, "train.parquet", OLD)
    assert contents(download(hub, tmp_path, REPO)) == contents(hub.folder / REPO)
    assert hub.bytes_sent(server="storage", path="/xorb/*") >= len(OLD)
    assert hub.count(server="cdn") == 0


def test_what_hf_xet_uploads_it_downloads(hub: LocalHub, tmp_path: Path) -> None:
    target = tmp_path / "uploaded"
    target.write_bytes(OLD)
    (file_hash,) = json.loads(xet(hub, tmp_path, UPLOADS, str(target)).stdout)
    back = tmp_path / "back"
    xet(hub, tmp_path, DOWNLOADS, file_hash, str(len(OLD)), str(back))
    assert back.read_bytes() == OLD


def test_hf_xet_cuts_where_the_loopback_hub_cuts(hub: LocalHub, tmp_path: Path) -> None:
    content = random.Random(3).randbytes(2 << 20) + bytes(300_000) + OLD[: 1 << 20]
    target = tmp_path / "uploaded"
    target.write_bytes(content)
    (file_hash,) = json.loads(xet(hub, tmp_path, UPLOADS, str(target)).stdout)
    ends = [*accumulate(cut_into_chunks(content))]
    assert [(start, stop) for start, stop in pairwise([0, *ends])] == [*chunks(hub, file_hash, len(content))]


def chunks(hub: LocalHub, file_hash: str, size: int) -> Iterator[tuple[int, int]]:
    """Where the chunks of a file begin and end, by questions for a byte of each."""
    url, token, _ = access(hub)
    with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {token}"}) as client:
        at = 0
        while at < size:
            wanted = {"Range": f"bytes={at}-{at}"}
            told = client.get(f"{url}/v1/reconstructions/{file_hash}", headers=wanted).json()
            start = at - told["offset_into_first_range"]
            at = start + told["terms"][0]["unpacked_length"]
            yield start, at


@pytest.mark.parametrize("new", CHANGES.values(), ids=CHANGES)
async def test_a_delta_over_chunks_of_hf_xet(hub: LocalHub, tmp_path: Path, root: Path, new: bytes) -> None:
    versions = tmp_path / "old", tmp_path / "new"
    for path, content in zip(versions, (OLD, new), strict=True):
        path.write_bytes(content)
    xet(hub, tmp_path, UPLOADS, *map(str, versions))
    async with open_container_for(hub, root, delta_storage=hub.storage_endpoint) as container:
        hub.write(REPO, "train.parquet", OLD)
        await container.datasets().download(everything())
        hub.reset()
        hub.write(REPO, "train.parquet", new)
        found = await container.datasets().download(everything())
    assert (found.local_path / "train.parquet").read_bytes() == new
    assert hub.bytes_sent() < len(new) / 4
    assert hub.count(server="storage", status=404) == 0
