"""The Terminus 2 harness, in JSON: ``{"analysis", "plan", "commands": [{"keystrokes", "duration"}], "task_complete"}``.

It may stand in a fence and among prose, none of which the harness heeds. An object that lacks one of the first three
fields was refused by it.
"""

from typing import Any

import msgspec

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.json_values import NotJson, objects_in, parse_json
from hfsvc.trajectories.styles.notations.terminus import DEFAULT_DURATION, RUN, done, run, said

FIELDS = ("analysis", "plan", "commands")
_YES = {"true", "1", "yes"}


class _Command(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    keystrokes: str
    duration: float = DEFAULT_DURATION


class Batch(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What the harness runs, of usual fields alone; a duration is in seconds."""

    analysis: str
    plan: str
    commands: list[_Command]
    task_complete: bool = False


_decode = msgspec.json.Decoder(Batch).decode


def opens(text: str) -> int:
    """Where a batch may start; -1 where there is none."""
    start = text.find("{")
    return start if start >= 0 and ('"commands"' in text or '"analysis"' in text) else -1


def decode_plain(text: str) -> Batch | None:
    """The batch of a message that is one and nothing else, with the usual fields, as nearly all are; None for all others."""
    if text[:16].lstrip()[:1] != "{":
        return None
    try:
        return _decode(text)
    except (msgspec.MsgspecError, ValueError):
        return None


def parse_plain(text: str) -> ParsedText | None:
    """The same as calls."""
    if (batch := decode_plain(text)) is None:
        return None
    calls = [Call(RUN, {"keystrokes": each.keystrokes, "duration": each.duration}) for each in batch.commands]
    return ParsedText(said(batch.analysis, batch.plan), [*calls, done()] if batch.task_complete else calls)


def parse(text: str) -> ParsedText | Broken:
    """The batch of a message."""
    batch = _batch(text)
    if isinstance(batch, Broken):
        return batch
    complete = _is_complete(batch.get("task_complete"))
    calls = _calls(batch["commands"])
    if isinstance(calls, Broken):
        # The harness takes the end of the task, and no command with it.
        calls = [] if complete else calls
    if isinstance(calls, Broken):
        return calls
    return ParsedText(said(batch["analysis"], batch["plan"]), [*calls, done()] if complete else calls)


def _batch(text: str) -> dict[str, Any] | Broken:
    try:
        found = parse_json(text)
        if isinstance(found, dict) and not _lacking(found):
            return found
    except NotJson:
        pass
    reasons = []
    for each in objects_in(text):
        if isinstance(each, NotJson):
            reasons.append(f"its JSON does not parse: {each}")
        elif lacking := _lacking(each):
            reasons.append(f"its JSON has no {', '.join(lacking)}")
        else:
            return each
    return Broken(reasons[0] if reasons else "it has no JSON object")


def _lacking(batch: dict[str, Any]) -> list[str]:
    return [field for field in FIELDS if field not in batch]


def _is_complete(said_so: Any) -> bool:
    return said_so.lower() in _YES if isinstance(said_so, str) else bool(said_so)


def _calls(commands: Any) -> list[Call] | Broken:
    if not isinstance(commands, list):
        return Broken("its commands are no list")
    calls = []
    for number, command in enumerate(commands, 1):
        keystrokes = command.get("keystrokes") if isinstance(command, dict) else None
        if not isinstance(keystrokes, str):
            return Broken(f"its command {number} has no keystrokes")
        # A number in quotes is none to the harness.
        duration = command.get("duration")
        calls.append(run(keystrokes, None if isinstance(duration, str) else duration))
    return calls
