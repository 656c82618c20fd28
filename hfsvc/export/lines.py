"""JSON lines. Pure."""

import json
from typing import Any

import msgspec

from hfsvc import atif
from hfsvc.models import TrajectoryRow

_encoder = msgspec.json.Encoder()


def atif_line(row: TrajectoryRow) -> bytes:
    """A trajectory's ATIF document as a line."""
    return atif.encode(row.trajectory) + b"\n"


def json_line(value: Any) -> bytes:
    """A value as a line of JSON."""
    try:
        return _encoder.encode(value) + b"\n"
    except (UnicodeEncodeError, OverflowError):
        # Halves of characters, and in older msgspec integers of more than 64 bits.
        return json.dumps(value, separators=(",", ":")).encode() + b"\n"
