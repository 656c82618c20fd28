"""How far it goes, in requests, bytes, memory and time: ``python -m benchmarks.scale [PART]...``.

``costs`` measures one machine: what a file, a listed file and a megabyte cost. ``check`` runs shards as processes against the
loopback Hub with small windows, beside the simulation of the same. ``reach`` simulates machines up to a petabyte.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from benchmarks.download import MB, REPO, Bench, write_random
from benchmarks.measure import Run, run
from benchmarks.shared_limits import Machine, Outcome, Work, simulate
from hfsvc.hub.rate_limit import Bucket
from hfsvc.testing import LocalHub

GB: Final = 1_000_000_000
PLANS: Mapping[str, Mapping[Bucket, int]] = {
    "free": {"api": 1_000, "resolvers": 5_000},
    "enterprise": {"api": 6_000, "resolvers": 50_000},
}
"""Requests in 300 seconds. Source: the Hub's page on rate limits, September 2025."""

MACHINES = (1, 10, 100, 1_000)
REACHED = {
    "1 GB in 2 files": Work(2, GB // 2),
    "1 TB in 2,000 files": Work(2_000, GB // 2),
    "1 TB in 1,000,000 files": Work(1_000_000, MB),
    "1 PB in 2,000,000 files": Work(2_000_000, GB // 2),
}
CHECKED = Work(600, 20_000)
CHECKED_QUOTA: Mapping[Bucket, int] = {"api": 1_000, "resolvers": 100}
CHECKED_WINDOW_S = 4


def costs(bench: Bench) -> None:
    """What one machine spends."""
    print("\n### One machine\n")
    print("| dataset | api requests | resolver requests | CDN requests | MB moved | wall s | peak MB |\n|" + "---|" * 7)
    for name, work in {"1 GB in 4 files": Work(4, GB // 4), "5,000 files of 16 kB": Work(5_000, 16_000)}.items():
        fill(bench, work)
        with LocalHub(bench.files) as hub:
            hub.refresh(REPO)
            found = brought(bench, hub)
            counted = [hub.count(bucket="api"), hub.count(bucket="resolvers"), hub.count(server="cdn")]
            moved = (hub.bytes_sent() + hub.bytes_sent(server="hub")) / MB
        told = " | ".join(map(str, counted))
        print(f"| {name} | {told} | {moved:.1f} | {found.wall_s:.2f} | {found.peak_mb:.0f} |")


def fill(bench: Bench, work: Work) -> None:
    """Put a dataset on the loopback Hub."""
    folder = bench.repo_folder()
    for number in range(work.files):
        write_random(folder / f"part-{number:06}.parquet", work.file_bytes)


def brought(bench: Bench, hub: LocalHub) -> Run:
    """One download as a whole command."""
    bench.clear()
    return run(download(bench), {"HF_ENDPOINT": hub.endpoint})


def download(bench: Bench, *options: str) -> list[str]:
    """The command."""
    return [sys.executable, "-m", "hfsvc", "download", "--repo", REPO, "--root", str(bench.out), "-q", *options]


def check(bench: Bench) -> None:
    """The simulation beside what it simulates."""
    fill(bench, CHECKED)
    print(f"\n### {CHECKED.files} files, {CHECKED_QUOTA['resolvers']} requests in {CHECKED_WINDOW_S} s\n")
    print("| shards | s | simulated s | requests | simulated | refused | simulated |\n|---|---|---|---|---|---|---|")
    for machines in (1, 2, 4):
        quota, window_s = CHECKED_QUOTA, CHECKED_WINDOW_S
        seconds, requests, refused = shards_together(bench, machines)
        told = simulate(CHECKED, machines, quota, Machine(200 * MB, 0.01), window_s=window_s)
        print(
            f"| {machines} | {seconds:.1f} | {told.seconds:.1f} | {requests} | {told.requests['resolvers']} "
            f"| {refused} | {told.refused} |"
        )


def shards_together(bench: Bench, machines: int) -> tuple[float, int, int]:
    """Seconds that all shards of a dataset took together, their resolver requests, and how many of them were refused."""
    bench.clear()
    with LocalHub(bench.files, quota=CHECKED_QUOTA, window_s=CHECKED_WINDOW_S) as hub:
        hub.refresh(REPO)
        began = time.perf_counter()
        commands = [download(bench, "--shard", f"{number}/{machines}") for number in range(machines)]
        running = [
            subprocess.Popen(each, env={"HF_ENDPOINT": hub.endpoint}, stdout=subprocess.DEVNULL) for each in commands
        ]
        if sum(process.wait() for process in running):
            raise SystemExit("a shard failed")
        seconds = time.perf_counter() - began
        return seconds, hub.count(bucket="resolvers"), hub.count(bucket="resolvers", status=429)


def reach(_: Bench) -> None:
    """Machines of 1 GB/s each that share one account's limits."""
    print("\n### Simulated: machines of 1 GB/s that share an account\n")
    print("| dataset | plan | " + " | ".join(f"{machines:,} machines" for machines in MACHINES) + " |")
    print("|---|---|" + "---|" * len(MACHINES))
    for name, work in REACHED.items():
        for plan, quota in PLANS.items():
            found = [simulate(work, machines, quota, Machine(GB)) for machines in MACHINES]
            print(f"| {name} | {plan} | {' | '.join(map(told, found))} |", flush=True)


def told(outcome: Outcome) -> str:
    """How long it took, and of that the wait for windows."""
    waited = f" ({duration(outcome.waited_s)})" if outcome.waited_s >= 1 else ""
    return f"{duration(outcome.seconds)}{waited}"


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them."""
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} s"


PARTS: dict[str, Callable[[Bench], None]] = {"costs": costs, "check": check, "reach": reach}


def main() -> None:
    """Run the named parts, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], help="default: all")
    parser.add_argument("--work", type=Path, help="a folder to keep files in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hfsvc-bench-") as scratch:
        bench = Bench(options.work or Path(scratch), 1)
        bench.work.mkdir(parents=True, exist_ok=True)
        for name in options.part or PARTS:
            PARTS[name](bench)


if __name__ == "__main__":
    main()
