"""Runs inside a Python that has Harbor: a base64 document a line in, the rows that Harbor's exporter makes of it out.

A row for every episode, the last of which holds the whole trajectory.
"""

import base64
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from harbor.utils.traces_utils import (  # pyright: ignore[reportMissingImports]
    MultimodalExportError,
    extract_conversations_from_trajectory,
)

RUN = {
    "agent_name": "harness",
    "model_name": "teacher",
    "model_provider": "hosted",
    "start_time": "2026-01-05T09:30:00",
    "run_id": "run",
}


def export(document: bytes, file: Path) -> list[dict[str, Any]]:
    file.write_bytes(document)
    try:
        rows: list[dict[str, Any]] = extract_conversations_from_trajectory(file, RUN)
    except MultimodalExportError:
        return []
    return [row | {"task": "task", "trial_name": "task__abc"} for row in rows]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trajectory.json"
        for line in sys.stdin:
            sys.stdout.write(json.dumps(export(base64.b64decode(line), file)) + "\n")
            sys.stdout.flush()


main()
