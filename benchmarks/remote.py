"""What reading remotely moves: bytes and requests of a count, the first row and a whole pass, over a loopback Hub.

``python benchmarks/remote.py [FILES] [ROWS]``; beside it, `datasets` streaming the same files, where that is installed.
"""

import asyncio
import io
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pyarrow.parquet as pq

from hfsvc import Settings, TrajectorySource, open_container
from hfsvc.testing import LocalHub
from hfsvc.testing.samples import openthoughts_rows, rows_table

REPO = "acme/runs"


def publish(hub: LocalHub, files: int, rows: int) -> int:
    total = 0
    for number in range(files):
        out = io.BytesIO()
        pq.write_table(rows_table(openthoughts_rows(rows, seed=number)), out, row_group_size=rows // 4)
        hub.write(REPO, f"data/train-{number:05}-of-{files:05}.parquet", out.getvalue())
        total += len(out.getvalue())
    return total


async def count(source: TrajectorySource) -> None:
    await source.count()


async def first(source: TrajectorySource) -> None:
    stream = source.stream_rows()
    await anext(stream)
    await stream.aclose()


async def whole(source: TrajectorySource) -> None:
    async for _ in source.stream_rows():
        pass


def show(name: str, hub: LocalHub) -> None:
    moved = hub.bytes_sent() + hub.bytes_sent(server="hub")
    print(f"{name:32} {moved / 1e6:8.2f} MB {len(hub.requests):5} requests")


async def measure(name: str, hub: LocalHub, root: Path, work: Callable[[TrajectorySource], Awaitable[None]]) -> None:
    async with open_container(Settings(root=root, endpoint=hub.endpoint, trust_env=False)) as container:
        hub.reset()
        await work(container.source(REPO, remote=True))
        show(name, hub)


def measure_datasets(hub: LocalHub, cache: Path) -> None:
    os.environ |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(cache)}
    try:
        from datasets import load_dataset
    except ImportError:
        print("datasets is not installed")
        return
    hub.reset()
    next(iter(load_dataset(REPO, split="train", streaming=True)))
    show("datasets: first row", hub)
    hub.reset()
    sum(1 for _ in load_dataset(REPO, split="train", streaming=True))
    show("datasets: a whole pass", hub)


def main() -> None:
    files, rows = map(int, (sys.argv[1:] + ["8", "400"][len(sys.argv) - 1 :])[:2])
    with tempfile.TemporaryDirectory() as folder, LocalHub(Path(folder) / "hub") as hub:
        print(f"{files} files, {publish(hub, files, rows) / 1e6:.1f} MB")
        for name, work in (("count", count), ("first row", first), ("a whole pass", whole)):
            asyncio.run(measure(f"hfsvc: {name}", hub, Path(folder) / "store", work))
        measure_datasets(hub, Path(folder) / "cache")


if __name__ == "__main__":
    main()
