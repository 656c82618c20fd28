"""The dataset of ``benchmarks.reading``, brought into a store: ``python -m benchmarks.reading_data ROWS GROUP_ROWS ROOT``."""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.reading_worker import REPO
from hfsvc import DatasetRequest, Settings, open_container
from hfsvc.testing import LocalHub
from hfsvc.testing.samples import openthoughts_rows, rows_table

MESSAGE_CHARACTERS = 1_750
ANALYSIS = '"analysis": "'
FILE = "data/train-00000-of-00001.parquet"


def make_table(rows: int) -> pa.Table:
    """Rows whose messages are about as long as real ones, of words that do not repeat in runs."""
    rng = Random(15209)
    made = openthoughts_rows(rows)
    words = sorted({
        word for row in made[:500] for message in row["conversations"] for word in message["content"].split()
    })
    length = sum(map(len, words)) // len(words) + 1
    for row in made:
        for message in row["conversations"]:
            missing = MESSAGE_CHARACTERS - len(message["content"])
            if missing > 0:
                lengthen(message, " ".join(rng.choices(words, k=missing // length)))
    return rows_table(made)


def lengthen(message: dict[str, str], more: str) -> None:
    """Have a message say more: an agent in its analysis, since the harness takes one object of JSON and nothing else."""
    before, mark, after = message["content"].partition(ANALYSIS)
    if mark:
        message["content"] = f"{before}{mark}{json.dumps(more)[1:-1]} {after}"
    else:
        message["content"] += f"\n{more}"


async def publish(table: pa.Table, group_rows: int, root: Path) -> None:
    """Bring the table into a store as a dataset."""
    written = pa.BufferOutputStream()
    pq.write_table(table, written, row_group_size=group_rows, write_page_index=True)
    with tempfile.TemporaryDirectory() as folder:
        async with LocalHub(Path(folder)) as hub:
            hub.write(REPO, FILE, written.getvalue().to_pybytes())
            async with open_container(Settings(root=root, endpoint=hub.endpoint)) as container:
                await container.datasets().download(DatasetRequest(repo=REPO))


def main() -> None:
    rows, group_rows, root = sys.argv[1:]
    asyncio.run(publish(make_table(int(rows)), int(group_rows), Path(root)))


if __name__ == "__main__":
    main()
