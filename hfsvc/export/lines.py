"""JSON of any value, also of one that does not fit UTF-8 or 64 bits: as a line, or as text. Pure."""

import json
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()


def json_line(value: Any) -> bytes:
    """A value as a line of JSON."""
    return _encode(value) + b"\n"


def plain_json(value: Any) -> str:
    """A value as JSON text."""
    return _encode(value).decode()


def _encode(value: Any) -> bytes:
    try:
        return _encoder.encode(value)
    except (UnicodeEncodeError, OverflowError):
        # Halves of characters, and in older msgspec integers of more than 64 bits.
        return json.dumps(value, separators=(",", ":")).encode()
