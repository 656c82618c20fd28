"""Asking Harbor's exporter for the rows of a document, in a process of its own."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any


class Exporter:
    """A process that exports documents with Harbor's own code. `python` must have harbor 0.25 and pydantic."""

    def __init__(self, python: str) -> None:
        script = Path(__file__).with_name("harbor_exporter.py")
        self._process = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def rows(self, document: bytes) -> list[dict[str, Any]]:
        """A row for every episode; none where no agent speaks, or where there are images."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(base64.b64encode(document).decode() + "\n")
        self._process.stdin.flush()
        rows: list[dict[str, Any]] = json.loads(self._process.stdout.readline())
        return rows

    def close(self) -> None:
        """Let the process end."""
        self._process.communicate()
