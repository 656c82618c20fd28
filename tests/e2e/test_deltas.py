"""Updates that move only what changed: what is on disk is copied, the rest is fetched, and the hash proves the whole."""

import hashlib
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from hfsvc.containers import Container
from hfsvc.datasets import delta_planner
from hfsvc.hub import xet
from hfsvc.metrics import Counters
from hfsvc.models import Event, FileStarted, FileVerified, Planned, Retried
from hfsvc.protocols import DatasetService
from hfsvc.secret import Secret
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import (
    Corrupt,
    Cut,
    Exchange,
    Fault,
    Gzip,
    HangUp,
    MaskedHashes,
    OtherChunks,
    OtherLengths,
    Redirect,
    Response,
    Stall,
    Status,
    TooManyRequests,
    chunk_storage,
)
from hfsvc.testing.localhub.chunker import cut_into_chunks
from hfsvc.testing.localhub.repos import xet_hash_of

from .. import builders
from ..builders import REPO, KiB, MiB, everything, noise, of_kind, open_container_for, parts_left, run_python, sha256

FILE = "data/train.parquet"
SIZE = 8 * MiB
OLD = noise(SIZE)
FRESH = noise(300 * KiB, 7)
NEW = OLD[: 3 * MiB] + FRESH + OLD[3 * MiB + 5 :]
# Where the stretch between them begins in the old file only a question tells.
TWO_EDITS = OLD[: 2 * MiB] + FRESH + OLD[2 * MiB + 9 : 5 * MiB] + FRESH[::-1] + OLD[5 * MiB + 9 :]
TERMS = "*/reconstructions/*"
CUT: dict[bytes, list[int]] = {}


def cut_once(data: bytes) -> list[int]:
    """As `cut_into_chunks`, which takes longer than all else here, and is asked about the same few contents every time."""
    digest = hashlib.sha256(data).digest()
    if digest not in CUT:
        CUT[digest] = cut_into_chunks(data)
    return CUT[digest]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    monkeypatch.setattr(chunk_storage, "cut_into_chunks", cut_once)
    with LocalHub(tmp_path / "hub", xet=True) as hub:
        hub.write(REPO, FILE, OLD)
        yield hub


@asynccontextmanager
async def at_old(hub: LocalHub, root: Path, **changes: Any) -> AsyncIterator[Container]:
    """A container whose store has the old version; requests are counted from here on."""
    # How the rest is cut into ranges is not looked at here: few requests do.
    settings = {"delta_storage": hub.storage_endpoint, "chunk_bytes": MiB} | changes
    async with open_container_for(hub, root, **settings) as container:
        await container.datasets().download(everything())
        hub.reset()
        yield container


async def update(hub: LocalHub, service: DatasetService, new: bytes = NEW) -> tuple[bytes, list[Event]]:
    hub.write(REPO, FILE, new)
    events: list[Event] = []
    found = await service.download(everything(), on_event=events.append)
    return found.paths[0].read_bytes(), events


def why(events: list[Event]) -> str | None:
    (planned,) = of_kind(events, Planned)
    return planned.plan.files[0].whole_because


# ---- what is moved --------------------------------------------------------------------------------------------------

CHANGES = {
    "append": OLD + FRESH,
    "insert in front": FRESH + OLD,
    "insert in the middle": OLD[: 5 * MiB] + FRESH + OLD[5 * MiB :],
    "delete": OLD[: 5 * MiB] + OLD[6 * MiB :],
    "edit": OLD[: 5 * MiB] + FRESH + OLD[5 * MiB + len(FRESH) :],
    "two edits": TWO_EDITS,
    "cut": OLD[: 6 * MiB],
    "cut in front": OLD[2 * MiB :],
    "swap halves": OLD[4 * MiB :] + OLD[: 4 * MiB],
    "twice": OLD + OLD,
}


