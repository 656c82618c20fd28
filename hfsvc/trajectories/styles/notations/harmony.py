"""Channels and recipients: ``<|start|>assistant<|channel|>analysis<|message|>…<|end|>``, in text and in fields.

Source: the format of gpt-oss. Thinking stands in ``analysis``, calls are what goes to a recipient, all else is said.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.json_values import NotJson, parse_object

_OPENING = re.compile(r"<\|start\|>|<\|channel\|>")
_MESSAGE = "<|message|>"
_END = re.compile(r"<\|(?:end|call|return)\|>|(?=<\|start\|>)|\Z")
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")
_RECIPIENT = re.compile(r"(?:^|\s)to=([^\s<]+)")
_SPEAKER = re.compile(r"<\|start\|>\s*([\w.\-]+)")
_NOBODY = {"all", "user", "assistant"}
INPUT = "input"


class Said(NamedTuple):
    """One message of several in a text."""

    channel: str | None
    recipient: str | None
    text: str


def opens(text: str) -> int:
    """Where the first message starts; -1 where there is none."""
    opening = _OPENING.search(text)
    return opening.start() if opening else -1


def parse(text: str) -> ParsedText | Broken:
    """What the messages of a text think, call and say."""
    found = list(_messages(text))
    broken = next((each for each in found if isinstance(each, Broken)), None)
    if broken:
        return broken
    return joined([each for each in found if isinstance(each, Said)])


def of_fields(fields: Mapping[str, Any], text: str) -> ParsedText | None:
    """The same of a message whose fields name channel and recipient; None where they name neither."""
    channel, recipient = (
        fields.get(name) if isinstance(fields.get(name), str) else None for name in ("channel", "recipient")
    )
    to_somebody = recipient is not None and recipient not in _NOBODY
    return joined([Said(channel, recipient, text)]) if channel == "analysis" or to_somebody else None


def joined(said: list[Said]) -> ParsedText:
    """Messages as one."""
    calls = [_call(each.recipient, each.text) for each in said if each.recipient and each.recipient not in _NOBODY]
    left = [each for each in said if not each.recipient or each.recipient in _NOBODY]
    thought = "\n\n".join(each.text for each in left if each.channel == "analysis" and each.text.strip())
    message = "\n\n".join(each.text for each in left if each.channel != "analysis" and each.text.strip())
    return ParsedText(message, calls, thought or None)


def _messages(text: str) -> Iterator[Said | Broken]:
    position = 0
    while text[position:].strip() if position else True:
        start = text.find(_MESSAGE, position)
        if start < 0:
            yield Broken("a <|channel|> has no <|message|>")
            return
        head = text[position:start]
        speaker = _SPEAKER.search(head)
        if speaker and speaker[1] != "assistant":
            yield Broken("messages of several speakers stand in one")
            return
        end = _END.search(text, start)
        assert end is not None
        channel, recipient = _CHANNEL.search(head), _RECIPIENT.search(head)
        body = text[start + len(_MESSAGE) : end.start()]
        yield Said(channel and channel[1], recipient and recipient[1], body)
        position = end.end()


def _call(recipient: str, text: str) -> Call:
    try:
        arguments = parse_object(text)
    except NotJson:
        arguments = {INPUT: text}
    return Call(recipient.removeprefix("functions."), arguments)
