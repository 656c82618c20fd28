"""Files are hashed beside their streams: no range waits for the hash."""

from collections.abc import Sequence
from pathlib import Path
from threading import Event

import anyio
import pytest

from hfsvc.testing import LocalHub
from hfsvc.transfer.part_file import PartFile
from hfsvc.transfer.recent_blocks import FileBlock

from ..builders import REPO, MiB, everything, files_below, noise, open_service, parts_left

CONTENT = noise(20 * MiB)


def landed(root: Path) -> int:
    """Bytes that the journal names."""
    journals = [path.read_text() for path in parts_left(root) if path.suffix == ".journal"]
    extents = [line.split() for journal in journals for line in journal.splitlines()[1:]]
    return sum(int(stop) - int(start) for start, stop, *_ in extents)


async def test_all_ranges_land_while_the_hasher_is_held_up(
    local_hub: LocalHub, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on, all_landed, real_hash, real_write = Event(), Event(), PartFile.hash, PartFile.write

    def hash_later(file: PartFile, blocks: Sequence[FileBlock]) -> None:
        assert may_go_on.wait(50)
        real_hash(file, blocks)

    def write(file: PartFile, offset: int, data: Sequence[bytes]) -> object:
        written = real_write(file, offset, data)
        if landed(root) == len(CONTENT):
            all_landed.set()
        return written

    monkeypatch.setattr(PartFile, "hash", hash_later)
    monkeypatch.setattr(PartFile, "write", write)
    local_hub.write(REPO, "big.parquet", CONTENT)
    found: list[Path] = []

    async with open_service(local_hub, root) as service, anyio.create_task_group() as group:

        async def download() -> None:
            found.append((await service.download(everything())).local_path)

        group.start_soon(download)
        assert await anyio.to_thread.run_sync(all_landed.wait, 50)
        assert found == []
        may_go_on.set()
    assert files_below(found[0]) == {"big.parquet": CONTENT}
