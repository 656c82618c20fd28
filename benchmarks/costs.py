"""What a download costs beside its time: ``python -m benchmarks.costs``.

Requests to the Hub, bytes fetched again after ``kill -9``, the longest block of the event loop, the time of ``--help``.
Everything runs on this machine's loopback.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

import hfsvc
from benchmarks import tools
from benchmarks.download import MB, REPO, Bench, write_random
from benchmarks.measure import Contender, run
from hfsvc.testing import LocalHub

FILES = 2000


def requests(bench: Bench) -> None:
    """Requests to the Hub for 2,000 files, and for a second run."""
    print(f"\n### Requests to the Hub, {FILES:,} files of 16 kB\n")
    print("| tool | LFS files | git blobs | second run |\n|---|---|---|---|")
    for name in ("hfsvc", "hf download"):
        counts = [count_requests(bench, name, suffix) for suffix in (".parquet", ".json")]
        print(f"| {name} | {counts[0][0]} | {counts[1][0]} | {counts[0][1]} |")


def count_requests(bench: Bench, name: str, suffix: str) -> tuple[int, int]:
    """Of a first and of a second run."""
    folder = bench.repo_folder()
    for number in range(FILES):
        (folder / f"{number:05}{suffix}").write_text(f"{number:05}" + "x" * 15_995)
    with LocalHub(bench.files) as hub:
        contender = contender_named(bench, name, hub.endpoint)
        contender.prepare()
        run(contender.command, contender.env)
        first = hub.count(server="hub")
        hub.reset()
        run(contender.command, contender.env)
        return first, hub.count(server="hub")


def contender_named(bench: Bench, name: str, endpoint: str) -> Contender:
    """One of the download benchmark's contenders."""
    return next(each for each in bench.ours(endpoint) if each.name == name)


def is_half_sent(hub: LocalHub, size: int) -> bool:
    """Whether half of a file's bytes have left the Hub."""
    return hub.bytes_sent() >= size // 2


def resume(bench: Bench) -> None:
    """Bytes fetched by the run after one that was killed at half of the file."""
    size = 110 * MB
    write_random(bench.repo_folder() / "train.parquet", size)
    print("\n### Fetched again after kill -9 at half of 110 MB (50 % would be nothing twice)\n")
    print("| tool | fetched by the second run |\n|---|---|")
    for name in ("hfsvc", "hf download"):
        with LocalHub(bench.files, bytes_per_s=10 * MB) as hub:
            contender = contender_named(bench, name, hub.endpoint)
            contender.prepare()
            process = subprocess.Popen(
                contender.command, env={**os.environ, **contender.env}, stdout=subprocess.DEVNULL
            )
            hub.wait_until(partial(is_half_sent, hub, size), timeout_s=60)
            process.kill()
            process.wait()
            hub.reset()
            run(contender.command, contender.env)
            print(f"| {name} | {hub.bytes_sent() / size:.0%} |")


def longest_block(bench: Bench) -> None:
    """The longest time that the event loop did not come round, during a download of 256 MB after a first one."""
    write_random(bench.repo_folder() / "big.bin", 256 * MB)
    hfsvc.preload()
    with LocalHub(bench.files) as hub:
        blocks = [asyncio.run(_block_s(bench, hub.endpoint)) for _ in range(bench.runs)]
    print("\n### Longest block of the event loop during a download of 256 MB\n")
    print(f"{statistics.median(blocks) * 1000:.1f} ms ({min(blocks) * 1000:.1f} to {max(blocks) * 1000:.1f})")


async def _block_s(bench: Bench, endpoint: str) -> float:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before - 0.001)

    settings = hfsvc.Settings(endpoint=endpoint, root=bench.out, trust_env=False)
    request = hfsvc.DatasetRequest(repo=REPO, include=("**",))
    async with hfsvc.open_container(settings) as container:
        await container.datasets().download(request)
        shutil.rmtree(bench.out / REPO)
        watcher = asyncio.create_task(watch())
        await container.datasets().download(request)
        watcher.cancel()
    return longest


def help_time(bench: Bench) -> None:
    """``--help`` of both commands, medians of ten."""
    print("\n### Time of --help\n")
    for name, program in (("hfsvc", tools.hfsvc(bench.work)), ("hf", tools.hf(bench.work))):
        walls = [run([str(program), "--help"], {}).wall_s for _ in range(11)][1:]
        print(f"{name}: {statistics.median(walls) * 1000:.0f} ms")


def main() -> None:
    """All of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--work", type=Path, help="a folder to keep venvs and files in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hfsvc-bench-") as scratch:
        bench = Bench(options.work or Path(scratch), options.runs)
        bench.work.mkdir(parents=True, exist_ok=True)
        for measure in (help_time, requests, resume, longest_block):
            measure(bench)


if __name__ == "__main__":
    main()
