"""Globs over the paths of a listing. Pure.

Globs as in a shell: ``*`` stops at ``/``, ``**`` crosses it and matches nothing too, dot files match, braces work, case
counts.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from wcmatch import glob

from hfsvc.errors import InvalidPattern

_FLAGS = glob.GLOBSTAR | glob.BRACE | glob.DOTGLOB | glob.FORCEUNIX | glob.CASE
_SIGNS = re.compile(r"[*?\[{]")


class Matcher(Protocol):
    """Says of a path whether any of its patterns means it."""

    def __call__(self, path: str) -> bool: ...


def make_matcher(patterns: Sequence[str]) -> Matcher:
    """A matcher for all `patterns` together.

    ``dir/`` means everything below it. A text that is exactly a path means that path, and one that is exactly a folder
    with a ``/`` behind it what is below, whatever glob signs they hold.

    Raises:
        InvalidPattern: Too many alternatives, or no pattern at all.
    """
    exact = frozenset(patterns)
    folders = tuple(pattern for pattern in patterns if pattern.endswith("/"))
    globs = [_as_glob(pattern) for pattern in patterns]
    if "" in exact:
        raise InvalidPattern(pattern="", reason="it is empty")
    try:
        compiled = glob.compile(globs, flags=_FLAGS) if globs else None
    except Exception as error:  # wcmatch does not export the class it raises for too many alternatives
        raise InvalidPattern(pattern=" ".join(patterns), reason=str(error)) from None
    return lambda path: (
        path in exact or path.startswith(folders) or (compiled is not None and bool(compiled.match(path)))
    )


def exactly(path: str) -> str:
    """The pattern that means one path and no other, whatever glob signs it holds."""
    return _SIGNS.sub(r"\\\g<0>", path)


def _as_glob(pattern: str) -> str:
    pattern = pattern.removeprefix("./")
    return f"{pattern}**" if pattern.endswith("/") else pattern


def would_match_deeper(paths: Sequence[str], include: Sequence[str]) -> str | None:
    """The same pattern with ``**/`` in front, where that would have found something."""
    for pattern in include:
        deeper = f"**/{pattern.removeprefix('/')}"
        matches = make_matcher([deeper])
        if not pattern.startswith("**/") and any(matches(path) for path in paths):
            return deeper
    return None
