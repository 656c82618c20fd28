"""What a download waits for at its end: ``python -m benchmarks.tails [SCENARIO]...``.

The verdict after the last byte of one GiB, a file of which one connection in eight is slow, the plan of 100,000 files.
Everything runs on this machine's loopback; the first needs nginx.
"""

import argparse
import asyncio
import logging
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import hfsvc
from benchmarks import stand
from benchmarks.download import MB, REPO, Bench, write_random
from benchmarks.measure import Run, run
from hfsvc.models import Event, FileVerified
from hfsvc.testing import LocalHub, SlowConnection
from hfsvc.transfer.part_file import PartFile
from hfsvc.transfer.recent_blocks import FileBlock

LISTED = 100_000


class Trace(logging.Handler):
    """When each range of a file began and ended, and when the file was in place."""

    def __init__(self) -> None:
        super().__init__()
        self.began: dict[int, float] = {}
        self.ended: dict[int, float] = {}
        self.verified_at = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        kind = {"begin": self.began, "there": self.ended}
        if isinstance(record.args, tuple) and (times := kind.get(record.msg.split(",")[0].split()[-1])) is not None:
            times[int(str(record.args[1]))] = time.perf_counter()

    def on_event(self, event: Event) -> None:
        """For `download`."""
        if isinstance(event, FileVerified):
            self.verified_at = time.perf_counter()

    def range_times(self) -> list[float]:
        """Seconds that each range took, in order of size."""
        return sorted(self.ended[start] - began for start, began in self.began.items() if start in self.ended)


async def download(endpoint: str, root: Path, on_event: Callable[[Event], None]) -> float:
    """Download in this process, into an empty root; gives the seconds."""
    hfsvc.preload()
    shutil.rmtree(root, ignore_errors=True)
    settings = hfsvc.Settings(endpoint=endpoint, root=root, trust_env=False)
    async with hfsvc.open_container(settings) as container:
        began = time.perf_counter()
        await container.datasets().download(hfsvc.DatasetRequest(repo=REPO, include=("**",)), on_event=on_event)
        return time.perf_counter() - began


def verdict(bench: Bench) -> None:
    """From the last byte of one GiB to the file in its place, and how long ranges took."""
    print("\n### One GiB: from the last byte to the verdict\n")
    _trace(bench)


def held(bench: Bench) -> None:
    """The same with a hash that takes a tenth of a second longer for each block: no range waits for it."""
    print("\n### One GiB, its hash held up\n")
    with patch.object(PartFile, "hash", _hash_late):
        _trace(bench)


_hash = PartFile.hash


def _hash_late(part: PartFile, blocks: Sequence[FileBlock]) -> None:
    time.sleep(0.1 * len(blocks))
    _hash(part, blocks)


def _trace(bench: Bench) -> None:
    write_random(bench.repo_folder() / "big.bin", 1 << 30)
    log = logging.getLogger("hfsvc.transfer")
    log.setLevel(logging.DEBUG)
    log.propagate = False
    print("| run | all s | last byte to file in place, s | longest range s | median range s |\n|---|---|---|---|---|")
    with stand.nginx(bench.files, bench.work) as cdn, stand.hub(bench.files, "--cdn-url", cdn) as endpoint:
        for number in range(bench.runs + 1):
            trace = Trace()
            log.addHandler(trace)
            wall_s = asyncio.run(download(endpoint, bench.out, trace.on_event))
            log.removeHandler(trace)
            times, last = trace.range_times(), max(trace.ended.values())
            told = f"{trace.verified_at - last:.3f} | {times[-1]:.3f} | {statistics.median(times):.3f}"
            print(f"| {number or 'warm-up'} | {wall_s:.2f} | {told} |")


class Ratio(NamedTuple):
    """Seconds of a file over even connections, and with one slow one of eight."""

    even_s: float
    slow_s: float


def slow(bench: Bench) -> None:
    """A file of 200 MB over connections of 20 MB/s, and with one of eight at 1 MB/s."""
    write_random(bench.repo_folder() / "train.parquet", 200 * MB)
    print("\n### 200 MB: eight connections at 20 MB/s, and seven of them with one at 1 MB/s\n")
    print("| run | even s | one slow s | times |\n|---|---|---|---|")
    found = [_ratio(bench) for _ in range(bench.runs + 1)][1:]
    for number, each in enumerate(found, 1):
        print(f"| {number} | {each.even_s:.2f} | {each.slow_s:.2f} | {each.slow_s / each.even_s:.2f} |")
    even, one_slow = (statistics.median(times) for times in zip(*found, strict=True))
    print(f"| median | {even:.2f} | {one_slow:.2f} | {one_slow / even:.2f} |")


def _ratio(bench: Bench) -> Ratio:
    times = []
    for faults in ([], [SlowConnection(1 * MB)]):
        with LocalHub(bench.files, bytes_per_s=20 * MB) as hub:
            for fault in faults:
                hub.fault(fault, server="cdn")
            times.append(asyncio.run(download(hub.endpoint, bench.out, lambda _: None)))
    return Ratio(*times)


def listing(bench: Bench) -> None:
    """``hfsvc download --dry-run`` of 100,000 files, and of one."""
    print("\n### The plan of many files\n\n| files | wall s | cpu s | peak MB |\n|---|---|---|---|")
    for count in (1, LISTED):
        folder = bench.repo_folder()
        for number in range(count):
            path = folder / f"data/{number % 100:02}/{number:06}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{number:06}")
        with stand.hub(bench.files) as endpoint:
            wall_s, cpu_s, peak_mb = _medians(bench, endpoint)
        print(f"| {count:,} | {wall_s:.2f} | {cpu_s:.2f} | {peak_mb:.0f} |")


def _medians(bench: Bench, endpoint: str) -> Run:
    command = [sys.executable, "-m", "hfsvc", "download", "--repo", REPO, "--dry-run", "--root", str(bench.out)]
    bench.clear()
    # The first one waits for the Hub to hash what it lists.
    runs = [run(command, {"HF_ENDPOINT": endpoint}) for _ in range(bench.runs + 1)][1:]
    return Run(*(statistics.median(values) for values in zip(*runs, strict=True)))


# Commands first: their peaks count from what this process holds.
SCENARIOS: dict[str, Callable[[Bench], None]] = {"listing": listing, "verdict": verdict, "held": held, "slow": slow}


def main() -> None:
    """Run the named scenarios, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tails", description=__doc__)
    parser.add_argument("scenario", nargs="*", choices=[*SCENARIOS, []], help="default: all")
    parser.add_argument("--runs", type=int, default=5, help="counted runs")
    parser.add_argument("--work", type=Path, help="a folder to keep files in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hfsvc-bench-") as scratch:
        bench = Bench(options.work or Path(scratch), options.runs)
        bench.work.mkdir(parents=True, exist_ok=True)
        for name in options.scenario or SCENARIOS:
            SCENARIOS[name](bench)


if __name__ == "__main__":
    main()
