"""The calls of a document that share one result: a terminal shows what several commands did at once. Pure."""

from collections.abc import Iterable, Iterator

from hfsvc.atif import Step
from hfsvc.models import SharedResult


def shared_results(steps: Iterable[Step]) -> tuple[SharedResult, ...]:
    """The calls of each step that fewer results answer than there are calls, and no result names."""
    return tuple(found for step in steps if len(step.tool_calls or ()) > 1 for found in _of_step(step))


def _of_step(step: Step) -> Iterator[SharedResult]:
    results = step.observation.results if step.observation else []
    named = {result.source_call_id for result in results}
    waiting = tuple(call.tool_call_id for call in step.tool_calls or () if call.tool_call_id not in named)
    if 0 < sum(result.source_call_id is None for result in results) < len(waiting):
        yield SharedResult(step=step.step_id, calls=waiting)
