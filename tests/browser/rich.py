"""Datasets that have more to show than the sample: parts and results; a document with subagents, images and times."""

from pathlib import Path
from typing import Any

from hfsvc import atif
from hfsvc.testing.samples import openthoughts_rows, rows_table

PARTS = "acme/parts"
DOCUMENTS = "acme/documents"
CONFIGS = [
    {
        "config_name": config,
        "data_files": [{"split": split, "path": f"{config}/{split}.parquet"} for split in ("train", "test")],
    }
    for config in ("shell", "web")
]
ROWS = 20
AGENTS = ("terminus", "terminus-2", "openhands")
MODELS = ("Qwen/Qwen3-Coder-30B-A3B-Instruct", "zai-org/GLM-4.6")
RESULTS = ("1.0", "0.0", "AgentTimeoutError", None)


def write_parts(folder: Path) -> None:
    """Two configurations of two splits, of 20 rows each."""
    import pyarrow.parquet as pq

    files = [f"{config}/{split}.parquet" for config in ("shell", "web") for split in ("train", "test")]
    for seed, file in enumerate(files):
        rows = openthoughts_rows(ROWS, seed=seed)
        for number, row in enumerate(rows):
            task = f"{file.removesuffix('.parquet')}-{number:02}"
            row.update(task=task, agent=AGENTS[number % 3], model=MODELS[number % 2], result=RESULTS[number % 4])
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows_table(rows), folder / file)


def write_documents(folder: Path) -> None:
    """One document, in a file of its own."""
    folder.mkdir(parents=True)
    (folder / "trajectory.json").write_bytes(atif.encode(document()))


def document() -> atif.Trajectory:
    """A run that delegated: its subagent's trajectory is part of it, another one lies elsewhere."""
    found = atif.ObservationResult(
        source_call_id="call-1",
        content="It is in b.py.",
        subagent_trajectory_ref=[
            atif.SubagentTrajectoryRef(trajectory_id="inner", session_id="run"),
            atif.SubagentTrajectoryRef(trajectory_path="elsewhere.json"),
        ],
    )
    steps = [
        step(
            1, "user", message=[atif.TextPart(text="What is wrong here?"), image("http://elsewhere.invalid/shot.png")]
        ),
        step(2, "agent", message="I ask.", tool_calls=[call("task")], observation=atif.Observation(results=[found])),
        step(3, "agent", message="Mended: the fatal error is gone.", metrics=atif.Metrics(prompt_tokens=12345)),
    ]
    return trajectory("outer", "boss", steps, subagent_trajectories=[inner()], extra={"task": "delegate"})


def inner() -> atif.Trajectory:
    steps = [step(1, "user", message="Look for it."), step(2, "agent", message="Found the needle in b.py.")]
    return trajectory("inner", "searcher", steps)


def trajectory(name: str, agent: str, steps: list[atif.Step], **more: Any) -> atif.Trajectory:
    who = atif.Agent(name=agent, version="1")
    return atif.Trajectory(
        schema_version="ATIF-v1.7", session_id="run", trajectory_id=name, agent=who, steps=steps, **more
    )


def step(number: int, source: Any, **more: Any) -> atif.Step:
    return atif.Step(step_id=number, source=source, timestamp=f"2026-01-01T10:0{number}:00Z", **more)


def call(name: str) -> atif.ToolCall:
    return atif.ToolCall(tool_call_id="call-1", function_name=name, arguments={"prompt": "Look for it."})


def image(path: str) -> atif.ImagePart:
    return atif.ImagePart(source=atif.ImageSource(media_type="image/png", path=path))
