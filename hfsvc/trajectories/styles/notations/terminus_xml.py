"""The Terminus 2 harness, in XML: ``<response>`` with ``<analysis>``, ``<plan>``, ``<commands>``, ``<task_complete>``.

It is read as the harness reads it, which is not as XML: no entities, and no closing ``</response>`` needed.
"""

import re

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.terminus import done, run, said
from hfsvc.trajectories.styles.notations.text_search import between

_EMPTY_COMMANDS = re.compile(r"<commands\s*/>")
_KEYSTROKES = re.compile(r"<keystrokes([^<>]*)>")
_DURATION = re.compile(r"""duration\s*=\s*["']([^"']*)["']""")


def opens(text: str) -> int:
    """Where a response starts; -1 where there is none."""
    return text.find("<response>")


def parse(text: str) -> ParsedText | Broken:
    """The batch of a message: its first response."""
    response = text[opens(text) + len("<response>") :].partition("</response>")[0]
    complete = (_section(response, "task_complete") or "").strip().lower() == "true"
    commands = _section(response, "commands")
    if commands is None and not complete and not _EMPTY_COMMANDS.search(response):
        return Broken("its <response> has no <commands>")
    analysis, plan = (_section(response, name) or "" for name in ("analysis", "plan"))
    calls = _calls(commands or "")
    return ParsedText(said(analysis.strip(), plan.strip()), [*calls, done()] if complete else calls)


def _section(response: str, name: str) -> str | None:
    span = between(response, f"<{name}>", f"</{name}>")
    return response[slice(*span)] if span else None


def _calls(commands: str) -> list[Call]:
    calls = []
    opening = _KEYSTROKES.search(commands)
    while opening and (end := commands.find("</keystrokes>", opening.end())) >= 0:
        duration = _DURATION.search(opening[1])
        calls.append(run(commands[opening.end() : end], duration and duration[1]))
        opening = _KEYSTROKES.search(commands, end)
    return calls
