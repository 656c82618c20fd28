"""Whether a run succeeded, as the ``result`` of its row says. Pure.

Source: Harbor's exporter, which writes the reward as text or the name of the exception that ended the run, and nothing
where there is neither. Other datasets say whether a task is resolved, as a boolean or as 0 and 1.
"""

from hfsvc.models import ResultFilter

_SAID = {"true": True, "false": False}


def succeeded(result: str) -> bool:
    """Whether a run got a reward above zero. One that an exception ended did not, as Harbor's own filter has it."""
    said = _SAID.get(result.lower())
    if said is not None:
        return said
    try:
        return float(result) > 0
    except ValueError:
        return False


def passes(result: str | None, wanted: ResultFilter) -> bool:
    """Whether a row with this result passes a filter. One without a result is neither a success nor a failure."""
    return wanted == "all" or (result is not None and succeeded(result) == (wanted == "success"))
