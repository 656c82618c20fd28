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
    return wanted == "all" or (_is_told(result) and succeeded(result or "") == (wanted == "success"))


def _is_told(result: str | None) -> bool:
    try:
        return bool(result and result.strip()) and not math.isnan(float(result or ""))
    except ValueError:
        return True