@pytest.fixture(autouse=True)
def _transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked, reckoned and copied knows no transport; what depends on one is held over both."""
    transport = getattr(request, "param", "auto")
    monkeypatch.setattr(builders, "TRANSPORT", transport)
    monkeypatch.setenv("HFSVC_TRANSPORT", transport)


over_both = pytest.mark.parametrize("_transport", ["httpx", "auto"], indirect=True)


@pytest.mark.parametrize("new", CHANGES.values(), ids=CHANGES)
async def test_only_what_changed_is_fetched(hub: LocalHub, root: Path, new: bytes) -> None:
    async with at_old(hub, root) as container:
        content, _ = await update(hub, container.datasets(), new)
    assert content == new
    # What is new, with the chunks that it is in, and the one that ends at every cut.
    fresh = 2 * len(FRESH) if new == TWO_EDITS else len(FRESH)
    assert hub.bytes_sent() <= fresh + 4 * 128 * KiB
    assert parts_left(root) == []


@over_both
async def test_a_second_update_starts_from_the_first(hub: LocalHub, root: Path) -> None:
    async with at_old(hub, root) as container:
        await update(hub, container.datasets())
        hub.reset()
        content, _ = await update(hub, container.datasets(), NEW + FRESH[::-1])
    assert content == NEW + FRESH[::-1]
    assert hub.bytes_sent() <= len(FRESH) + 128 * KiB


async def test_shards_that_got_other_numbers_are_versions_of_those_that_go(hub: LocalHub, root: Path) -> None:
    (hub.folder / REPO / FILE).unlink()
    hub.write(REPO, "data/train-00000-of-00001.parquet", OLD)
    async with at_old(hub, root) as container:
        (hub.folder / REPO / "data/train-00000-of-00001.parquet").unlink()
        new = {"train-00000-of-00002.parquet": OLD[: 5 * MiB], "train-00001-of-00002.parquet": OLD[5 * MiB :] + FRESH}
        for name, content in new.items():
            hub.write(REPO, f"data/{name}", content)
        found = await container.datasets().download(everything())
    assert {path.name: path.read_bytes() for path in found.paths} == new
    assert hub.bytes_sent() < MiB
    assert not (root / REPO / "data/train-00000-of-00001.parquet").exists()


A, B = OLD[: 4 * MiB], OLD[4 * MiB :]
MOVES: dict[str, tuple[dict[str, bytes], dict[str, bytes]]] = {
    "another folder": ({"train.parquet": A}, {"data/train.parquet": A + FRESH}),
    "another name": ({"train.parquet": A}, {"all/rows.parquet": FRESH + A}),
    "one shard less": ({"0-of-2.parquet": A, "1-of-2.parquet": B}, {"0-of-1.parquet": A + FRESH + B}),
    "one shard more": (
        {"0-of-2.parquet": A, "1-of-2.parquet": B},
        {"0-of-3.parquet": A[: 2 * MiB], "1-of-3.parquet": A[2 * MiB :] + B[: 2 * MiB], "2-of-3.parquet": B[2 * MiB :]},
    ),
    "rows move on": (
        {"part-0.parquet": A, "part-1.parquet": B},
        {"part-0.parquet": FRESH + A[: 2 * MiB], "part-1.parquet": A[2 * MiB :] + B},
    ),
}


@pytest.mark.parametrize(("old", "new"), MOVES.values(), ids=MOVES)
async def test_rows_that_moved_to_other_files_are_copied(
    hub: LocalHub, root: Path, old: dict[str, bytes], new: dict[str, bytes]
) -> None:
    (hub.folder / REPO / FILE).unlink()
    for path, content in old.items():
        hub.write(REPO, path, content)
    async with at_old(hub, root) as container:
        for path in old:
            (hub.folder / REPO / path).unlink()
        for path, content in new.items():
            hub.write(REPO, path, content)
        found = await container.datasets().download(everything())
    assert {str(path.relative_to(found.local_path)): path.read_bytes() for path in found.paths} == new
    assert hub.bytes_sent() < len(FRESH) + 6 * 128 * KiB


async def test_what_one_of_several_files_has_is_copied_without_the_others(hub: LocalHub, root: Path) -> None:
    old = {"0-of-2.parquet": A, "1-of-2.parquet": B}
    for path, content in old.items():
        hub.write(REPO, path, content)
    async with at_old(hub, root) as container:
        for path in old:
            (hub.folder / REPO / path).unlink()
        hub.write(REPO, "0-of-1.parquet", A + B + FRESH)
        rule = hub.fault(Status(404), server="storage", path=f"*/{xet_hash_of(sha256(B).removeprefix('sha256:'))}")
        found = await container.datasets().download(everything())
    assert found.paths[0].read_bytes() == A + B + FRESH
    assert rule.fired
    assert len(B) <= hub.bytes_sent() < len(B + FRESH) + 2 * 128 * KiB


async def test_shards_of_a_download_copy_from_the_whole_of_before(hub: LocalHub, root: Path) -> None:
    hub.write(REPO, "data/test.parquet", OLD[::-1])
    async with at_old(hub, root) as container:
        service = container.datasets()
        new = {"test.parquet": OLD[::-1] + FRESH, "train.parquet": NEW}
        for name, content in new.items():
            hub.write(REPO, f"data/{name}", content)
        plan = await service.plan(everything(shard=(0, 2)))
        parts = [await service.download(everything(shard=(index, 2))) for index in (0, 1)]
    assert plan.copied_bytes > 7 * MiB
    assert {path.name: path.read_bytes() for path in parts[1].paths} == new
    assert hub.bytes_sent() < 2 * len(FRESH) + 4 * 128 * KiB
    assert parts_left(root) == []


async def test_a_file_that_is_gone_is_no_version_of_itself(hub: LocalHub, root: Path) -> None:
    async with at_old(hub, root) as container:
        (root / REPO / FILE).unlink()
        plan = await container.datasets().plan(everything())
    assert (plan.copied_bytes, plan.fetch_bytes, hub.count(server="storage")) == (0, SIZE, 0)


async def test_what_shares_too_little_is_fetched_whole(hub: LocalHub, root: Path) -> None:
    async with at_old(hub, root) as container:
        content, events = await update(hub, container.datasets(), noise(SIZE, 3) + OLD[: 2 * MiB])
    assert content == noise(SIZE, 3) + OLD[: 2 * MiB]
    assert why(events) == delta_planner.TOO_LITTLE
    assert hub.bytes_sent() == len(content)


# ---- what is told ---------------------------------------------------------------------------------------------------


async def test_plan_update_events_and_metrics_tell_what_is_copied(hub: LocalHub, root: Path) -> None:
    async with at_old(hub, root) as container:
        service = container.datasets()
        hub.write(REPO, FILE, NEW)
        plan = await service.plan(everything())
        found = await service.check_update(REPO)
        assert hub.bytes_sent() == 0
        _, events = await update(hub, service)
        metrics = container.metrics()
    assert isinstance(metrics, Counters)
    (file,) = plan.files
    assert file.delta is not None
    assert file.delta.donors == (FILE,)
    assert file.delta.copied_bytes == file.copied_bytes == plan.copied_bytes == found.copied_bytes > 7 * MiB
    assert plan.fetch_bytes == found.fetch_bytes == hub.bytes_sent() == len(NEW) - plan.copied_bytes
    assert found.kept_bytes == 0
    (started,) = of_kind(events, FileStarted)
    assert started.copied_bytes == plan.copied_bytes == metrics.totals["bytes_copied"]
    assert of_kind(events, Planned)[0].plan.files == plan.files


async def test_the_old_file_stays_readable_until_the_exchange(hub: LocalHub, root: Path) -> None:
    seen: list[bytes] = []

    def look(event: Event) -> None:
        if isinstance(event, FileStarted | FileVerified):
            seen.append((root / REPO / FILE).read_bytes())

    async with at_old(hub, root) as container:
        hub.write(REPO, FILE, NEW)
        found = await container.datasets().download(everything(), on_event=look)
    assert seen == [OLD, OLD]
    assert found.paths[0].read_bytes() == NEW


# ---- whom is asked --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"deltas": False}, delta_planner.TURNED_OFF),
        ({"delta_storage": None}, delta_planner.NOT_ALLOWED),
        ({"delta_storage": "http://127.0.0.1:9"}, delta_planner.NO_ANSWER),
    ],
    ids=["off", "behind a mirror", "another address"],
)
async def test_no_storage_is_asked_that_was_not_allowed(
    hub: LocalHub, root: Path, changes: dict[str, Any], reason: str
) -> None:
    async with at_old(hub, root, **changes) as container:
        content, events = await update(hub, container.datasets())
    assert (content, why(events)) == (NEW, reason)
    assert hub.bytes_sent() == len(NEW)
    assert hub.count(server="storage") == 0


@over_both
async def test_each_server_sees_its_own_token_only(hub: LocalHub, root: Path) -> None:
    async with at_old(hub, root, token=Secret("hf_mine")) as container:
        await update(hub, container.datasets())
    sent = {record.headers.get("authorization", "")[:10] for record in hub.find(server="storage")}
    assert sent == {"Bearer xet"}
    assert {record.headers.get("authorization") for record in hub.find(server="hub")} == {"Bearer hf_mine"}
    assert not [record for record in hub.find(server="cdn") if "authorization" in record.headers]
    assert hub.count(path="*/xet-read-token/*") == 1


async def test_a_token_that_ended_is_renewed(hub: LocalHub, root: Path) -> None:
    hub.fault(Status(401), server="storage", times=1, skip=1)
    async with at_old(hub, root) as container:
        content, _ = await update(hub, container.datasets())
    assert content == NEW
    assert hub.bytes_sent() < MiB
    assert hub.count(path="*/xet-read-token/*") == 2


@dataclass(frozen=True)
class RefusesWith:
    """What the storage does not open for a token it refuses with this status."""

    status: int

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return replace(response, status=self.status) if response.status == 404 else response


@pytest.mark.parametrize(("status", "most_tokens"), [(404, 2), (403, 2), (401, 10)])
async def test_a_token_that_opens_one_commit_only_is_one_of_two(
    hub: LocalHub, root: Path, status: int, most_tokens: int
) -> None:
    hub.storage_tokens.of_one_commit = True
    paths = [f"data/{number}.parquet" for number in range(12)]
    for number, path in enumerate(paths):
        hub.write(REPO, path, OLD[: (2 << 20) + number])
    async with at_old(hub, root) as container:
        hub.fault(RefusesWith(status), server="storage", path=TERMS)
        for path in paths:
            hub.write(REPO, path, (hub.folder / REPO / path).read_bytes() + FRESH)
        found, _ = await update(hub, container.datasets())
    assert found == (hub.folder / REPO / paths[0]).read_bytes()
    assert hub.bytes_sent() < 13 * (len(FRESH) + 128 * KiB)
    assert hub.count(path="*/xet-read-token/*") <= most_tokens


async def test_a_storage_of_the_first_version_is_enough(hub: LocalHub, root: Path) -> None:
    hub.fault(Status(404), server="storage", path="/v2/*")
    async with at_old(hub, root) as container:
        content, _ = await update(hub, container.datasets())
    assert content == NEW
    assert hub.bytes_sent() < MiB
    # The second version is not tried for every question.
    assert hub.count(server="storage", path="/v2/*") == 1


@over_both
async def test_compressed_answers_are_read(hub: LocalHub, root: Path) -> None:
    hub.fault(Gzip(), server="storage")
    async with at_old(hub, root) as container:
        content, _ = await update(hub, container.datasets(), TWO_EDITS)
    assert content == TWO_EDITS
    assert hub.bytes_sent() < MiB


async def test_several_files_at_once_need_one_token(hub: LocalHub, root: Path) -> None:
    paths = [f"data/{number}.parquet" for number in range(10)]
    for number, path in enumerate(paths):
        hub.write(REPO, path, OLD[: (2 << 20) + number])
    async with at_old(hub, root) as container:
        for path in paths:
            hub.write(REPO, path, (hub.folder / REPO / path).read_bytes() + FRESH)
        found = await container.datasets().download(everything())
    assert all(path.read_bytes() == (hub.folder / REPO / "data" / path.name).read_bytes() for path in found.paths)
    assert hub.bytes_sent() < 10 * (len(FRESH) + 128 * KiB)
    assert hub.count(path="*/xet-read-token/*") == 1


async def test_a_large_file_is_asked_about_in_windows(
    hub: LocalHub, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xet, "WINDOW_BYTES", MiB)
    async with at_old(hub, root) as container:
        content, _ = await update(hub, container.datasets(), TWO_EDITS)
    assert content == TWO_EDITS
    assert hub.bytes_sent() < 2 * len(FRESH) + 4 * 128 * KiB
    assert hub.count(server="storage") >= 2 * SIZE // (MiB + 128 * KiB)


# ---- doubt ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Says:
    """A storage that answers with this, whatever is asked."""

    body: bytes

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return replace(response, status=200, body=self.body)


DOUBTS: dict[str, Fault] = {
    "404": Status(404),
    "403": Status(403),
    "401": Status(401),
    "429": TooManyRequests(retry_after="3600"),
    "500": Status(500),
    "redirect": Redirect("http://127.0.0.1:9/"),
    "hangs up": HangUp(),
    "cut": Cut(after=20),
    "other lengths": OtherLengths(),
    "no terms": Says(b"{}"),
    "empty": Says(b'{"terms": []}'),
    "page": Says(b"<html>"),
    "no end": Says(b" " * (17 << 20)),
    "other type": Says(b'{"terms": [{"hash": 1, "unpacked_length": "x", "range": {"start": 0, "end": 1}}]}'),
    "negative": Says(
        b'{"terms": [{"hash": "%b", "unpacked_length": 8388608, "range": {"start": 9, "end": 1}}]}' % (b"a" * 64)
    ),
}


CASES = [(name, skip) for name in DOUBTS for skip in (0, 2) if (name, skip) != ("other lengths", 2)]


@pytest.mark.parametrize(("name", "skip"), CASES)
async def test_any_doubt_means_the_whole_file(hub: LocalHub, root: Path, name: str, skip: int) -> None:
    async with at_old(hub, root) as container:
        rule = hub.fault(DOUBTS[name], server="storage", path=TERMS, skip=skip)
        content, events = await update(hub, container.datasets(), TWO_EDITS)
    assert content == TWO_EDITS
    assert rule.fired
    assert hub.bytes_sent() == len(TWO_EDITS)
    assert why(events) == delta_planner.NO_ANSWER
    assert not of_kind(events, Retried)


@pytest.mark.parametrize(
    "fault", [Status(403), Status(500), Says(b"{}"), Says(b'{"casUrl": "file:///", "accessToken": "x", "exp": 1}')]
)
async def test_no_token_means_the_whole_file(hub: LocalHub, root: Path, fault: Fault) -> None:
    async with at_old(hub, root) as container:
        hub.fault(fault, server="hub", path="*/xet-read-token/*")
        content, events = await update(hub, container.datasets())
    assert content == NEW
    assert (hub.count(server="storage"), why(events)) == (0, delta_planner.NO_ANSWER)


@over_both
async def test_a_storage_that_is_silent_is_not_waited_for(
    hub: LocalHub, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xet, "ANSWER_WITHIN_S", 0.2)
    hub.fault(Stall(), server="storage")
    async with at_old(hub, root) as container:
        content, events = await update(hub, container.datasets())
    assert content == NEW
    assert why(events) == delta_planner.NO_ANSWER


async def test_planning_has_an_end(hub: LocalHub, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta_planner, "PATIENCE_S", 0.0)
    monkeypatch.setattr(delta_planner, "PATIENCE_BYTES_PER_S", 1 << 40)
    hub.fault(Stall(), server="storage")
    async with at_old(hub, root) as container:
        content, events = await update(hub, container.datasets())
    assert (content, why(events)) == (NEW, delta_planner.TOO_SLOW)


async def test_a_hub_that_masks_its_hashes_is_not_asked(hub: LocalHub, root: Path) -> None:
    async with at_old(hub, root) as container:
        hub.fault(MaskedHashes(), server="hub", path="*/tree/*")
        content, events = await update(hub, container.datasets())
    assert (content, why(events), hub.count(server="storage")) == (NEW, delta_planner.NOT_KNOWN, 0)


# ---- what is copied turns out wrong ---------------------------------------------------------------------------------


async def test_copies_that_a_lie_led_to_are_fetched_once(hub: LocalHub, root: Path) -> None:
    new_hash = xet_hash_of(sha256(NEW).removeprefix("sha256:"))
    async with at_old(hub, root) as container:
        hub.fault(OtherChunks(), server="storage", path=f"*/{new_hash}")
        content, events = await update(hub, container.datasets())
    assert content == NEW
    assert of_kind(events, Planned)[0].plan.copied_bytes
    assert hub.bytes_sent() == len(NEW)
    assert len(of_kind(events, Retried)) == 1


async def test_copies_after_a_lie_about_one_chunk_are_fetched_once(hub: LocalHub, root: Path) -> None:
    async with at_old(hub, root) as container:
        hub.fault(OtherLengths(by=-1), server="storage", path=TERMS, skip=2)
        content, events = await update(hub, container.datasets(), TWO_EDITS)
    assert content == TWO_EDITS
    assert hub.bytes_sent() == len(TWO_EDITS)
    assert of_kind(events, Planned)[0].plan.copied_bytes
    assert len(of_kind(events, Retried)) == 1


async def test_copies_of_a_damaged_file_are_fetched_once(hub: LocalHub, root: Path) -> None:
    async with at_old(hub, root) as container:
        with (root / REPO / FILE).open("r+b") as file:
            file.seek(MiB)
            file.write(b"damaged")
        content, events = await update(hub, container.datasets())
    assert content == NEW
    assert hub.bytes_sent() == len(NEW)
    assert [each.reason for each in of_kind(events, Retried)] == ["its content was not what the Hub lists"]


async def test_wrong_bytes_beside_copies_are_found_too(hub: LocalHub, root: Path) -> None:
    async with at_old(hub, root) as container:
        hub.fault(Corrupt(at=3 * MiB + 100), server="cdn", times=1, covering=3 * MiB + 100)
        content, events = await update(hub, container.datasets())
    assert content == NEW
    assert len(of_kind(events, Retried)) == 2
    assert parts_left(root) == []


@pytest.mark.parametrize("left", [0, 2 * MiB], ids=["gone", "cut"])
async def test_what_cannot_be_copied_is_fetched(hub: LocalHub, root: Path, left: int) -> None:
    def cut(event: Event) -> None:
        if isinstance(event, Planned):
            path = root / REPO / FILE
            path.write_bytes(OLD[:left]) if left else path.unlink()

    async with at_old(hub, root) as container:
        hub.write(REPO, FILE, NEW)
        found = await container.datasets().download(everything(), on_event=cut)
    assert found.paths[0].read_bytes() == NEW
    assert len(NEW) - left <= hub.bytes_sent() <= len(NEW)


# ---- interruptions --------------------------------------------------------------------------------------------------

DIES_WHILE_COPYING = """
import asyncio, os, signal, sys
from hfsvc.containers import open_container
from hfsvc.models import BytesReceived, DatasetRequest
from hfsvc.settings import Settings

