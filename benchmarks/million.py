"""A million small rows, chosen and exported: ``python -m benchmarks.million [--rows N] [--runs N]``.

The dataset is made up, of rows that a tenth of the others repeat, in files of 100,000. Every run is a whole command in a process
of its own; the first of each kind also writes down what it needs to know of all rows, and is measured by itself.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import tools
from benchmarks.measure import Run, run

FILE_ROWS = 100_000
GROUP_ROWS = 10_000
REPEATED = 10
"""Every so many-th row is the one before it once more."""
COMMANDS = {
    "count --where": ("count", "runs", "--where", "task:task-7"),
    "export": ("export", "runs", "-o", "out.jsonl", "--format", "openai"),
    "export --dedupe exact --shuffle --seed 1": (
        "export", "runs", "-o", "out.jsonl", "--format", "openai", "--dedupe", "exact", "--shuffle", "--seed", "1",
    ),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: what this one has once held would count as the peak of those it starts.
        command = [sys.executable, "-c", "import sys; from benchmarks.million import make; make(*sys.argv[1:])"]
        environment = {**os.environ, "PYTHONPATH": str(tools.PROJECT)}
        subprocess.run([*command, folder, str(arguments.rows)], check=True, env=environment)
        measure(Path(folder), arguments.rows, arguments.runs)


def make(folder: str, rows: str) -> None:
    """Write the files of the dataset into ``<folder>/runs``."""
    out = Path(folder, "runs")
    out.mkdir(parents=True)
    for start in range(0, int(rows), FILE_ROWS):
        made = pa.Table.from_pylist([row_of(number) for number in range(start, min(start + FILE_ROWS, int(rows)))])
        pq.write_table(made, out / f"part-{start:09d}.parquet", row_group_size=GROUP_ROWS)


def row_of(number: int) -> dict[str, Any]:
    """A small run: a task, a call in text, what came of it, an answer."""
    told = number - 1 if number % REPEATED == 0 and number else number
    said = [
        ("system", "You act in a terminal."),
        ("user", f"Count the files of folder {told}."),
        ("assistant", f"ls folder-{told} | wc -l"),
        ("user", str(told % 97)),
        ("assistant", f"There are {told % 97} files."),
    ]
    return {
        "messages": [{"role": role, "content": content} for role, content in said],
        "task": f"task-{told % 1000}",
        "model": f"model-{told % 7}",
        "result": str(told % 2),
    }


def measure(work: Path, rows: int, runs: int) -> None:
    """Print what each command takes."""
    print("| command | s | rows/s | cpu s | peak MB |")
    print("|---|---|---|---|---|")
    for title, arguments in COMMANDS.items():
        for number in range(runs + 1):
            first = number == 0
            if first:
                shutil.rmtree(work / "root", ignore_errors=True)
            measured = once(work, arguments)
            print(line(f"{title}, {'the first' if first else 'later'} run", measured, rows), flush=True)


def once(work: Path, arguments: Sequence[str]) -> Run:
    (work / "out.jsonl").unlink(missing_ok=True)
    command = [sys.executable, "-m", "hfsvc", *arguments, "--root", str(work / "root"), "-q"]
    return run(command, {"PYTHONPATH": str(tools.PROJECT)}, cwd=str(work))


def line(title: str, measured: Run, rows: int) -> str:
    rate = rows / measured.wall_s
    return f"| `{title}` | {measured.wall_s:.1f} | {rate:,.0f} | {measured.cpu_s:.1f} | {measured.peak_mb:.0f} |"


if __name__ == "__main__":
    main()
