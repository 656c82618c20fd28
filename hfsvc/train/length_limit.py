"""What becomes of a run of more tokens than a trainer takes: left out, its tool outputs cut, or several runs. Pure."""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

from hfsvc.atif import Trajectory
from hfsvc.train.shorter_runs import Turns, episode_of, turns_of, with_outputs

TooLong = Literal["drop", "truncate-tools", "split-episodes"]
TOO_LONG: tuple[TooLong, ...] = get_args(TooLong)
CountTokens = Callable[[Trajectory], int]
"""How many tokens a run has."""


class LengthLimit(NamedTuple):
    """The most tokens of a run, and what becomes of one with more."""

    max_tokens: int
    too_long: TooLong = "drop"


class Fitted(NamedTuple):
    """What became of a run.

    Attributes:
        runs: That fit; none where it is left out.
        cut_outputs: Tool outputs of which the middle was left out.
        dropped_turns: Turns that fit into no run.
    """

    runs: list[Trajectory]
    cut_outputs: int = 0
    dropped_turns: int = 0


def fit(run: Trajectory, limit: LengthLimit, count: CountTokens) -> Fitted:
    """A run, made to fit.

    ``truncate-tools`` leaves out the middle of tool outputs, of the largest first, as little as needed, and says there
    how much. ``split-episodes`` cuts between turns (an answer and what follows it, up to the next): each run begins
    with what stands before the first answer. Where that does not help, the run is left out.
    """
    if count(run) <= limit.max_tokens:
        return Fitted([run])
    if limit.too_long == "truncate-tools":
        return _with_shorter_outputs(run, limit.max_tokens, count)
    if limit.too_long == "split-episodes":
        return _episodes(run, limit.max_tokens, count)
    return Fitted([])


def cut_middle(text: str, kept: int) -> str:
    """A text of which so many characters are kept, from both its ends; it says how many are not."""
    head = (kept + 1) // 2
    tail = len(text) - (kept - head)
    made = f"{text[:head]}\n[... {tail - head} characters left out ...]\n{text[tail:]}"
    return made if len(made) < len(text) else text


def _with_shorter_outputs(run: Trajectory, most: int, count: CountTokens) -> Fitted:
    fits, too_many = -1, max(_lengths(run), default=0)
    while too_many - fits > 1:
        kept = (fits + too_many) // 2
        if count(_cut(run, kept)[0]) <= most:
            fits = kept
        else:
            too_many = kept
    if fits < 0:
        return Fitted([])
    made, cut = _cut(run, fits)
    return Fitted([made], cut_outputs=cut)


def _lengths(run: Trajectory) -> list[int]:
    found: list[int] = []

    def note(text: str) -> str:
        found.append(len(text))
        return text

    with_outputs(run, note)
    return found


def _cut(run: Trajectory, kept: int) -> tuple[Trajectory, int]:
    """A run whose tool outputs have at most about so many characters, and how many of them were cut."""
    cut = 0

    def shorten(text: str) -> str:
        nonlocal cut
        short = cut_middle(text, kept) if len(text) > kept else text
        cut += short != text
        return short

    return with_outputs(run, shorten), cut


def _episodes(run: Trajectory, most: int, count: CountTokens) -> Fitted:
    parts = turns_of(run)
    made: list[Trajectory] = []
    dropped, start = 0, 0
    while start < len(parts.turns):
        stop = _last_fitting(run, parts, start, most, count)
        if stop > start:
            made.append(_episode(run, parts, start, stop))
        else:
            dropped += 1
        start = max(stop, start + 1)
    return Fitted(made, dropped_turns=dropped)


def _last_fitting(run: Trajectory, parts: Turns, start: int, most: int, count: CountTokens) -> int:
    """Up to which turn a run from `start` on fits; `start` where not even one does."""
    fits, too_many = start, len(parts.turns) + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if count(_episode(run, parts, start, middle)) <= most:
            fits = middle
        else:
            too_many = middle
    return fits


def _episode(run: Trajectory, parts: Turns, start: int, stop: int) -> Trajectory:
    return episode_of(run, [*parts.head, *(step for turn in parts.turns[start:stop] for step in turn)])
