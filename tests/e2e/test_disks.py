"""Disks and stores in a bad state: a clear error, and nothing destroyed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest

from hfsvc.errors import DamagedIndex, HfsvcError, NoSpace, StoreLocked, StoreNotWritable, UnsafePath
from hfsvc.protocols import DatasetService
from hfsvc.store.directories import parts_folder
from hfsvc.testing import LocalHub

from ..builders import REPO, MiB, everything, files_below, noise, open_service, read_index, run_python

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and limits of POSIX")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious.txt").write_bytes(b"precious")
    return folder


# ---- disks that do not tell ---------------------------------------------------------------------------------------------


async def test_a_disk_that_tells_0_of_0_bytes_is_written_to(
    local_hub: LocalHub, service: DatasetService, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_hub.write(REPO, "a.parquet", noise(100_000))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: (0, 0, 0))
    assert (await service.plan(everything())).free_bytes is None
    assert (await service.download(everything())).files == ("a.parquet",)


# ---- links -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["acme", "acme/notes", "acme/notes/sub", "acme/notes/sub/deep"])
async def test_nothing_is_written_through_a_symlink_that_leaves_the_store(
    local_hub: LocalHub, service: DatasetService, root: Path, outside: Path, place: str
) -> None:
    local_hub.write(REPO, "sub/deep/a.parquet", b"a")
    (root / place).parent.mkdir(parents=True)
    (root / place).symlink_to(outside)
    with pytest.raises(UnsafePath):
        await service.download(everything())
    assert files_below(outside) == {"precious.txt": b"precious"}


@pytest.mark.parametrize("place", ["acme", "acme/notes", "acme/notes/sub"])
async def test_nothing_is_deleted_through_a_symlink_that_leaves_the_store(
    local_hub: LocalHub, service: DatasetService, root: Path, outside: Path, place: str
) -> None:
    local_hub.write(REPO, "sub/a.parquet", b"a")
    await service.download(everything())
    shutil.move(root / place, outside / "moved")
    (root / place).symlink_to(outside / "moved")
    before = files_below(outside)
    with pytest.raises(UnsafePath):
        await service.delete(REPO)
    assert files_below(outside) == before


async def test_a_refused_deletion_forgets_nothing(
    local_hub: LocalHub, service: DatasetService, root: Path, outside: Path
) -> None:
    local_hub.write(REPO, "sub/a.parquet", b"a")
    await service.download(everything())
    shutil.move(root / REPO / "sub", outside / "moved")
    (root / REPO / "sub").symlink_to(outside / "moved")
    with pytest.raises(UnsafePath):
        await service.delete(REPO)
    assert REPO in read_index(root)["datasets"]


async def test_a_file_that_is_a_symlink_is_replaced_and_its_target_left(
    local_hub: LocalHub, service: DatasetService, root: Path, outside: Path
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    (root / REPO).mkdir(parents=True)
    (root / REPO / "a.parquet").symlink_to(outside / "precious.txt")
    found = await service.download(everything())
    assert not found.paths[0].is_symlink()
    assert (outside / "precious.txt").read_bytes() == b"precious"


async def test_a_root_that_is_a_symlink_is_used(local_hub: LocalHub, root: Path, outside: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    root.symlink_to(outside)
    async with open_service(local_hub, root) as service:
        found = await service.download(everything())
    assert found.local_path == root / REPO
    assert (outside / REPO / "a.parquet").read_bytes() == b"a"


async def test_a_folder_where_a_file_belongs_is_refused_and_left(
    local_hub: LocalHub, service: DatasetService, root: Path
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    (root / REPO / "a.parquet").mkdir(parents=True)
    (root / REPO / "a.parquet" / "mine.txt").write_bytes(b"mine")
    with pytest.raises(UnsafePath):
        await service.download(everything())
    assert (root / REPO / "a.parquet" / "mine.txt").read_bytes() == b"mine"


# ---- what cannot be written ------------------------------------------------------------------------------------------


async def test_a_root_below_a_file_cannot_be_written(local_hub: LocalHub, tmp_path: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    (tmp_path / "file").write_bytes(b"file")
    async with open_service(local_hub, tmp_path / "file" / "store") as service:
        assert await service.list_downloaded() == []
        with pytest.raises(StoreNotWritable):
            await service.download(everything())
    assert (tmp_path / "file").read_bytes() == b"file"


async def test_a_file_in_place_of_the_datasets_folder_is_refused(
    local_hub: LocalHub, service: DatasetService, root: Path
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    root.mkdir()
    (root / "acme").write_bytes(b"mine")
    with pytest.raises((StoreNotWritable, UnsafePath)):
        await service.download(everything())
    assert (root / "acme").read_bytes() == b"mine"


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    folders: list[Path] = []

    def mount(options: str, name: str = "mounted") -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("cannot mount a tmpfs here")
        folders.append(folder)
        return folder

    yield mount
    for folder in folders:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("place", ["store/acme", "store/acme/notes", "store/acme/notes/data"])
async def test_another_disk_below_the_root_is_refused_before_the_first_byte(
    local_hub: LocalHub, tmp_path: Path, mounted: Callable[..., Path], place: str
) -> None:
    folder = mounted("size=9m", place)
    local_hub.write(REPO, "data/a.parquet", noise(MiB))
    async with open_service(local_hub, tmp_path / "store") as service:
        with pytest.raises(StoreNotWritable, match="another disk") as caught:
            await service.download(everything())
    assert caught.value.path == str(folder)
    assert local_hub.bytes_sent() == 0


async def test_a_disk_without_room_is_refused_with_the_numbers(
    local_hub: LocalHub, mounted: Callable[[str], Path]
) -> None:
    folder = mounted("size=1m")
    local_hub.write(REPO, "big.parquet", noise(3 * MiB))
    async with open_service(local_hub, folder) as service:
        with pytest.raises(NoSpace) as caught:
            await service.download(everything())
    assert caught.value.needed == 3 * MiB
    assert 0 < (caught.value.free or 0) <= MiB
    assert local_hub.bytes_sent() == 0


async def test_a_disk_that_fills_up_on_the_way_ends_the_download_and_keeps_what_came(
    local_hub: LocalHub, mounted: Callable[[str], Path]
) -> None:
    folder = mounted("size=4m")
    content = noise(3 * MiB)
    local_hub.write(REPO, "big.parquet", content)
    async with open_service(local_hub, folder) as service:

        def fill(_: object) -> None:
            if not (folder / "filler").exists():
                (folder / "filler").write_bytes(bytes(5 * MiB // 2))

        with pytest.raises(NoSpace) as caught:
            await service.download(everything(), on_event=fill)
        # What has landed needs no room any more.
        assert MiB < caught.value.needed < 3 * MiB
        assert str(folder) in str(caught.value)
        assert await service.get_download_info(REPO) is None
        (folder / "filler").unlink()
        found = await service.download(everything())
    assert files_below(found.local_path) == {"big.parquet": content}
    assert local_hub.bytes_sent() < 2 * len(content)


async def test_a_read_only_root_is_told_and_read(local_hub: LocalHub, mounted: Callable[[str], Path]) -> None:
    folder = mounted("size=4m")
    local_hub.write(REPO, "a.parquet", b"a")
    async with open_service(local_hub, folder) as service:
        found = await service.download(everything())
        await anyio.run_process(["mount", "-o", "remount,ro", str(folder)])
        assert await service.get_download_info(REPO) == found
        assert await service.is_downloaded(REPO)
        with pytest.raises(StoreNotWritable):
            await service.delete(REPO)
        local_hub.write(REPO, "a.parquet", b"b")
        with pytest.raises(StoreNotWritable):
            await service.download(everything())
    assert files_below(folder / REPO) == {"a.parquet": b"a"}


LIMITED = """
import asyncio, resource, sys
from pathlib import Path
from hfsvc.containers import open_container
from hfsvc.errors import HfsvcError
from hfsvc.models import DatasetRequest
from hfsvc.settings import Settings

