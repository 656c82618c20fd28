"""The result of a run that stands beside the run's document, in the ``result.json`` of its trial. Blocks: call it from a worker thread.

Source: Harbor's folders of jobs, ``TRIAL/agent/trajectory.json`` and ``TRIAL/result.json``, 2025 and 2026.
"""

import logging
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from hfsvc.models.file_kinds import RUNS, kind_of
from hfsvc.trajectories.files.base import RowFile, RowGroup
from hfsvc.trajectories.files.lenient_json import read_json

logger = logging.getLogger(__name__)
RUN_RESULT = "(result)"
"""The column that holds what the trial says of its result."""


def result_file(file: str) -> str | None:
    """Where the result of a document's run would be; None for files that are no documents of trials. Pure."""
    path = PurePosixPath(file)
    return str(path.parent.with_name("result.json")) if kind_of(file) is RUNS and path.parent.name == "agent" else None


def with_result(rows: RowFile, folder: Path, file: str) -> RowFile:
    """The rows of a file; with `RUN_RESULT`, where it is the document of one run that has a result."""
    beside = result_file(file)
    result = read_result(folder / beside) if beside and rows.rows == 1 else None
    return rows if result is None else _ResultRowFile(rows, result)


def read_result(path: Path) -> str | None:
    """The reward of a trial as text, or the name of the exception that ended it; None where neither is told."""
    try:
        found = read_json(path.read_bytes()).value
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        logger.warning("%s is no result of a run that can be read: %s", path, error)
        return None
    rewards = _member(_member(found, "verifier_result"), "rewards")
    values = [*rewards.values()] if isinstance(rewards, dict) else []
    reward = _member(rewards, "reward") if len(values) != 1 else values[0]
    said = reward if reward is not None else _member(_member(found, "exception_info"), "exception_type")
    return None if said is None else str(said)


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


class _ResultRowFile:
    """A file of one row with the column `RUN_RESULT`."""

    def __init__(self, rows: RowFile, result: str) -> None:
        self._rows = rows
        self._result = result
        self.schema: pa.Schema = rows.schema.append(pa.field(RUN_RESULT, pa.string()))

    @property
    def rows(self) -> int:
        return self._rows.rows

    @property
    def leaves(self) -> list[str]:
        return [*self._rows.leaves, RUN_RESULT]

    @property
    def groups(self) -> tuple[RowGroup, ...]:
        return self._rows.groups

    def batches(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        for row, batch in self._rows.batches([name for name in columns if name != RUN_RESULT], start):
            told = pa.array([self._result] * batch.num_rows, pa.string())
            yield row, batch.append_column(RUN_RESULT, told) if RUN_RESULT in columns else batch
