"""Chunks of rows that are written at once, by the weight of their texts. Pure."""

from hfsvc.atif import Content, Trajectory
from hfsvc.models import TrajectoryRow

ROW_BYTES = 2000
STEP_BYTES = 200
"""What a row and a step weigh besides their texts, about."""


class RowChunks:
    """Gathers rows into chunks.

    Args:
        most: About how many bytes a chunk weighs.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._chunk: list[TrajectoryRow] = []
        self._weight = 0

    def add(self, row: TrajectoryRow) -> list[TrajectoryRow] | None:
        """The chunk that ends with this row, if one does."""
        self._chunk.append(row)
        self._weight += weight_of(row.trajectory)
        return self.rest() if self._weight >= self._most else None

    def rest(self) -> list[TrajectoryRow]:
        """What is in no chunk yet, as one."""
        found, self._chunk, self._weight = self._chunk, [], 0
        return found


def weight_of(trajectory: Trajectory) -> int:
    """About how many bytes a trajectory takes."""
    weight = ROW_BYTES
    for step in trajectory.steps:
        weight += STEP_BYTES + _length(step.message) + len(step.reasoning_content or "")
        for result in step.observation.results if step.observation else ():
            weight += STEP_BYTES + _length(result.content)
    return weight


def _length(content: Content | None) -> int:
    return len(content) if isinstance(content, str) else STEP_BYTES * len(content or ())