async def main(endpoint, root, storage):
    def die(event):
        if isinstance(event, BytesReceived) and event.received:
            os.kill(os.getpid(), signal.SIGKILL)
    settings = Settings(endpoint=endpoint, root=root, delta_storage=storage, trust_env=False)
    async with open_container(settings) as container:
        await container.datasets().download(DatasetRequest(repo="acme/notes", include=("**",)), on_event=die)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills processes")
@over_both
async def test_copying_that_was_killed_goes_on(hub: LocalHub, root: Path) -> None:
    async with at_old(hub, root) as container:
        hub.write(REPO, FILE, NEW)
        # So that nothing but copies comes in.
        rule = hub.fault(Stall(), server="cdn")
        child = run_python(DIES_WHILE_COPYING, hub.endpoint, str(root), hub.storage_endpoint)
        _, errors = child.communicate(timeout=50)
        assert child.returncode == -signal.SIGKILL, errors
        hub.clear_faults()
        hub.release()
        assert rule.fired <= 1
        hub.reset()
        plan = await container.datasets().plan(everything())
        content, events = await update(hub, container.datasets())
    assert content == NEW
    (started,) = of_kind(events, FileStarted)
    assert started.kept_bytes == plan.kept_bytes >= MiB
    assert started.kept_bytes + started.copied_bytes + hub.bytes_sent() == len(NEW)
    assert plan.fetch_bytes == hub.bytes_sent() < MiB
