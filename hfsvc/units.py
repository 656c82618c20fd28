"""Sizes of bytes as people read and write them."""

import math
import re

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgt]?)(i?)b?|bytes?)", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def format_free(count: int | None) -> str:
    """Room on a disk for people; None is what it does not tell."""
    return "an unknown amount" if count is None else format_bytes(count)


def format_bytes(count: int) -> str:
    """A size for people: decimal units, as the Hub's pages show them (``109.7 MB``)."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if abs(size) < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"


def parse_bytes(text: str) -> int | None:
    """The bytes that a size stands for: ``2GB``, ``1.5 MB``, ``500MiB``, ``1000``; None for what is no size."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        return None
    scale = math.pow(1024 if found[3] else 1000, _POWERS[(found[2] or "").lower()])
    return round(float(found[1]) * scale)
