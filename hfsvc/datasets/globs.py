"""Globs over the paths of a listing. Pure.

Globs as in a shell: ``*`` stops at ``/``, ``**`` crosses it and matches nothing too, dot files match, braces work, case
counts.
"""

import re
from collections.abc import Callable, Sequence
from typing import Protocol

import bracex
from wcmatch import glob

from hfsvc.errors import InvalidPattern

_FLAGS = glob.GLOBSTAR | glob.BRACE | glob.DOTGLOB | glob.FORCEUNIX | glob.CASE
_SIGNS = re.compile(r"[*?\[{\\]")
_TOKEN = re.compile(r"\\.|\[[!^]?\]?[^\]]*\]|.", re.DOTALL)
_DOTS = re.compile(r"(?:^|(?<=/))\.{1,2}(?=/|$)")
_MOST_ALTERNATIVES = 1000


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
        # One expression for all of them: matchers of wcmatch take three times as long, which counts for 100,000 paths.
        # Without any it matches nothing.
        match = re.compile("|".join(glob.translate(globs, flags=_FLAGS)[0]) or r"(?!)").fullmatch
    except Exception as error:  # wcmatch does not export the class it raises for too many alternatives
        raise InvalidPattern(pattern=" ".join(patterns), reason=str(error)) from None
    return lambda path: path in exact or path.startswith(folders) or match(_plain(path)) is not None


def exactly(path: str) -> str:
    """The pattern that means one path and no other, whatever glob signs it holds."""
    return _SIGNS.sub(r"\\\g<0>", path)


def leaving_out(path: str) -> str:
    """A pattern that can be typed and means a path, whatever its name holds."""
    return "".join(char if char.isprintable() else "?" for char in exactly(path))


def _plain(path: str) -> str:
    # No sign matches these parts, and what a listing holds must not be passed over in silence.
    return _DOTS.sub("_", path) if path.startswith(".") or "/." in path else path


def _as_glob(pattern: str) -> str:
    pattern = _plain(pattern.removeprefix("./"))
    return f"{pattern}**" if pattern.endswith("/") else pattern


def would_match_deeper(paths: Sequence[str], include: Sequence[str]) -> str | None:
    """The same pattern with ``**/`` in front, where that would have found something."""
    for pattern in include:
        deeper = f"**/{pattern.removeprefix('/')}"
        matches = make_matcher([deeper])
        if not pattern.startswith("**/") and any(matches(path) for path in paths):
            return deeper
    return None


def covers(wider: str, narrower: str) -> bool:
    """True only where `wider` matches every path that `narrower` may match, whatever there is.

    Signs are held against signs: what it cannot tell, such as one set of letters within another, it does not say.
    """
    return all(
        any(_covers(_segments(wide), _segments(narrow), _segment_covers, "**") for wide in _alternatives(wider))
        for narrow in _alternatives(narrower)
    )


def _alternatives(pattern: str) -> list[str]:
    return bracex.expand(_as_glob(pattern), keep_escapes=True, limit=_MOST_ALTERNATIVES)


def _segments(pattern: str) -> tuple[str, ...]:
    parts = tuple(pattern.split("/"))
    # In the end it stands for one part at least.
    return (*parts, "*") if parts[-1] == "**" else parts


def _covers(wider: tuple[str, ...], narrower: tuple[str, ...], same: Callable[[str, str], bool], anything: str) -> bool:
    """Whether a sequence covers another one; `anything` stands for any number of others."""
    if not wider:
        return not narrower
    if wider[0] == anything:
        rest = bool(narrower) and _covers(wider, narrower[1:], same, anything)
        return rest or _covers(wider[1:], narrower, same, anything)
    if not narrower or narrower[0] == anything or not same(wider[0], narrower[0]):
        return False
    return _covers(wider[1:], narrower[1:], same, anything)


def _segment_covers(wider: str, narrower: str) -> bool:
    return _covers(tuple(_TOKEN.findall(wider)), tuple(_TOKEN.findall(narrower)), _token_covers, "*")


def _token_covers(wider: str, narrower: str) -> bool:
    return wider == "?" or wider.removeprefix("\\") == narrower.removeprefix("\\")
