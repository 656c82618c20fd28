"""ATIF documents as JSON bytes and back, losslessly: what is written equals Harbor's own dump of the same file."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from hfsvc.atif.findings import Finding
from hfsvc.atif.media import media_parts
from hfsvc.atif.reading import UNREADABLE, Reading, read_document, too_deep
from hfsvc.atif.schema import AudioPart, Trajectory
from hfsvc.errors import InvalidTrajectory

_decoder = msgspec.json.Decoder(Trajectory)
_encoder = msgspec.json.Encoder()
# The literal stands first so that the search can skip to it; a leading class would look at every byte.
_NULL_VALUE = re.compile(rb"null(?<=[:,\[]null)[,\]}]")


def encode(trajectory: Trajectory) -> bytes:
    """Write a document as compact JSON in UTF-8, absent fields left out, fields in the format's order.

    It is what Harbor dumps: NaN and infinities stay in the format's own numbers (``NaN``, ``Infinity``, ``-Infinity``,
    which Python's json reads too) and become null inside free-form objects; a lone surrogate becomes its escape.

    Raises:
        RecursionError: A free-form object is nested deeper than Python can follow.
    """
    try:
        document = _encoder.encode(trajectory)
    except (UnicodeEncodeError, OverflowError):  # lone surrogates; integers of more than 64 bits in older msgspec
        return _encode_slowly(trajectory)
    # msgspec writes null for NaN. The format's own fields never hold null, so a document without one needs no look.
    if _NULL_VALUE.search(document) and _has_odd_number(trajectory):
        return _encode_slowly(trajectory)
    return document


def decode(document: bytes | str, *, where: str = "the document") -> Trajectory:
    """Read a document, with the types as Harbor takes them: the text ``"1"`` passes as an integer, for example.

    The rules between fields are not looked at: `hfsvc.atif.check` does that.

    Args:
        document: JSON of one trajectory.
        where: How an error names the document.

    Raises:
        InvalidTrajectory: The text is no JSON, or a field is missing, unknown or of the wrong type.
    """
    trajectory, findings = read(document)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        raise InvalidTrajectory(where=where, reason=f"{errors[0]}{more}")
    return trajectory


def read(document: bytes | str) -> Reading:
    """Read a document and say what is in the way; see `hfsvc.atif.reading.read_document` for what comes back."""
    try:
        return _decoder.decode(document), []
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _read_slowly(document)


def _read_slowly(document: bytes | str) -> Reading:
    try:
        # Not json.loads(bytes): that would guess UTF-16 and take a byte order mark.
        text = document.decode("utf-8") if isinstance(document, bytes) else document
        return read_document(json.loads(text))
    except RecursionError:
        return too_deep()
    except ValueError as error:
        hint = "one document, not JSON Lines" if "Extra data" in str(error) else None
        message = f"this is no JSON in UTF-8: {error}"
        return UNREADABLE, [Finding(code="not_json", path="$", message=message, hint=hint)]


def _encode_slowly(trajectory: Trajectory) -> bytes:
    text = json.dumps(_plain(trajectory), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def _has_odd_number(trajectory: Trajectory) -> bool:
    """Whether a field of the format, free-form objects left aside, holds NaN or an infinity."""
    numbers = (value for value in _numbers(trajectory) if isinstance(value, float))
    return not all(map(math.isfinite, numbers))


def _numbers(trajectory: Trajectory) -> Iterator[Any]:
    # Every field that may hold a float. A walk over all fields would cost four times the encoding itself.
    yield trajectory.final_metrics and trajectory.final_metrics.total_cost_usd
    for step in trajectory.steps:
        yield step.reasoning_effort
        if step.metrics:
            yield step.metrics.cost_usd
            yield from step.metrics.logprobs or ()
    for _, part in media_parts(trajectory):
        yield part.source.duration_sec if isinstance(part, AudioPart) else None
    for subagent in trajectory.subagent_trajectories or ():
        yield from _numbers(subagent)


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return _plain_struct(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _without_odd_numbers(value) if isinstance(value, dict) else value


def _plain_struct(struct: msgspec.Struct) -> dict[str, Any]:
    config = struct.__struct_config__
    tag = {config.tag_field: config.tag} if config.tag_field else {}
    fields = ((name, getattr(struct, name)) for name in struct.__struct_fields__)
    return tag | {name: _plain(value) for name, value in fields if value is not None}


def _without_odd_numbers(value: Any) -> Any:
    """A free-form object as Harbor dumps it: with null for NaN and infinities."""
    if isinstance(value, dict):
        return {key: _without_odd_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_odd_numbers(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
