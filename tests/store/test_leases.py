"""Leases between real processes, some of them stopped past their deadline."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from hfsvc.errors import LeaseExpired
from hfsvc.store import leases
from hfsvc.store.leases import LeaseLock
from hfsvc.store.process_locks import ProcessLocks, exclude_each_other, wait_for
from hfsvc.testing import LocalHub

from ..builders import REPO, KiB, everything, files_below, noise, open_container_for, parts_left, read_index, run_python

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="stops processes")

SHORT_S = 1.0
# Takes a lease, says so, and checks it whenever it is told to.
HOLDER = """
import sys
from pathlib import Path
from hfsvc.errors import LeaseExpired
from hfsvc.store.leases import LeaseLock

lock = LeaseLock(Path(sys.argv[1]), float(sys.argv[2]), "acme/notes")
assert lock.try_acquire()
print("held", flush=True)
for line in sys.stdin:
    if line == "release\\n":
        lock.release()
        print("released", flush=True)
        continue
    try:
        lock.check()
    except LeaseExpired:
        print("lost", flush=True)
    else:
        print("mine", flush=True)
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes, and ends what is left of them."""
    started: list[subprocess.Popen[str]] = []

    def run(code: str, *arguments: str) -> "subprocess.Popen[str]":
        started.append(run_python(code, *arguments))
        return started[-1]

    yield run
    for each in started:
        each.kill()
        each.communicate()


def ask(process: "subprocess.Popen[str]", word: str = "check") -> str:
    assert process.stdin
    process.stdin.write(f"{word}\n")
    process.stdin.flush()
    return answer(process)


def answer(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def stop(process: "subprocess.Popen[str]") -> None:
    os.kill(process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


def go_on(process: "subprocess.Popen[str]") -> None:
    os.kill(process.pid, signal.SIGCONT)


def test_a_lease_has_one_holder_who_renews_it(tmp_path: Path, start: Start) -> None:
    holder = start(HOLDER, str(tmp_path / "x.lease"), str(SHORT_S))
    assert answer(holder) == "held"
    other = LeaseLock(tmp_path / "x.lease", SHORT_S, "acme/notes")
    until = time.monotonic() + 4 * SHORT_S
    while time.monotonic() < until:
        assert not other.try_acquire()
    assert ask(holder) == "mine"
    assert ask(holder, "release") == "released"
    assert other.try_acquire()
    other.check()
    other.release()


def test_a_holder_that_is_killed_is_waited_for_as_long_as_its_lease_lasts(tmp_path: Path, start: Start) -> None:
    holder = start(HOLDER, str(tmp_path / "x.lease"), str(SHORT_S))
    assert answer(holder) == "held"
    holder.kill()
    holder.wait()
    other = LeaseLock(tmp_path / "x.lease", SHORT_S, "acme/notes")
    assert not other.try_acquire()
    wait_for(other)
    other.check()
    other.release()


def test_a_holder_that_was_stopped_past_its_deadline_loses_its_turn(tmp_path: Path, start: Start) -> None:
    holder = start(HOLDER, str(tmp_path / "x.lease"), str(SHORT_S))
    assert answer(holder) == "held"
    stop(holder)
    other = LeaseLock(tmp_path / "x.lease", SHORT_S, "acme/notes")
    wait_for(other)
    go_on(holder)
    assert ask(holder) == "lost"
    other.check()
    # What it gives back is not the other one's.
    assert ask(holder, "release") == "released"
    other.check()
    other.release()


def test_a_holder_that_was_stopped_loses_its_turn_also_where_nobody_took_it(tmp_path: Path, start: Start) -> None:
    holder = start(HOLDER, str(tmp_path / "x.lease"), str(SHORT_S))
    assert answer(holder) == "held"
    stop(holder)
    watcher = LeaseLock(tmp_path / "y.lease", SHORT_S, "")
    begun = leases._elapsed()
    while leases._elapsed() - begun < SHORT_S:
        watcher.try_acquire()
    go_on(holder)
    assert ask(holder) == "lost"
    watcher.release()


def test_the_clocks_of_hosts_need_not_agree(tmp_path: Path, start: Start) -> None:
    holder = start(HOLDER, str(tmp_path / "x.lease"), "60")
    assert answer(holder) == "held"
    (file,) = (tmp_path / "x.lease").iterdir()
    told = json.loads(file.read_bytes())
    assert told["host"]
    assert told["process"] == holder.pid
    # A host whose clock is some seconds behind writes deadlines that are over already.
    file.write_text(json.dumps(told | {"deadline": time.time() - 10}))
    assert not LeaseLock(tmp_path / "x.lease", SHORT_S, "").try_acquire()
    # What ended long ago by any clock is not waited for.
    file.write_text(json.dumps(told | {"deadline": time.time() - 2 * leases.CLOCK_SKEW_S}))
    other = LeaseLock(tmp_path / "x.lease", SHORT_S, "")
    assert other.try_acquire()
    assert ask(holder) == "lost"
    other.release()


COUNTER = """
import sys
from pathlib import Path
from hfsvc.store.leases import LeaseLock
from hfsvc.store.process_locks import wait_for

