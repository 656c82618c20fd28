"""Whether a run succeeded, as the ``result`` of its row says. Pure.

Source: Harbor's exporter, which writes the reward as text or the name of the exception that ended the run, and nothing
where there is neither. Other datasets say whether a task is resolved or passed, as a word, as a boolean or as 0 and 1.
"""

import math

from hfsvc.models import ResultFilter

_SAID = {
    **dict.fromkeys(
        ("true", "yes", "pass", "passed", "success", "succeeded", "successful", "resolved", "solved"), True
    ),
    **dict.fromkeys(("false", "no", "fail", "failed", "failure", "unresolved", "unsolved", "error"), False),
}


def succeeded(result: str) -> bool:
    """Whether a run got a reward above zero. One that an exception ended did not, as Harbor's own filter has it."""
    said = _SAID.get(result.strip().lower())
    if said is not None:
        return said
    try:
        return float(result) > 0
    except ValueError:
        return False


def passes(result: str | None, wanted: ResultFilter) -> bool:
    """Whether a row with this result passes a filter. One without a result is neither a success nor a failure."""
    return wanted == "all" or (has_result(result) and succeeded(result or "") == (wanted == "success"))


def has_result(result: str | None) -> bool:
    """Whether a result says anything."""
    try:
        return bool(result and result.strip()) and not math.isnan(float(result or ""))
    except ValueError:
        return True


def rank(result: str | None) -> float:
    """How good a result is beside others: its number, 1 or 0 for words, below all of these for none."""
    if result is None or not has_result(result):
        return -math.inf
    try:
        return float(result)
    except ValueError:
        return float(succeeded(result))
