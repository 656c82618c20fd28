"""Keeping values that a version has no field for, inside an ``extra`` object, and putting them back later.

A record under `MOVED` names each place relative to the object that has the ``extra``, with what stood there (``was``) and
what stands there instead (``now``)::

    "extra": {"atif_moved": {"message": {"was": [{"type": "text", "text": "hi"}], "now": "hi"}}}
"""

import re
from typing import Any

Json = dict[str, Any]

MOVED = "atif_moved"
_NO_EXTRA = "no_extra"
"""In a record: the object had no ``extra`` before."""

_STEP = re.compile(r"[^.\[\]]+")


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
    *way, last = _STEP.findall(place)
    target: Any = holder
    for key in way:
        target = _member(target, key)
    if not isinstance(target, dict) or target.get(last) != entry.get("now"):
        return False
    target.pop(last, None)
    if entry["was"] is not None:
        target[last] = entry["was"]
    return True


def _member(value: Any, key: str) -> Any:
    if isinstance(value, list):
        return value[int(key)] if key.isdecimal() and int(key) < len(value) else None
    return value.get(key) if isinstance(value, dict) else None
