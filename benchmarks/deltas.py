"""Updates of one changed file beside ``hf``: ``python -m benchmarks.deltas [FORMAT]...``, bytes and seconds at 10 MB/s.

Everything runs on this machine's loopback. A connection carries 10 MB/s, and so does all of hfsvc together; ``hf`` takes
one connection, over plain HTTP (its client of Xet fetches whole files, too).
"""

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import tools
from benchmarks.download import REPO, Bench
from benchmarks.measure import run
from hfsvc.testing import LocalHub

PACE = 10_000_000
ROWS = 6_000
Row = Mapping[str, Any]
Rows = Sequence[Row]
# The options with which `datasets` 5 calls the writer of parquet.
AS_DATASETS = {"min_chunk_size": 256 << 10, "max_chunk_size": 1 << 20, "norm_level": 0}


def make_rows(seed: int, count: int) -> list[Row]:
    """Conversations of random words, which compress as texts do."""
    drawn = random.Random(seed)
    words = ["".join(drawn.choices("etaoinshrdlu", k=drawn.randint(2, 9))) for _ in range(20_000)]

    def text(length: int) -> str:
        return " ".join(drawn.choices(words, k=length))

    def row(number: int) -> Row:
        turns = [{"role": role, "content": text(drawn.randint(40, 700))} for role in ("user", "assistant") * 2]
        return {"id": f"{seed}-{number}", "conversations": turns, "model": drawn.choice(words[:5])}

    return [row(number) for number in range(count)]


def edited(rows: Rows, count: int) -> list[Row]:
    """The same with another last turn in some rows, far from each other."""
    chosen = set(random.Random(5).sample(range(len(rows)), count))
    fresh = make_rows(6, 1)[0]["conversations"][-1]
    return [
        {**row, "conversations": [*row["conversations"][:-1], fresh]} if number in chosen else row
        for number, row in enumerate(rows)
    ]


def changes(rows: Rows) -> dict[str, Rows]:
    """What happens to datasets."""
    return {
        "200 rows appended": [*rows, *make_rows(1, 200)],
        "one row deleted": [*rows[:2500], *rows[2501:]],
        "40 rows in front": [*make_rows(2, 40), *rows],
        "20 rows edited": edited(rows, 20),
        "a new column": [{**row, "score": number % 7} for number, row in enumerate(rows)],
    }


def write_parquet(rows: Rows, path: Path, **options: Any) -> None:
    pq.write_table(pa.Table.from_pylist(list(rows)), path, compression="snappy", **options)


def write_lines(rows: Rows, path: Path) -> None:
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


Write = Callable[[Rows, Path], None]
FORMATS: dict[str, tuple[str, Write]] = {
    "parquet": ("train.parquet", write_parquet),
    "parquet-cdc": (
        "train.parquet",
        lambda rows, path: write_parquet(rows, path, use_content_defined_chunking=True),
    ),
    "parquet-datasets": (
        "train.parquet",
        lambda rows, path: write_parquet(rows, path, use_content_defined_chunking=AS_DATASETS, write_page_index=True),
    ),
    "jsonl": ("train.jsonl", write_lines),
}


class Update:
    """One file that moves from one version to another, brought by both tools."""

    def __init__(self, bench: Bench, hub: LocalHub, path: Path) -> None:
        self.bench = bench
        self.hub = hub
        self.path = path

    def ours(self) -> tuple[Sequence[str], Mapping[str, str]]:
        """This project's command."""
        command = [sys.executable, "-m", "hfsvc", "download", "--repo", REPO, "--include", "**", "-q"]
        env = {"HF_ENDPOINT": self.hub.endpoint, "HFSVC_DELTA_STORAGE": self.hub.storage_endpoint}
        limits = {"HFSVC_BANDWIDTH_LIMIT": str(PACE), "PYTHONPATH": str(tools.PROJECT)}
        return [*command, "--root", str(self.bench.out)], env | limits

    def theirs(self) -> tuple[Sequence[str], Mapping[str, str]]:
        """The Hub's own command, without Xet."""
        found = self.bench.hf(self.hub.endpoint)
        return found.command, {**found.env, "HF_HUB_DISABLE_XET": "1"}

    def measure(self, tool: tuple[Sequence[str], Mapping[str, str]], old: bytes, new: bytes) -> tuple[float, int]:
        """Seconds, and bytes that all servers sent."""
        self.bench.clear()
        seconds = 0.0
        for content in (old, new):
            self.path.write_bytes(content)
            # What a Hub has done long before: its files are hashed, and cut into chunks.
            with urlopen(f"{self.hub.endpoint}/api/datasets/{REPO}/tree/main") as listing:
                listing.read()
            self.hub.reset()
            seconds = run(*tool).wall_s
        return seconds, sum(record.bytes_sent for record in self.hub.requests)


def compare(bench: Bench, name: str) -> None:
    """All changes of one format, as a Markdown table."""
    filename, write = FORMATS[name]
    rows = make_rows(0, ROWS)
    path = bench.repo_folder() / filename
    write(rows, path)
    old = path.read_bytes()
    print(f"\n### {name}, {len(old) / 1e6:.0f} MB\n")
    print("| change | hfsvc MB | hfsvc s | hf MB | hf s |\n|---|---|---|---|---|")
    with LocalHub(bench.files, xet=True, bytes_per_s=PACE, lfs=lambda path, size: size > 1 << 20) as hub:
        update = Update(bench, hub, path)
        for change, changed in changes(rows).items():
            write(changed, path)
            new = path.read_bytes()
            (ours_s, ours), (hf_s, hf) = (update.measure(tool, old, new) for tool in (update.ours(), update.theirs()))
            print(f"| {change} | {ours / 1e6:.2f} | {ours_s:.1f} | {hf / 1e6:.1f} | {hf_s:.1f} |", flush=True)


def main() -> None:
    """Run the named formats, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deltas", description=__doc__)
    parser.add_argument("format", nargs="*", choices=[*FORMATS, []], help="default: all")
    parser.add_argument("--work", type=Path, help="a folder to keep files in")
    options = parser.parse_args()
    os.environ.pop("HF_HOME", None)
    with tempfile.TemporaryDirectory(prefix="hfsvc-bench-") as scratch:
        bench = Bench(options.work or Path(scratch), 1)
        bench.work.mkdir(parents=True, exist_ok=True)
        for name in options.format or FORMATS:
            compare(bench, name)


if __name__ == "__main__":
    main()
