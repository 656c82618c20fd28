"""Streaming and single rows, side by side with `datasets` and the bare decode: ``python -m benchmarks.reading``.

Every stream is a process of its own that goes through all rows of a file once; what it takes to start is measured beside it
and taken off. The file has 15,209 rows of a shape like OpenThoughts-Agent-v1-SFT, in row groups of 4,000 and in one.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks import tools
from benchmarks.measure import Contender, Run, compare
from benchmarks.reading_data import FILE
from benchmarks.reading_worker import REPO

WORKER = Path(__file__).with_name("reading_worker.py")
ROWS = 15_209
STARTS = {"hfsvc": "hfsvc, start only", "pyarrow": "pyarrow, start only", "datasets": "datasets, start only"}
STREAMS = {
    "hfsvc, messages": "hfsvc-messages",
    "hfsvc, structured": "hfsvc-structured",
    "pyarrow, decoding only": "pyarrow-decode",
    "datasets, streaming": "datasets-stream",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--work", type=Path, help="a folder to keep data and venvs in")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = arguments.work or Path(folder)
        peer = str(tools.venv(work, "datasets", "datasets") / "python")
        for group_rows in (4_000, arguments.rows):
            root = work / f"groups-of-{group_rows}"
            make(arguments.rows, group_rows, root)
            megabytes = decoded_megabytes(root / REPO / FILE)
            print(f"\n## {arguments.rows} rows, {megabytes:.0f} MB, row groups of {group_rows}")
            print_streams(stream(root, peer, arguments.runs), megabytes)
            print_rows(single_rows(root))


def make(rows: int, group_rows: int, root: Path) -> None:
    """Bring the file into a store. In a process of its own: a command's peak memory begins at that of its parent."""
    if not (root / "index.json").exists():
        command = [sys.executable, "-m", "benchmarks.reading_data", str(rows), str(group_rows), str(root)]
        subprocess.run(command, check=True, cwd=tools.PROJECT)


def decoded_megabytes(file: Path) -> float:
    with pq.ParquetFile(file) as parquet:
        groups = (parquet.metadata.row_group(index) for index in range(parquet.num_row_groups))
        size: int = sum(group.total_byte_size for group in groups)
    return size / 1e6


def stream(root: Path, peer: str, runs: int) -> dict[str, list[Run]]:
    ways = {title: f"{reader}-start" for reader, title in STARTS.items()} | STREAMS
    return compare([contender(title, how, root, peer) for title, how in ways.items()], runs)


def contender(title: str, how: str, root: Path, peer: str) -> Contender:
    python = peer if how.startswith("datasets") else sys.executable
    env = {"HF_DATASETS_OFFLINE": "1", "PYTHONPATH": "" if python == peer else str(tools.PROJECT)}
    return Contender(title, [python, str(WORKER), how, str(root / REPO / FILE), str(root)], env, lambda: None)


def print_streams(results: Mapping[str, Sequence[Run]], megabytes: float) -> None:
    wall = {name: statistics.median(run.wall_s for run in runs) for name, runs in results.items()}
    net = {name: wall[name] - wall[STARTS[STREAMS[name].partition("-")[0]]] for name in STREAMS}
    print(
        "\n| reader | s, start taken off | MB/s | whole command s | cpu s | peak MB | times `datasets` | times the decode |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, seconds in net.items():
        cpu = statistics.median(run.cpu_s for run in results[name])
        peak = max(run.peak_mb for run in results[name])
        against = net["datasets, streaming"] / seconds, seconds / net["pyarrow, decoding only"]
        print(
            f"| {name} | {seconds:.2f} | {megabytes / seconds:.0f} | {wall[name]:.2f} | {cpu:.2f} | {peak:.0f} "
            f"| {against[0]:.1f} faster | {against[1]:.2f} |"
        )


def single_rows(root: Path) -> dict[str, list[float]]:
    command = [sys.executable, str(WORKER), "hfsvc-rows", "", str(root)]
    found = subprocess.run(command, env={"PYTHONPATH": str(tools.PROJECT)}, check=True, capture_output=True, text=True)
    timings: dict[str, list[float]] = json.loads(found.stdout)
    return timings


def print_rows(timings: Mapping[str, Sequence[float]]) -> None:
    print("\n| what, in ms where it does not say otherwise | median | worst |")
    print("|---|---|---|")
    for name, found in timings.items():
        print(f"| {name} | {statistics.median(found):.1f} | {max(found):.1f} |")


if __name__ == "__main__":
    main()
