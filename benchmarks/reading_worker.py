"""One way of reading a dataset, run as a process of its own: ``reading_worker.py HOW FILE ROOT``."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hfsvc import Container
    from hfsvc.models import Style

REPO = "acme/bench"


async def hfsvc(root: Path, how: str) -> None:
    from hfsvc import Settings, open_container

    async with open_container(Settings(root=root, offline=True)) as container:
        if how == "start":
            # What reads rows is imported by the first of them.
            await container.source(REPO).get_trajectory(0)
            return
        if how == "rows":
            await single_rows(container)
            return
        steps = 0
        style: Style = "structured" if how == "structured" else "messages"
        async for trajectory in container.source(REPO, style=style).stream_trajectories():
            steps += len(trajectory.steps)


async def single_rows(container: "Container") -> None:
    import pyarrow.parquet  # noqa: F401

    count = await container.source(REPO).count()
    timings: dict[str, list[float]] = {"cold": [], "warm": [], "first page": [], "page": [], "search": []}
    moved = timings["MB that a cold row reads"] = []

    async def timed(name: str, work: Awaitable[object]) -> None:
        begin = time.perf_counter()
        await work
        timings[name].append((time.perf_counter() - begin) * 1000)

    for number in range(5):
        before = bytes_read()
        await timed("cold", container.source(REPO).get_trajectory(count * number // 5))
        moved.append((bytes_read() - before) / 1e6)
    source = container.source(REPO)
    rows = [count * number // 50 for number in range(50)]
    for _ in range(2):
        for row in rows:
            await source.get_trajectory(row)
    for row in rows:
        await timed("warm", source.get_trajectory(row + 1))
    await timed("first page", source.list_summaries(0, 100))
    for number in range(20):
        await timed("page", source.list_summaries(count * number // 20, 100))
        await timed("search", source.list_summaries(0, 100, f"task_{number}"))
    timings["longest block of the event loop while streaming"] = [await longest_block(container)]
    print(json.dumps(timings))


def bytes_read() -> int:
    """Bytes that this process has read so far, from disk or from what the system holds of it."""
    first = Path("/proc/self/io").read_text().split("\n")[0]
    return int(first.removeprefix("rchar: "))


async def longest_block(container: "Container") -> float:
    """Milliseconds that a task which wanted to run every millisecond had to wait at most."""
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(0.001)
            gaps.append((time.perf_counter() - begin) * 1000 - 1)

    ticking = asyncio.create_task(tick())
    async for _ in container.source(REPO).stream_trajectories():
        pass
    ticking.cancel()
    return max(gaps)


def pyarrow(file: str, how: str) -> None:
    import pyarrow.parquet as pq

    if how == "start":
        pq.ParquetFile(file, pre_buffer=False).close()
        return
    with pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20) as parquet:
        for _ in parquet.iter_batches(64, use_threads=False):
            pass


def datasets(file: str, how: str) -> None:
    import datasets

    if how == "start":
        return
    for _ in datasets.load_dataset("parquet", data_files=file, split="train", streaming=True):
        pass


def main() -> None:
    how, file, root = sys.argv[1:]
    reader, _, what = how.partition("-")
    if reader == "hfsvc":
        asyncio.run(hfsvc(Path(root), what))
    else:
        {"pyarrow": pyarrow, "datasets": datasets}[reader](file, what)


if __name__ == "__main__":
    main()
