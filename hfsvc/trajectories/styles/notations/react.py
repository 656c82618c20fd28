"""ReAct: ``Thought: …``, ``Action: f``, ``Action Input: {…}``, and its kin with ``THOUGHT:``, ``Think:``, ``ACTION:``, ``Act:``.

Source: LangChain's agents (with an input), AgentInstruct (``Act: bash`` and a fence, ``Act: answer(220)``, ``ACTION: go to
desk 1``), AgentGym (the action on the next line), OpenManus, Command R (a list in a fence). An action in free words is the call ``action``. The environment
answers in the next message: where ``Observation:`` follows in the same one, several turns stand in it.
"""

import re
from typing import Any

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.call_lists import unfenced
from hfsvc.trajectories.styles.notations.json_values import NotJson, parse_json, parse_object
from hfsvc.trajectories.styles.notations.openai_calls import all_of
from hfsvc.trajectories.styles.notations.openai_calls import call_of as read_call
from hfsvc.trajectories.styles.notations.python_values import NotPython, call_at, literal

FREE = "action"
"""The name of an action in free words."""

INPUT = "input"
_SHELLS = {"bash", "sh", "shell", "terminal", "execute_bash"}
_ACTION = re.compile(r"^[ \t]*(?:\*\*)?(?:Action|ACTION|Act)(?: \d+)?:(?:\*\*)?[ \t]*", re.MULTILINE)
_THOUGHT = re.compile(r"\s*(?:\*\*)?(?:Thought|THOUGHT|Think|Thinking)(?: \d+)?:(?:\*\*)?\s*")
_INPUT = re.compile(
    r"(?:^[ \t]*|\bwith[ \t]+)(?:\*\*)?(?:Action[ _]Input|ACTION[ _]INPUT|Final Answer)(?: \d+)?:(?:\*\*)?[ \t]*",
    re.MULTILINE,
)
_OBSERVATION = re.compile(r"^[ \t]*(?:Observation|OBSERVATION)(?: \d+)?:", re.MULTILINE)
_FINAL = re.compile(r"^[ \t]*(?:\*\*)?Final Answer:(?:\*\*)?[ \t]*", re.MULTILINE)
# Where the model was stopped.
_STOP = re.compile(r"\n[ \t]*(?:\*\*)?(?:Observation|OBSERVATION)(?: \d+)?:(?:\*\*)?\s*(?:<\|im_end\|>\s*)?\Z")
_NOTHING = re.compile(r"(?:none|nothing|no action|n/?a)\b[^\n(\[{]*", re.IGNORECASE)
_LABEL = 16
"""How far into a text a fence and its label reach."""

_LISTED = {"tool_name", "name", "parameters", "arguments", "tool_call_id"}
_NAME = re.compile(r"[^\s`(\[{]{1,128}")
_FENCED = re.compile(r"([^\s`(\[{]{1,128})\s*```[^\n`]*\n(.*?)\n?```", re.DOTALL)
_BRACKETS = re.compile(r"([^\s`(\[{]{1,128})(?:\((.*)\)|\[(.*)\])", re.DOTALL)


def opens(text: str) -> int:
    """Where an action starts; -1 where there is none, or where nothing says that it is more than prose."""
    action = _ACTION.search(text) if "Act" in text or "ACTION" in text else None
    if action is None:
        final = _FINAL.search(text) if "Final Answer:" in text and _THOUGHT.match(text) else None
        return final.start() if final else -1
    if _THOUGHT.match(text) or _INPUT.search(text, action.end()):
        return action.start()
    body = text[action.end() :].strip()
    is_bare = not text[: action.start()].strip() and _BRACKETS.fullmatch(body)
    return action.start() if is_bare or _fenced(body) or _structured(body) or _listed(body) else -1


