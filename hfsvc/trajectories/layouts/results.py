"""What the columns of a row say of its run's result: a word, a number, a flag, or an object or a list around one. Pure.

Source: Harbor's rewards, SWE-bench's reports and the columns of public datasets in 2025 and 2026.
"""

import math
from typing import Any

from hfsvc.trajectories.files.lenient_json import read_json

COLUMNS = ("result", "resolved", "target", "reward")
"""Columns that are the result, and read as nothing else."""

FURTHER_COLUMNS = (
    *("success", "is_success", "successful", "is_successful", "is_resolved", "solved", "is_solved"),
    *("passed", "is_passed", "pass", "correct", "is_correct", "outcome", "verdict"),
    *("final_reward", "rewards", "verifier_result", "score", "final_score"),
)
"""Columns that are a result, too, the likeliest first; numbers and flags among them are kept under their own names."""

# What is written where a run has no result, in small letters.
_NOTHING = frozenset({"", "nan", "none", "null", "n/a", "na", "<na>", "-", "[]", "{}"})
# What an object says of a result, the first that it has.
KEYS = ("resolved", "passed", "success", "reward", "score", "is_resolved", "correct", "rewards")

_SUCCESS = (
    *("true", "yes", "pass", "passed", "success", "succeeded", "successful", "resolved", "solved", "resolved_full"),
    *("correct", "right", "ok", "okay", "accepted"),
)
_FAILURE = ("false", "no", "fail", "failed", "failure", "unresolved", "unsolved", "error", "incorrect", "wrong")
_SAID = dict.fromkeys(_SUCCESS, True) | dict.fromkeys(_FAILURE, False)


def verdict(text: str) -> bool | None:
    """Whether a word or a number says that a run succeeded; None for any other text."""
    said = _SAID.get(text.strip().lower())
    try:
        return float(text) > 0 if said is None else said
    except ValueError:
        return None


def only_result(value: Any) -> Any:
    """A value of a column that may hold something else than results; None where it does."""
    text = result_text(value)
    return value if text is not None and verdict(text) is not None else None


def is_no_result(value: Any) -> bool:
    """Whether a text stands where there is no result."""
    return isinstance(value, str) and value.strip().lower() in _NOTHING


def result_text(value: Any) -> str | None:
    """A result as text; of an object what it says of one, of a list of one item the item."""
    found = _inner(_parsed(value))
    if isinstance(found, float) and math.isnan(found):
        return None
    if found is None:
        return value if isinstance(value, str) and not is_no_result(value) else None
    if isinstance(found, bool):
        return str(found).lower()
    return None if is_no_result(found) else str(found)


def _inner(value: Any) -> Any:
    if isinstance(value, dict):
        said = next((value[name] for name in KEYS if value.get(name) is not None), None)
        return _inner(said)
    if isinstance(value, list):
        return _inner(value[0]) if len(value) == 1 else None
    return value


def _parsed(value: Any) -> Any:
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return read_json(value).value
    except (ValueError, RecursionError):
        return value
