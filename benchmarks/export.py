"""Exports beside the bare stream: ``python -m benchmarks.export [--rows N] [--runs N] [--one-core]``.

The dataset is made up, and downloaded from the loopback Hub. Every contender is a whole command; the files of exports are
removed before each run. The bare stream, and the stream with every trajectory encoded, are what an export cannot do without.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import tools
from benchmarks.measure import Contender, compare, print_table
from hfsvc.settings import DEFAULT_SOURCE

WORKER = Path(__file__).with_name("export_worker.py")
AGAINST = "stream and encode"
EXPORTS = {
    "export jsonl": ("a.jsonl", ()),
    "export jsonl.zst": ("a.jsonl.zst", ()),
    "export parquet": ("a.parquet", ()),
    "export steps": ("a.parquet", ("--format", "steps")),
    "export openai": ("a.jsonl", ("--format", "openai")),
    "export sharegpt": ("a.jsonl", ("--format", "sharegpt")),
    "structured jsonl": ("a.jsonl", ("--style", "structured")),
    "structured jsonl, 2 workers": ("a.jsonl", ("--style", "structured", "--workers", "2")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=12_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--one-core", action="store_true", help="keep every command on one core")
    arguments = parser.parse_args()
    if arguments.one_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), arguments.rows, arguments.runs)


def measure(work: Path, rows: int, runs: int) -> None:
    """Print how long it takes to read a dataset, and to export it in each format."""
    # In a process of its own: what this one has once held would count as the peak of those it starts.
    subprocess.run([sys.executable, str(WORKER), "prepare", str(work), str(rows)], check=True)
    contenders = [stream(work, "stream"), stream(work, "encode")]
    contenders += [export(work, title, name, options) for title, (name, options) in EXPORTS.items()]
    results = compare(contenders, runs)
    export_size = run_once(work)
    print_table(f"{rows} rows, {export_size / 1e6:.0f} MB of JSON lines", results, AGAINST, megabytes=export_size / 1e6)


def stream(work: Path, how: str) -> Contender:
    title = "stream" if how == "stream" else AGAINST
    command = [sys.executable, str(WORKER), how, str(work / "root")]
    return Contender(title, command, {"PYTHONPATH": str(tools.PROJECT)}, lambda: None)


def export(work: Path, title: str, name: str, options: tuple[str, ...]) -> Contender:
    out = work / "out"
    command = [sys.executable, "-m", "hfsvc", "export", DEFAULT_SOURCE, "--root", str(work / "root"), "-q"]
    return Contender(title, [*command, "-o", str(out / name), *options], {}, lambda: shutil.rmtree(out, True))


def run_once(work: Path) -> int:
    """Bytes of all trajectories as JSON lines."""
    each = export(work, "size", "size.jsonl", ())
    compare([each], 1)
    return (work / "out" / "size.jsonl").stat().st_size


if __name__ == "__main__":
    main()