def parse(text: str) -> ParsedText | Broken:
    """The action of a message, and the thought before it."""
    action = _ACTION.search(text)
    if action is None:
        return _final(text)
    body = text[action.end() :]
    if "bservation" in body or "OBSERVATION" in body:
        body = _STOP.sub("", body)
    if _ACTION.search(body) or _OBSERVATION.search(body):
        return Broken("several actions, or what came of one, stand in the same message")
    if is_none(body) and (final := _FINAL.search(body)):
        return _final(text[: action.start()] + body[final.start() :])
    call = call_of(body.strip())
    calls = _listed(body) or ([call] if isinstance(call, Call) else [])
    if isinstance(call, Broken) and not calls:
        return call
    before = text[: action.start()]
    thought = _THOUGHT.match(before)
    said = before[thought.end() :].strip() if thought else before.strip()
    return ParsedText("", calls, said or None) if thought else ParsedText(said, calls)


def is_none(body: str) -> bool:
    """Whether what follows ``Action:`` says that there is none."""
    said = body.strip()
    if not said or said[0] not in "nN":
        return False
    given = _INPUT.search(said)
    return _NOTHING.fullmatch(said[: given.start()].strip() if given else said) is not None


def _final(text: str) -> ParsedText | Broken:
    """The last turn: a thought and the answer, without an action."""
    thought, final = _THOUGHT.match(text), _FINAL.search(text)
    if thought is None or final is None or _OBSERVATION.search(text):
        return Broken("it has no action")
    return ParsedText(text[final.end() :].strip(), [], text[thought.end() : final.start()].strip() or None)


def call_of(body: str) -> Call | Broken:
    """The call that what follows ``Action:`` is, with its input."""
    given = _INPUT.search(body)
    if is_none(body):
        return Broken("its action is none")
    if given is not None:
        name = body[: given.start()].strip().strip("`*")
        fits = name and "\n" not in name and len(name) <= 128
        return Call(name, _arguments(body[given.end() :].strip())) if fits else Broken("an action names no function")
    if not body:
        return Broken("an action is empty")
    return _structured(body) or _fenced(body) or _in_brackets(body) or _free(body)


def _arguments(text: str) -> dict[str, Any]:
    inner = unfenced(text).strip()
    for parse in (parse_object, literal):
        try:
            found = parse(inner)
        except (NotJson, NotPython):
            continue
        if isinstance(found, dict):
            return found
    return {INPUT: text}


def _structured(body: str) -> Call | None:
    """An object of ``action`` and ``action_input``, as LangChain's structured agents write it."""
    try:
        held = parse_object(unfenced(body))
    except NotJson:
        return None
    name = held.get("action", held.get("name"))
    given = held.get("action_input", held.get("arguments"))
    if not isinstance(name, str) or not held.keys() <= {"action", "action_input", "name", "arguments"}:
        return None
    call = read_call({"name": name, "arguments": given}) if isinstance(given, dict | None) else None
    return call if isinstance(call, Call) else Call(name, {INPUT: given})


def _listed(body: str) -> list[Call] | None:
    """A list of ``tool_name`` and ``parameters``, as Command R writes it."""
    if "[" not in body[:_LABEL]:
        return None
    try:
        held = parse_json(unfenced(body))
    except NotJson:
        return None
    is_list = isinstance(held, list) and all(isinstance(each, dict) and each.keys() <= _LISTED for each in held)
    calls = all_of(held) if is_list and held else None
    return calls if isinstance(calls, list) else None


def _fenced(body: str) -> Call | None:
    found = _FENCED.fullmatch(body)
    if found is None or "```" in found[2]:
        return None
    return Call(found[1], {"command" if found[1].lower() in _SHELLS else INPUT: found[2]})


def _in_brackets(body: str) -> Call | None:
    found = _BRACKETS.fullmatch(body)
    if found is None:
        return None
    try:
        call, end = call_at(body, 0)
        if end == len(body) and not call.unread:
            return call
    except NotPython:
        pass
    return Call(found[1], {INPUT: found[2] if found[2] is not None else found[3]})


def _free(body: str) -> Call:
    return Call(body, {}) if _NAME.fullmatch(body) else Call(FREE, {INPUT: body})
