"""What a check says about a document: findings with a path, a stable code and what would mend it."""

import re
from typing import Literal

import msgspec

Path = tuple[str | int, ...]
"""Keys and indices from the root of a document to a place in it."""

Severity = Literal["error", "warning"]

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing that is wrong, or odd.

    Attributes:
        code: Stable name for machines; docs/atif.md lists them all.
        path: Where, as a JSON path: ``$`` is the document, ``$.steps[0].message`` a field.
        message: What was found there, for people.
        severity: An ``error`` makes the document invalid, a ``warning`` does not.
        hint: What would mend it, where that can be said.
    """

    code: str
    path: str
    message: str
    severity: Severity = "error"
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" ({self.hint})" if self.hint else "")


def json_path(path: Path) -> str:
    """``("steps", 0, "message")`` as ``$.steps[0].message``."""
    return "$" + "".join(_segment(key) for key in path)


def _segment(key: str | int) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f"[{key!r}]"
