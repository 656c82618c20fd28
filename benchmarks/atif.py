"""Reading ATIF documents side by side with Harbor's pydantic models: ``python -m benchmarks.atif [--harbor PYTHON]``.

Each contender is a process of its own that reads a file of JSON lines, once dropping each document and once keeping all.
The tables give whole commands, and then, with the command's own start taken off, the time of a document and the memory
that all of them take. Harbor needs Python 3.12: name a Python that has harbor 0.25.0 and pydantic with ``--harbor``, or
run this with 3.12, and a venv is made. Run it with the same version of Python as Harbor's for like with like.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import tools
from benchmarks.measure import Contender, Run, compare

WORKER = Path(__file__).with_name("atif_worker.py")
DOCUMENTS = 2000
STEPS = 15
TOKENS = 100

OUR_START = "hfsvc, start only"
THEIR_START = "harbor, start only"
OURS = {OUR_START: "hfsvc", "hfsvc decode": "decode", "hfsvc check": "check"}
THEIRS = {
    THEIR_START: "harbor",
    "harbor json.loads, model_validate": "harbor-dict",
    "harbor model_validate_json": "harbor-json",
}
AGAINST = "harbor model_validate_json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--harbor", help="a Python that has harbor 0.25.0 and pydantic")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        harbor = arguments.harbor or make_harbor(Path(folder))
        for name, document in {"chat": chat, "tool calls": tool_calls, "calls with token ids": token_ids}.items():
            measure(name, write(Path(folder) / "documents.jsonl", document), harbor, arguments.runs)


def make_harbor(work: Path) -> str:
    """A Python with Harbor's models, which need nothing of what Harbor needs but pydantic."""
    programs = tools.venv(work, "harbor", "pydantic")
    subprocess.run([str(programs / "pip"), "install", "-q", "--no-deps", "harbor==0.25.0"], check=True)
    return str(programs / "python")


def measure(name: str, file: Path, harbor: str, runs: int) -> None:
    """Print how long it takes to read one kind of document, and what it costs to hold them."""
    for fate in ("drop", "keep"):
        contenders = [contender(title, sys.executable, how, fate, file) for title, how in OURS.items()]
        contenders += [contender(title, harbor, how, fate, file) for title, how in THEIRS.items()]
        results = compare(contenders, runs)
        megabytes = file.stat().st_size / 1e6
        print(f"\n### {name}: {DOCUMENTS} documents of {STEPS} steps, {megabytes:.0f} MB of JSON; {fate} each\n")
        print_table(results)


def contender(title: str, python: str, how: str, fate: str, file: Path) -> Contender:
    env = {"PYTHONPATH": str(tools.PROJECT)} if python == sys.executable else {}
    return Contender(title, [python, str(WORKER), how, fate, str(file)], env, lambda: None)


def print_table(results: Mapping[str, Sequence[Run]]) -> None:
    wall = {name: statistics.median(run.wall_s for run in runs) for name, runs in results.items()}
    peak = {name: max(run.peak_mb for run in runs) for name, runs in results.items()}
    start = {name: OUR_START if name in OURS else THEIR_START for name in results}
    print(f"| tool | wall s | peak MB | microseconds a document | MB above start | times `{AGAINST}` |")
    print("|---|---|---|---|---|---|")
    for name in results:
        net = wall[name] - wall[start[name]]
        rest = "| | |"
        if name != start[name]:
            times = (wall[AGAINST] - wall[THEIR_START]) / net
            rest = f"{net / DOCUMENTS * 1e6:.0f} | {max(0, peak[name] - peak[start[name]]):.0f} | {times:.1f} |"
        print(f"| {name} | {wall[name]:.2f} | {peak[name]:.0f} | {rest}")


def write(file: Path, document: Callable[[int], dict[str, Any]]) -> Path:
    with file.open("w", encoding="utf-8") as lines:
        for number in range(DOCUMENTS):
            lines.write(json.dumps(document(number)) + "\n")
    return file


def chat(number: int) -> dict[str, Any]:
    """One step a message, as rows of a training set become."""
    text = f"Analysis: run {number} shows that the tests fail in the module that was changed last. " * 15
    steps = [
        {
            "step_id": n,
            "timestamp": "2025-10-11T10:30:00Z",
            "source": "agent" if n % 2 == 0 else "user",
            "message": text,
        }
        for n in range(1, STEPS + 1)
    ]
    return trajectory(number, steps)


def tool_calls(number: int) -> dict[str, Any]:
    """Small calls and results, several a step: much structure and little text."""
    return trajectory(number, [call(n) for n in range(1, STEPS + 1)])


def token_ids(number: int) -> dict[str, Any]:
    """Calls with the ids and log probabilities of all tokens, as a training harness records them."""
    tokens = {"completion_token_ids": list(range(1000, 1000 + TOKENS)), "logprobs": [-0.25] * TOKENS}
    steps = [call(n) for n in range(1, STEPS + 1)]
    return trajectory(number, [step | {"metrics": step["metrics"] | tokens} for step in steps])


def call(n: int) -> dict[str, Any]:
    ids = [f"call_{n}_{k}" for k in range(4)]
    command = {"keystrokes": "python -m pytest -q\n", "duration": 1.5}
    return {
        "step_id": n,
        "timestamp": "2025-10-11T10:30:00+00:00",
        "source": "agent",
        "model_name": "example/model",
        "message": "Analysis: the tests must run.\nPlan: run them.",
        "reasoning_content": "They have not been run yet.",
        "tool_calls": [{"tool_call_id": each, "function_name": "bash_command", "arguments": command} for each in ids],
        "observation": {"results": [{"source_call_id": each, "content": "1 passed in 0.01s\n"} for each in ids]},
        "metrics": {"prompt_tokens": 4000 + n, "completion_tokens": TOKENS, "cost_usd": 0.00125},
    }


def trajectory(number: int, steps: list[dict[str, Any]]) -> dict[str, Any]:
    agent = {"name": "demo", "version": "1", "model_name": "example/model"}
    return {"schema_version": "ATIF-v1.7", "session_id": f"run-{number}", "agent": agent, "steps": steps}


if __name__ == "__main__":
    main()
