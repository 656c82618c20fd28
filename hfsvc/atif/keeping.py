"""Keeping values that a version has no field for, inside an ``extra`` object, and putting them back later.

A record under `MOVED` names each place relative to the object that has the ``extra``, with what stood there (``was``) and
what stands there instead (``now``)::

    "extra": {"atif_moved": {"message": {"was": [{"type": "text", "text": "hi"}], "now": "hi"}}}
"""

import re
from typing import Any

import msgspec

from hfsvc.atif.schema import Content, Observation, SubagentTrajectoryRef, Trajectory

Json = dict[str, Any]

MOVED = "atif_moved"
_NO_EXTRA = "no_extra"
"""In a record: the object had no ``extra`` before."""

_PLACE = re.compile(r"(?:(?P<list>tool_calls|observation\.results)\[(?P<index>\d{1,9})\]\.)?(?P<field>\w+)")
_KEEPABLE: dict[str, Any] = {
    "completion_token_ids": list[int],
    "content": Content,
    "continued_trajectory_ref": str,
    "extra": dict[str, Any],
    "is_copied_context": bool,
    "llm_call_count": int,
    "message": Content,
    "observation": Observation,
    "prompt_token_ids": list[int],
    "session_id": None,
    "subagent_trajectories": list[Trajectory],
    "subagent_trajectory_ref": list[SubagentTrajectoryRef],
    "tool_definitions": list[dict[str, Any]],
    "trajectory_id": str,
}
"""The fields that some version lacks, and their types."""


def keep(holder: Json, place: str, was: Any, now: Any = None) -> Any:
    """Write a value down in the ``extra`` of `holder`.

    Returns:
        What stood in the way and is gone: something that is no record, or an older value of the same place that could
        not be put back.
    """
    extra = holder.get("extra")
    record, obstacle = _own_record((extra or {}).get(MOVED))
    if extra is None:
        record[_NO_EXTRA] = True
    if place in record:
        obstacle = record[place]
    record[place] = {"was": was} if now is None else {"was": was, "now": now}
    holder["extra"] = {**(extra or {}), MOVED: record}
    return obstacle


def put_back(holder: Json) -> list[str]:
    """Undo what `keep` wrote down about `holder`, except where the place has been changed since.

    Returns:
        The places that have their own value again.
    """
    extra = holder.get("extra")
    record, obstacle = _own_record(extra.get(MOVED)) if extra else ({}, None)
    if not extra or obstacle is not None or not record:
        return []
    restored = [place for place, entry in record.items() if place != _NO_EXTRA and _restore(holder, place, entry)]
    _forget(holder, extra, {place: entry for place, entry in record.items() if place not in restored})
    return restored


def _forget(holder: Json, extra: Json, record: Json) -> None:
    others = {key: value for key, value in extra.items() if key != MOVED}
    if record.keys() - {_NO_EXTRA}:
        holder["extra"] = others | {MOVED: record}
    elif others or _NO_EXTRA not in record:
        holder["extra"] = others
    else:
        del holder["extra"]


def _own_record(value: Any) -> tuple[Json, Any]:
    """A copy of the record, if it is one; else an empty one, and what stands there."""
    entries = value.items() if isinstance(value, dict) else ()
    own = all(key == _NO_EXTRA or (isinstance(entry, dict) and "was" in entry) for key, entry in entries)
    return (dict(entries), None) if own and (value is None or entries) else ({}, value)


def _restore(holder: Json, place: str, entry: Json) -> bool:
    match = _PLACE.fullmatch(place)
    if match is None or not _fits(match["field"], entry["was"]):
        return False
    target = _listed(holder, match["list"], int(match["index"])) if match["list"] else holder
    if target is None or target.get(match["field"]) != entry.get("now"):
        return False
    target.pop(match["field"], None)
    if entry["was"] is not None:
        target[match["field"]] = entry["was"]
    return True


def _fits(field: str, value: Any) -> bool:
    """Records lie in documents that anyone may have edited, so a value must still be one for its field."""
    try:
        msgspec.convert(value, _KEEPABLE[field])
    except (KeyError, msgspec.ValidationError):
        return False
    return True


def _listed(holder: Json, name: str, index: int) -> Json | None:
    items = holder.get("tool_calls") if name == "tool_calls" else (holder.get("observation") or {}).get("results")
    return items[index] if items and index < len(items) else None
