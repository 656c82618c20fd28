"""Runs of several turns that stand in one message: what was called, what came of it, and on, as ReAct or Search-R1 have it.

Source: ReAct agents whose scratchpad is kept as one text, and Search-R1, whose answers stand in ``<information>``. Only
where every call is told apart from what came of it; else the message stays text.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from hfsvc.trajectories.styles.notations import command_tags, react
from hfsvc.trajectories.styles.notations.base import Broken, Call
from hfsvc.trajectories.styles.notations.thinking import split_thinking

_LABEL = re.compile(
    r"^[ \t]*(?:\*\*)?(?P<kind>Thought|Action[ _]Input|Action|Observation|Final Answer)(?: \d+)?:(?:\*\*)?[ \t]*",
    re.MULTILINE | re.IGNORECASE,
)
_ANSWER = re.compile(r"\s*<(information|execution_results)>(.*?)</\1>", re.DOTALL)


class RunTurn(NamedTuple):
    """A turn of a run: what was thought, said and called, and what came of the call; None where nothing is told."""

    reasoning: str | None
    message: str
    call: Call | None
    observation: str | None = None


class Run(NamedTuple):
    """The turns of a message, and the notation of their calls."""

    turns: list[RunTurn]
    notation: str


def run_in(text: str) -> Run | None:
    """The run that a whole message is; None where it is none, or where not all of it is understood."""
    if not _is_observed(text):
        return None
    for notation, read in (("react", _react), ("execute", _tagged)):
        turns = read(text)
        if turns and any(each.call and each.observation is not None for each in turns):
            return Run(turns, notation)
    return None


def _is_observed(text: str) -> bool:
    """A quick look, which says of most texts that nothing in them came of a call."""
    return "<information>" in text or "<execution_results>" in text or "observation" in text.casefold()


def _react(text: str) -> list[RunTurn] | None:
    pieces = list(_labelled(text))
    if not pieces or text[: _first(text)].strip():
        return None
    turns: list[RunTurn] = []
    thought: str | None = None
    while pieces:
        kind, body = pieces.pop(0)
        if kind != "observation" and turns and turns[-1].call and turns[-1].observation is None:
            return None
        if kind == "thought" and thought is None:
            thought = body
        elif kind == "action" and react.is_none(body) and pieces and pieces[0][0] == "final answer":
            continue
        elif kind == "action":
            given = f"\nAction Input: {pieces.pop(0)[1]}" if pieces and pieces[0][0] == "action input" else ""
            call = react.call_of(f"{body}{given}")
            if isinstance(call, Broken):
                return None
            turns.append(RunTurn(thought or None, "", call))
            thought = None
        elif kind == "observation" and turns and turns[-1].observation is None and thought is None:
            # An empty one at the end is where the model stopped.
            turns[-1] = turns[-1]._replace(observation=body if body or pieces else None)
        elif kind == "final answer":
            turns.append(RunTurn(thought or None, f"Final Answer: {body}", None))
            thought = None
        else:
            return None
    return [*turns, RunTurn(None, thought, None)] if thought else turns


def _first(text: str) -> int:
    label = _LABEL.search(text)
    return label.start() if label else len(text)


def _labelled(text: str) -> Iterator[tuple[str, str]]:
    labels = list(_LABEL.finditer(text))
    ends = [*(label.start() for label in labels), len(text)][1:]
    for label, end in zip(labels, ends, strict=bool(labels)):
        yield label["kind"].lower().replace("_", " "), text[label.end() : end].strip()


def _tagged(text: str) -> list[RunTurn] | None:
    found = command_tags.commands_in(text)
    if isinstance(found, Broken):
        return None
    turns: list[RunTurn] = []
    position = 0
    for number, (call, (start, end)) in enumerate(found, 1):
        answer = _ANSWER.match(text, end)
        if answer is None and number < len(found):
            return None
        said = split_thinking(text[position:start].strip())
        turns.append(RunTurn(said.reasoning, said.rest.strip(), call, answer and answer[2].strip()))
        position = answer.end() if answer else end
    rest = split_thinking(text[position:].strip())
    return [*turns, RunTurn(rest.reasoning, rest.rest, None)] if rest.reasoning or rest.rest else turns
