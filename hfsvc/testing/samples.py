"""The sample dataset: rows with the layout of OpenThoughts-Agent-v1-SFT, as parquet files, plain or odd."""

import string
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from hfsvc.atif import Agent, Step, Trajectory
from hfsvc.testing.shelltasks import conversation, make_task

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE_REPO = "open-thoughts/OpenThoughts-Agent-v1-SFT"
SAMPLE_FILE = "data/train-00000-of-00001.parquet"
SAMPLE_ROWS = 2_000
ROW_GROUP_ROWS = 500
JOBS = 3
BEGINNING = datetime(2025, 11, 12, 22, 22, 17, 361875)
README = """\
---
license: apache-2.0
pipeline_tag: text-generation
tags:
- agents
- terminal
---

# A sample

Made-up rows with the layout of a dataset of agent trajectories: small shell tasks, solved in a terminal.
"""
ATTRIBUTES = "*.parquet filter=lfs diff=lfs merge=lfs -text\n"


def openthoughts_rows(rows: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Rows as the export writes them: nine columns, in file order, ordered by `task` as text.

    `run_id` is shared by many rows, `trial_name` is unique. The same `rows` and `seed` give the same rows.
    """
    rng = Random(seed)
    jobs = [str(uuid.UUID(bytes=rng.randbytes(16), version=4)) for _ in range(JOBS)]
    made = [_row(rng, number, jobs) for number in range(rows)]
    return sorted(made, key=lambda row: str(row["task"]))


def _row(rng: Random, number: int, jobs: Sequence[str]) -> dict[str, Any]:
    task = make_task(rng)
    messages = conversation(task, rng)
    name = f"task_{number}" if task.family == "task" else f"{task.family}-{number:04d}"
    return {
        "conversations": messages,
        "agent": "terminus-2",
        "model": "QuantTrio/GLM-4.6-AWQ",
        "model_provider": "hosted_vllm",
        "date": (BEGINNING + timedelta(seconds=41.5 * number)).isoformat(),
        "task": name,
        "episode": f"episode-{len(messages) // 2 - 1}",
        "run_id": rng.choice(jobs),
        "trial_name": f"{name}__{''.join(rng.choices(string.ascii_letters + string.digits, k=7))}",
    }


def sample_row(number: int, **columns: Any) -> dict[str, Any]:
    """One small row of the same nine columns; `columns` are put in place of its own."""
    values = {
        "conversations": sample_messages(f"text {number}"),
        "agent": "terminus-2",
        "model": "teacher",
        "model_provider": "hosted",
        "date": BEGINNING.isoformat(),
        "task": f"task_{number}",
        "episode": "episode-1",
        "run_id": f"run-{number % 2}",
        "trial_name": f"task_{number}__abc",
    }
    return values | columns


def sample_rows(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Small rows with the numbers from `first` on."""
    return [sample_row(number) for number in range(first, first + count)]


def sample_messages(text: str) -> list[dict[str, str]]:
    """A conversation of a question and its answer."""
    return [{"role": "user", "content": text}, {"role": "assistant", "content": f"{text}!"}]


def sample_trajectory(row: Mapping[str, Any]) -> Trajectory | None:
    """A row as a trajectory, for sources that keep no files; None for one without messages."""
    if not row["conversations"]:
        return None
    steps = [
        Step(step_id=number, source="agent" if each["role"] == "assistant" else "user", message=each["content"])
        for number, each in enumerate(row["conversations"], 1)
    ]
    agent = Agent(name=row["agent"] or "unknown", version="1", model_name=row["model"])
    extra = {name: row[name] for name in ("task", "episode", "run_id", "trial_name", "date")}
    return Trajectory(schema_version="ATIF-v1.4", agent=agent, steps=steps, extra=extra)


def rows_table(
    rows: Sequence[Mapping[str, Any]],
    *,
    struct_order: Sequence[str] = ("content", "role"),
    columns: Iterable[str] | None = None,
) -> "pa.Table":
    """Rows as an Arrow table, also an odd one.

    Args:
        rows: A column without any value in them becomes one of null type.
        struct_order: Fields of a message, in the order they get in the file; one may be left out.
        columns: Which columns, in which order; one that no row has is of null type. By default those of all rows.
    """
    import pyarrow as pa

    names = list(dict.fromkeys(name for row in rows for name in row)) if columns is None else list(columns)
    message = pa.list_(pa.struct([(field, pa.string()) for field in struct_order]))
    values = {name: [row.get(name) for row in rows] for name in names}
    if any(values.get("conversations", ())):
        values["conversations"] = pa.array(values["conversations"], type=message)
    return pa.table(values)


def write_openthoughts_sample(path: str | Path, *, rows: int = SAMPLE_ROWS, seed: int = 0) -> None:
    """Write the sample as one parquet file, snappy, with a page index and row groups of 500 rows.

    2,000 rows make some 25 MB, which is enough for a download to go in several ranges.
    """
    import pyarrow.parquet as pq

    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    table = rows_table(openthoughts_rows(rows, seed=seed))
    pq.write_table(table, target, row_group_size=ROW_GROUP_ROWS, compression="snappy", write_page_index=True)


def write_sample_hub(folder: str | Path, *, rows: int = SAMPLE_ROWS, seed: int = 0) -> str:
    """Lay out the sample dataset for `LocalHub`: card, attributes and one parquet file.

    Returns:
        The dataset's id.
    """
    repo = Path(folder) / SAMPLE_REPO
    write_openthoughts_sample(repo / SAMPLE_FILE, rows=rows, seed=seed)
    (repo / "README.md").write_text(README, encoding="utf-8")
    (repo / ".gitattributes").write_text(ATTRIBUTES, encoding="utf-8")
    return SAMPLE_REPO