async def main():
    settings = Settings(endpoint=sys.argv[1], root=Path(sys.argv[2]), trust_env=False)
    async with open_container(settings) as container:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        try:
            await container.datasets().download(DatasetRequest(repo="acme/notes", include=("**",)))
        except HfsvcError as error:
            print(error.code)

asyncio.run(main())
"""


async def test_a_file_larger_than_the_system_allows_is_not_writable(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "big.parquet", noise(3 * MiB))
    child = run_python(LIMITED, local_hub.endpoint, str(root))
    out, words = await anyio.to_thread.run_sync(child.communicate)
    assert out == "store_not_writable\n", words


# ---- the index -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"version": 1}',
        b'{"version": 2, "updatedAt": "2026-01-01T00:00:00Z", "datasets": {"a/b": {}}}',
        b"\xff\xfe",
        b"\x00" * 100,
    ],
)
async def test_a_damaged_index_is_told_and_left_as_it_is(
    local_hub: LocalHub, service: DatasetService, root: Path, content: bytes
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    root.mkdir()
    (root / "index.json").write_bytes(content)
    for call in (service.download(everything()), service.list_downloaded(), service.delete(REPO), service.verify(REPO)):
        with pytest.raises(DamagedIndex):
            await call
    assert (root / "index.json").read_bytes() == content


@pytest.mark.parametrize("version", [0, 2, 99])
async def test_an_index_of_another_version_is_left_as_it_is(
    local_hub: LocalHub, service: DatasetService, root: Path, version: int
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    await service.download(everything())
    document = read_index(root) | {"version": version}
    (root / "index.json").write_text(json.dumps(document))
    with pytest.raises(DamagedIndex):
        await service.download(everything())
    assert read_index(root) == document


async def test_an_empty_index_of_another_version_is_left_as_it_is(
    local_hub: LocalHub, service: DatasetService, root: Path
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    root.mkdir()
    document = {"version": 2, "updatedAt": "2026-01-01T00:00:00Z", "datasets": {}}
    (root / "index.json").write_text(json.dumps(document))
    with pytest.raises(DamagedIndex):
        await service.download(everything())
    assert read_index(root) == document


@pytest.mark.parametrize("place", ["../../precious.txt", "/etc/passwd", "a/../../x"])
async def test_an_index_that_names_a_file_outside_deletes_nothing(
    local_hub: LocalHub, service: DatasetService, root: Path, outside: Path, place: str
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    await service.download(everything())
    text = (root / "index.json").read_text().replace('"a.parquet"', json.dumps(place))
    (root / "index.json").write_text(text)
    with pytest.raises(DamagedIndex):
        await service.delete(REPO)
    assert files_below(outside) == {"precious.txt": b"precious"}


async def test_a_folder_in_place_of_the_index_is_an_error_of_ours(
    local_hub: LocalHub, service: DatasetService, root: Path
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    (root / "index.json").mkdir(parents=True)
    with pytest.raises(HfsvcError) as caught:
        await service.download(everything())
    assert caught.value.exit_code == 7


async def test_a_file_in_place_of_the_parts_is_an_error_of_ours(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    async with open_service(local_hub, root) as service:
        await service.download(everything())
        parts = parts_folder(root, REPO)
        shutil.rmtree(parts, ignore_errors=True)
        parts.write_text("in the way")
        with pytest.raises(StoreNotWritable):
            await service.download(everything())


async def test_the_index_names_the_folder_relative_to_the_root(
    local_hub: LocalHub, service: DatasetService, root: Path, tmp_path: Path
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    await service.download(everything())
    assert read_index(root)["datasets"][REPO]["localPath"] == REPO
    shutil.move(root, tmp_path / "moved")
    async with open_service(local_hub, tmp_path / "moved") as moved:
        assert await moved.get_local_path(REPO) == tmp_path / "moved" / REPO
        assert await moved.is_downloaded(REPO)


async def test_what_the_store_keeps_for_itself_may_be_deleted(
    local_hub: LocalHub, service: DatasetService, root: Path
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    found = await service.download(everything())
    shutil.rmtree(root / ".hfsvc")
    local_hub.reset()
    assert await service.download(everything()) == found
    assert local_hub.count() == 1


RECORD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from hfsvc.store.index import StoreIndex, IndexEntry

catalog = StoreIndex(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    repo = f"acme/{sys.argv[2]}{number}"
    catalog.record(IndexEntry(repo=repo, local_path=repo, files=(), total_bytes=0, downloaded_at=datetime.now(UTC),
                         revision="main", commit="0" * 40, checksums={}, sizes={}))
"""


def test_concurrent_writers_lose_no_entry(root: Path) -> None:
    writers = [run_python(RECORD, str(root), name, "15") for name in "abcd"]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.wait() for writer in writers] == [0] * 4
    for writer in writers:
        writer.communicate()
    assert len(read_index(root)["datasets"]) == 60


# ---- locks -----------------------------------------------------------------------------------------------------------

HOLD = """
import filelock, sys
with filelock.FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


async def test_a_dataset_locked_for_too_long_by_another_process_is_told(local_hub: LocalHub, root: Path) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    async with open_service(local_hub, root, lock_timeout_s=0.1) as service:
        await service.download(everything())
        (lock,) = [path for path in (root / ".hfsvc" / "locks").iterdir() if path.name != "index.lock"]
        holder = run_python(HOLD, str(lock))
        assert holder.stdout
        assert await anyio.to_thread.run_sync(holder.stdout.readline) == "held\n"
        with pytest.raises(StoreLocked) as caught:
            await service.verify(REPO)
        # What is here can be read, and asked for again, all the same.
        assert (await service.download(everything())).files == ("a.parquet",)
        holder.communicate("\n")
        assert (await service.verify(REPO)).ok
    assert caught.value.repo == REPO
    assert os.path.lexists(lock)
