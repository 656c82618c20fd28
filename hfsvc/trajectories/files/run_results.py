"""What stands of a run beside its document, in the ``result.json`` of its trial: result, task, name. Blocks: call it from a worker thread.

Source: Harbor's folders of jobs, ``TRIAL/agent/trajectory.json`` and ``TRIAL/result.json``, 2025 and 2026.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from hfsvc.models.file_kinds import result_file
from hfsvc.trajectories.files.base import RowFile, RowGroup
from hfsvc.trajectories.files.lenient_json import read_json

logger = logging.getLogger(__name__)
RUN_RESULT = "(result)"
"""The column that holds what the trial says of its result."""
RUN_COLUMNS = {"result": RUN_RESULT, "task": "(task)", "trial_name": "(trial_name)"}
"""The columns that hold what the trial says, by what summaries call it."""


def with_result(rows: RowFile, read: Callable[[str], bytes], file: str) -> RowFile:
    """The rows of a file; with those of `RUN_COLUMNS` that its trial tells, where it is the document of one run.

    `read` gives the content of another file of the dataset.
    """
    beside = result_file(file)
    told = _read_told(read, beside) if beside and rows.rows == 1 else {}
    return _ToldRowFile(rows, told) if told else rows


def _read_told(read: Callable[[str], bytes], path: str) -> dict[str, str]:
    """What a trial says, by the columns of `RUN_COLUMNS`; those of which it says nothing are missing."""
    try:
        found = read_json(read(path)).value
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        logger.warning("%s is no result of a run that can be read: %s", path, error)
        return {}
    said = {"result": _result(found), "task": _member(found, "task_name"), "trial_name": _member(found, "trial_name")}
    return {RUN_COLUMNS[name]: str(value) for name, value in said.items() if value is not None}


def _result(found: Any) -> Any:
    """The reward of a trial, or the name of the exception that ended it; None where neither is told."""
    rewards = _member(_member(found, "verifier_result"), "rewards")
    values = [*rewards.values()] if isinstance(rewards, dict) else []
    reward = _member(rewards, "reward") if len(values) != 1 else values[0]
    return reward if reward is not None else _member(_member(found, "exception_info"), "exception_type")


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


class _ToldRowFile:
    """A file of one row with columns of what its trial says."""

    def __init__(self, rows: RowFile, told: dict[str, str]) -> None:
        self._rows = rows
        self._told = told
        self.schema: pa.Schema = pa.schema([*rows.schema, *(pa.field(column, pa.string()) for column in told)])

    @property
    def rows(self) -> int:
        return self._rows.rows

    @property
    def leaves(self) -> list[str]:
        return [*self._rows.leaves, *self._told]

    @property
    def groups(self) -> tuple[RowGroup, ...]:
        return self._rows.groups

    def batches(self, columns: list[str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        for row, batch in self._rows.batches([name for name in columns if name not in self._told], start):
            for column in filter(columns.__contains__, self._told):
                batch = batch.append_column(column, pa.array([self._told[column]] * batch.num_rows, pa.string()))
            yield row, batch
