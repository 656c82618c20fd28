"""Steps of several calls as steps of one call each, for templates and trainers that know no others. Pure."""

from collections.abc import Iterator

import msgspec

from hfsvc.atif import Observation, ObservationResult, Step, Trajectory
from hfsvc.models import TrajectoryRow

_REPEATED = ("metrics", "llm_call_count")
"""What of a step counts once, however many steps it becomes."""


def one_call_a_step(trajectory: Trajectory) -> Trajectory:
    """The same document with a step for every call.

    What the agent thought and said stands before the first call. Results go with the calls that they name; one that names
    none, because all calls together brought it about, with the last.
    """
    steps = [part for step in trajectory.steps for part in _parts(step)]
    if len(steps) == len(trajectory.steps):
        return trajectory
    numbered = [msgspec.structs.replace(step, step_id=number) for number, step in enumerate(steps, 1)]
    return msgspec.structs.replace(trajectory, steps=numbered)


def with_one_call(row: TrajectoryRow) -> TrajectoryRow:
    """A row with such a document."""
    return msgspec.structs.replace(row, trajectory=one_call_a_step(row.trajectory))


def _parts(step: Step) -> Iterator[Step]:
    calls = step.tool_calls or []
    if len(calls) < 2:
        yield step
        return
    results = step.observation.results if step.observation else []
    for index, call in enumerate(calls):
        is_last = index == len(calls) - 1
        own = [each for each in results if each.source_call_id == call.tool_call_id]
        own += [each for each in results if is_last and each.source_call_id is None]
        if not own and not is_last and results:
            own = [ObservationResult(source_call_id=call.tool_call_id, content="")]
        part = step if index == 0 else _without_words(step)
        yield msgspec.structs.replace(part, tool_calls=[call], observation=Observation(results=own) if own else None)


def _without_words(step: Step) -> Step:
    nothing = dict.fromkeys(_REPEATED)
    return msgspec.structs.replace(step, message="", reasoning_content=None, extra=None, **nothing)
