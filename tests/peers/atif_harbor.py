"""Asking Harbor: its validator and its dump, in a process of its own."""

import base64
import json
import subprocess
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

BATCH = 500


class Harbor:
    """A process that judges documents with Harbor's own code. `python` must have harbor 0.25 and pydantic."""

    def __init__(self, python: str) -> None:
        script = Path(__file__).with_name("harbor_judge.py")
        self._process = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def judge(self, documents: Iterable[bytes], *, media: bool = False) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Each document and what Harbor says: ``valid``, ``errors``, and ``dump`` as JSON text."""
        iterator = iter(documents)
        while batch := list(islice(iterator, BATCH)):
            yield from zip(batch, self._ask(batch, media=media), strict=True)

    def _ask(self, documents: list[bytes], *, media: bool) -> list[dict[str, Any]]:
        assert self._process.stdin
        assert self._process.stdout
        order = {"documents": [base64.b64encode(document).decode() for document in documents], "media": media}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        verdicts: list[dict[str, Any]] = json.loads(self._process.stdout.readline())
        return verdicts

    def close(self) -> None:
        """Let the process end."""
        self._process.communicate()