folder, number = Path(sys.argv[1]), Path(sys.argv[2])
for _ in range(int(sys.argv[3])):
    lock = LeaseLock(folder, 30, "")
    wait_for(lock)
    number.write_text(str(int(number.read_text()) + 1))
    lock.release()
"""


def test_processes_that_take_turns_a_hundred_times_each_never_meet(tmp_path: Path, start: Start) -> None:
    number = tmp_path / "number"
    number.write_text("0")
    counters = [start(COUNTER, str(tmp_path / "x.lease"), str(number), "50") for _ in range(3)]
    for each in counters:
        _, words = each.communicate()
        assert each.returncode == 0, words
    assert number.read_text() == "150"
    assert len(list((tmp_path / "x.lease").iterdir())) == 1


# ---- which kind ------------------------------------------------------------------------------------------------------


def test_locks_of_a_disk_of_this_machine_exclude(tmp_path: Path) -> None:
    assert exclude_each_other(tmp_path)
    assert list(tmp_path.iterdir()) == []


FLOCK_LIES = """
import fcntl, sys
from pathlib import Path
fcntl.flock = lambda *_: None
from hfsvc.store.process_locks import ProcessLocks
print(type(ProcessLocks("auto").make(Path(sys.argv[1]) / "x.lock", "")).__name__)
"""


def test_auto_takes_leases_where_locks_do_not_exclude_and_everyone_the_same(tmp_path: Path, start: Start) -> None:
    blind = start(FLOCK_LIES, str(tmp_path))
    assert answer(blind) == "LeaseLock"
    # What was found first holds for all.
    assert isinstance(ProcessLocks("auto", SHORT_S).make(tmp_path / "x.lock", ""), LeaseLock)
    other = tmp_path / "other"
    other.mkdir()
    assert not isinstance(ProcessLocks("auto", SHORT_S).make(other / "x.lock", ""), LeaseLock)


# ---- a store with leases ---------------------------------------------------------------------------------------------

DOWNLOAD = """
import asyncio, sys
from hfsvc.containers import open_container
from hfsvc.errors import HfsvcError
from hfsvc.models import BytesReceived, DatasetRequest
from hfsvc.settings import Settings

endpoint, root, lease_s, limit = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])

def tell(event):
    if isinstance(event, BytesReceived) and event.received:
        print("received", flush=True)

async def main():
    settings = Settings(endpoint=endpoint, root=root, trust_env=False, locks="lease", lease_s=lease_s,
                        chunk_bytes=64 << 10, bandwidth_limit=limit or None)
    async with open_container(settings) as container:
        await container.datasets().download(DatasetRequest("acme/notes", include="**"), on_event=tell)

try:
    asyncio.run(main())
except HfsvcError as error:
    print(error.code, flush=True)
    sys.exit(error.exit_code)
