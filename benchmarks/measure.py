"""Whole commands, measured from outside: wall clock, processor time and peak memory of the process."""

import os
import pathlib
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple


class Run(NamedTuple):
    """One finished command. Processor time counts the process and the children it waited for."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def run(command: Sequence[str], env: Mapping[str, str], *, cwd: str | None = None) -> Run:
    """Run a command to its end; it must succeed."""
    started = time.perf_counter()
    with pathlib.Path(os.devnull).open("wb") as nowhere:
        process = subprocess.Popen(command, env={**os.environ, **env}, stdout=nowhere, stderr=nowhere, cwd=cwd)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    wall_s = time.perf_counter() - started
    return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


class Contender(NamedTuple):
    """A tool in a comparison. `prepare` runs before every run, unmeasured."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    prepare: Callable[[], object]


def compare(contenders: Sequence[Contender], runs: int) -> dict[str, list[Run]]:
    """All contenders in turn, one warm-up round and `runs` counted ones, so that a noisy minute hits them alike."""
    results: dict[str, list[Run]] = {each.name: [] for each in contenders}
    for number in range(runs + 1):
        for each in contenders:
            each.prepare()
            measured = run(each.command, each.env)
            if number:
                results[each.name].append(measured)
    return results


def print_table(title: str, results: Mapping[str, Sequence[Run]], against: str, *, megabytes: float) -> None:
    """Medians as a Markdown table; the last column is how many times faster than `against`."""
    base = statistics.median(run.wall_s for run in results[against])
    print(f"\n### {title}\n")
    print("| tool | wall s (min to max) | MB/s | cpu s | peak MB | times `" + against + "` |")
    print("|---|---|---|---|---|---|")
    for name, runs in results.items():
        walls = [run.wall_s for run in runs]
        wall = statistics.median(walls)
        cpu = statistics.median(run.cpu_s for run in runs)
        peak = max(run.peak_mb for run in runs)
        spread = f"{wall:.2f} ({min(walls):.2f} to {max(walls):.2f})"
        print(f"| {name} | {spread} | {megabytes / wall:.0f} | {cpu:.2f} | {peak:.0f} | {base / wall:.2f} |")
