"""Whether a run succeeded, as the ``result`` of its row says. Pure.

Source: Harbor's exporter, which writes the reward as text or the name of the exception that ended the run, and nothing
where there is neither. Other datasets say whether a task is resolved or passed, as a word, as a boolean or as 0 and 1.
"""

import math

from hfsvc.models import ResultFilter
from hfsvc.trajectories.layouts.results import result_text, verdict

# That a run came to its end, but not to which one.
_ENDED = frozenset({
    "complete",
    "completed",
    "done",
    "finished",
    "submitted",
    "unknown",
    "pending",
    "running",
    "skipped",
})


def succeeded(result: str) -> bool:
    """Whether a run got a reward above zero. One that an exception ended did not, as Harbor's own filter has it."""
    return verdict(result) or False


def passes(result: str | None, wanted: ResultFilter) -> bool:
    """Whether a row with this result passes a filter. One without a result is neither a success nor a failure."""
    said = result_text(result)
    return wanted == "all" or (said is not None and tells(said) and succeeded(said) == (wanted == "success"))


def tells(result: str | None) -> bool:
    """Whether a result says how a run ended: several numbers in a list do not, nor does a word for its end alone."""
    said = (result_text(result) or "").strip().lower()
    return bool(said) and said not in _ENDED and not said.startswith(("[", "{"))


def rank(result: str | None) -> float:
    """How good a result is beside others: its number, 1 or 0 for words, below all of these where it does not tell."""
    said = result_text(result)
    if said is None or not tells(said):
        return -math.inf
    try:
        return float(said)
    except ValueError:
        return float(succeeded(said))