"""


async def test_a_download_that_was_stopped_past_its_deadline_ends_without_harm(
    local_hub: LocalHub, root: Path, start: Start
) -> None:
    old = {f"{name}.parquet": noise(100 * KiB, number) for number, name in enumerate("abcdef")}
    for path, content in old.items():
        local_hub.write(REPO, path, content)
    slow = start(DOWNLOAD, local_hub.endpoint, str(root), str(SHORT_S), str(200 * KiB))
    assert await anyio.to_thread.run_sync(answer, slow) == "received"
    stop(slow)
    new = old | {"a.parquet": noise(50 * KiB, 77), "g.parquet": b"g"}
    for path, content in new.items():
        local_hub.write(REPO, path, content)
    local_hub.refresh(REPO)
    quick = start(DOWNLOAD, local_hub.endpoint, str(root), str(SHORT_S), "0")
    _, words = await anyio.to_thread.run_sync(quick.communicate)
    assert quick.returncode == 0, words
    assert files_below(root / REPO) == new
    go_on(slow)
    out, words = await anyio.to_thread.run_sync(slow.communicate)
    assert slow.returncode == 7, words
    assert out.splitlines()[-1] == "lease_expired"
    assert files_below(root / REPO) == new
    assert parts_left(root) == []
    async with open_container_for(local_hub, root, locks="lease", lease_s=SHORT_S) as container:
        assert (await container.datasets().verify(REPO)).ok


async def test_a_store_with_leases_does_what_one_with_locks_does(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", noise(2000 * KiB))
    async with open_container_for(local_hub, root, locks="lease") as container:
        service = container.datasets()
        await service.download(everything())
        local_hub.write(REPO, "a.parquet", b"a")
        local_hub.refresh(REPO)
        await service.download(everything())
        for index in range(2):
            await service.download(everything(shard=(index, 2), force=True))
        assert (await service.verify(REPO, repair=True)).ok
        await service.delete(REPO)
    assert files_below(root) == {}
    assert read_index(root)["datasets"] == {}
    assert {path.suffix for path in (root / ".hfsvc/locks").iterdir()} == {".lease"}


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from hfsvc.store.index import IndexEntry, StoreIndex
from hfsvc.store.process_locks import ProcessLocks

index = StoreIndex(Path(sys.argv[1]), locks=ProcessLocks("lease", 60))
for number in range(int(sys.argv[3])):
    repo = f"acme/{sys.argv[2]}{number}"
    index.record(IndexEntry(repo=repo, local_path=repo, files=(), total_bytes=0, downloaded_at=datetime.now(UTC),
                            revision="main", commit="0" * 40, checksums={}, sizes={}))
"""


def test_writers_of_one_index_lose_no_entry(root: Path, start: Start) -> None:
    writers = [start(WRITER, str(root), name, "100") for name in "ab"]
    for each in writers:
        _, words = each.communicate()
        assert each.returncode == 0, words
    assert len(read_index(root)["datasets"]) == 200


STOPPED_WRITER = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from hfsvc.store import index
from hfsvc.store.process_locks import ProcessLocks

def stop_before_the_rename(path, content, *, before_rename):
    index.write_whole = write_whole
    os.kill(os.getpid(), signal.SIGSTOP)
    write_whole(path, content, before_rename=before_rename)

write_whole, index.write_whole = index.write_whole, stop_before_the_rename
catalog = index.StoreIndex(Path(sys.argv[1]), locks=ProcessLocks("lease", float(sys.argv[2])))
catalog.record(index.IndexEntry(repo="acme/late", local_path="acme/late", files=(), total_bytes=0,
               downloaded_at=datetime.now(UTC), revision="main", commit="0" * 40, checksums={}, sizes={}))
"""


def test_a_writer_that_was_stopped_between_reading_and_writing_reads_again(root: Path, start: Start) -> None:
    late = start(STOPPED_WRITER, str(root), str(SHORT_S))
    os.waitid(os.P_PID, late.pid, os.WSTOPPED | os.WNOWAIT)
    others = start(WRITER, str(root), "x", "3")
    _, words = others.communicate()
    assert others.returncode == 0, words
    go_on(late)
    _, words = late.communicate()
    assert late.returncode == 0, words
    assert sorted(read_index(root)["datasets"]) == ["acme/late", "acme/x0", "acme/x1", "acme/x2"]


async def test_who_loses_its_turn_while_it_works_hears_so_and_changes_nothing(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    async with open_container_for(local_hub, root, locks="lease", lease_s=60) as container:
        store = container.store()
        await container.datasets().download(everything())
        (entry,) = (await store.entries()).values()

        async def remove_what_is_another_ones() -> None:
            async with store.hold(REPO):
                (folder,) = (root / ".hfsvc/locks").glob("dataset-*.lease")
                mine = max(int(path.name) for path in folder.iterdir())
                (folder / str(mine + 1)).write_bytes(b"")
                await store.remove(entry)

        with pytest.raises(LeaseExpired, match="acme/notes"):
            await remove_what_is_another_ones()
        assert files_below(root / REPO) == {"a.parquet": b"a"}
        assert [*read_index(root)["datasets"]] == [REPO]
