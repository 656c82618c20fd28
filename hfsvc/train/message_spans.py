"""Where in a rendered chat each of its messages stands, whatever the template does with the others. Pure.

A template is a program, so this is found out by rendering: first by prefixes (what a message adds to the rendering of
those before it), and where a template writes earlier messages in another way once later ones are there, by putting
words of our own into the message and seeing where they turn up.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from hfsvc.train.chat_template import ChatTemplate, Message, Rendering, Span, TemplateRefused

AGENT = "assistant"
_THINKING = re.compile(r"<think>.*?</think>\s*", re.DOTALL)
# What may differ behind a probe where a number or an object stood: a quote, brackets.
_LOOSE = 8


class MessageFinder:
    """A finder of the messages of one chat in the text that a template makes of it.

    Args:
        template: Renders.
        messages: Of the chat.
        tools: On offer in it.

    Attributes:
        rendering: Of all of them.

    Raises:
        TemplateRefused: The template does not take the messages.
    """

    def __init__(self, template: ChatTemplate, messages: Sequence[Message], tools: Sequence[Any] | None) -> None:
        self._template = template
        self._messages = messages
        self._tools = tools
        self._known: dict[int, Span] = {}
        self.rendering: Rendering = template.render(messages, tools)

    @property
    def text(self) -> str:
        """The whole rendering."""
        return self.rendering.text

    def span(self, index: int) -> Span:
        """Where a message stands, in characters; one of the assistant begins behind what asks for it.

        Raises:
            TemplateRefused: It cannot be told.
        """
        if index not in self._known:
            self._known[index] = self._by_prefixes(index) or self._by_probe(index)
        return self._known[index]

    def text_of(self, index: int) -> Span | None:
        """Where a message's own text stands, without what the template writes around it; None where that is not told."""
        try:
            return self._place(self._probed(self._messages[index]), index)
        except TemplateRefused:
            return None

    def thinking(self, index: int) -> Span | None:
        """Where the thinking of an assistant's message stands, with what the template writes around it.

        Raises:
            TemplateRefused: It cannot be told.
        """
        start, stop = self.span(index)
        message = self._messages[index]
        if not message.get("reasoning_content"):
            found = _THINKING.search(self.text, start, stop)
            return found.span() if found else None
        thought = self._place({**message, "reasoning_content": self._probe}, index)
        if thought is None:
            return None
        spoken = self._place({**message, "content": self._probe}, index)
        calls = self.calls(index) if spoken is None and message.get("tool_calls") else None
        ends = spoken[0] if spoken else calls[0] if calls else thought[1]
        return (min(start, thought[0]), ends) if ends >= thought[1] else thought

    def calls(self, index: int) -> Span | None:
        """Where the calls of an assistant's message stand, with what the template writes around them.

        Raises:
            TemplateRefused: It cannot be told.
        """
        message = self._messages[index]
        if not message.get("tool_calls"):
            return None
        # A text of ours shares no letter with what the template writes around calls; it may need a break behind it.
        ours = self._calls(index, {**message, "content": self._probe})
        plain = ours if message.get("content") else self._calls(index, message)
        return ours if ours and plain and _length(ours) == _length(plain) else plain

    def _calls(self, index: int, message: Message) -> Span | None:
        """Where calls stand, by what goes away with them."""
        made, bare = self._with(index, message), self._with(index, {**message, "tool_calls": None})
        tail = _common_suffix(made, bare)
        head = _common_prefix(made, bare[: len(bare) - tail])
        start, stop = head - len(made) + len(self.text), len(self.text) - tail
        if self.text[max(start, 0) : stop] != made[head : len(made) - tail]:
            raise TemplateRefused(f"the calls of message {index} cannot be told from its text in the chat template")
        return (start, stop) if start < stop else None

    # ---- by prefixes ------------------------------------------------------------------------------------------------

    def _by_prefixes(self, index: int) -> Span | None:
        is_agent = self._messages[index].get("role") == AGENT
        before = self._rendered(self._messages[:index], prompt=is_agent) if index or is_agent else ""
        whole = self._rendered(self._messages[: index + 1])
        if before is None or whole is None or not whole.startswith(before) or not self.text.startswith(whole):
            return None
        return len(before), len(whole)

    def _rendered(self, messages: Sequence[Message], *, prompt: bool = False) -> str | None:
        try:
            return self._template.render(messages, self._tools, prompt=prompt).text
        except TemplateRefused:
            return None

    # ---- by probes --------------------------------------------------------------------------------------------------

    @cached_property
    def _probe(self) -> str:
        """A word that occurs nowhere, of letters that every filter leaves alone."""
        everything = self.text + json.dumps([self._messages, self._tools], ensure_ascii=False)
        number = 0
        while (word := f"qzprobe{number}x") in everything:
            number += 1
        return word

    def _by_probe(self, index: int) -> Span:
        message = self._messages[index]
        probed = self._probed(message)
        place = self._place(probed, index)
        if place is None:
            raise TemplateRefused(f"message {index} ({message.get('role')}) is nowhere in what the chat template makes")
        start, stop = place
        return self._start(index, start), stop + self._ending(index, probed, stop)

    def _probed(self, message: Message) -> Message:
        """A message whose own texts are all our word."""
        made = {name: self._probe for name in ("content", "reasoning_content") if message.get(name)}
        calls = [self._probed_call(each) for each in message.get("tool_calls") or ()]
        if not made and not calls:
            made = {"content": self._probe}
        return {**message, **made, **({"tool_calls": calls} if calls else {})}

    def _probed_call(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        function = call["function"]
        given = function.get("arguments")
        arguments = self._probe if isinstance(given, str) else {self._probe: self._probe} if given else given
        return {**call, "function": {**function, "name": self._probe, "arguments": arguments}}

    def _place(self, probed: Message, index: int) -> Span | None:
        """Where in the text what our word stands for begins and ends; None where it turns up nowhere."""
        made = self._with(index, probed)
        start = made.find(self._probe)
        if start < 0:
            return None
        after = made[made.rfind(self._probe) + len(self._probe) :]
        tail = _common_suffix(self.text, after)
        if self.text[:start] != made[:start] or len(after) - tail > _LOOSE:
            raise TemplateRefused(f"the chat template writes other messages in the way that message {index} asks for")
        return start, max(start, len(self.text) - tail)

    def _with(self, index: int, message: Message) -> str:
        messages = [*self._messages[:index], message, *self._messages[index + 1 :]]
        return self._template.render(messages, self._tools).text

    def _start(self, index: int, own: int) -> int:
        """Where a message begins whose own text begins at `own`."""
        before = min(self.span(index - 1)[1], own) if index else 0
        header = self._header(index) if self._messages[index].get("role") == AGENT else ""
        found = self.text.rfind(header, before, own) if header else -1
        if found >= 0:
            return found + len(header)
        # What asks may go on in another way than the answer does, such as with thinking that is to come.
        return before + _common_prefix(self.text[before:own], header)

    def _header(self, index: int) -> str:
        """What asks for an answer."""
        before = self._messages[:index] or [{"role": "user", "content": self._probe}]
        plain, asking = self._rendered(before), self._rendered(before, prompt=True)
        # Some templates end a chat in which nothing is asked with a token of its own.
        return asking[_common_prefix(plain, asking) :] if plain is not None and asking is not None else ""

    def _ending(self, index: int, probed: Message, stop: int) -> int:
        """How much of what follows a message's own text belongs to it: what the template writes behind it anyway."""
        whole = self._rendered([*self._messages[:index], probed]) or ""
        after = whole[whole.rfind(self._probe) + len(self._probe) :] if self._probe in whole else ""
        rest = self.text[stop:]
        return max(_common_prefix(after[skipped:], rest) for skipped in range(min(len(after), _LOOSE) + 1))


def _length(span: Span) -> int:
    return span[1] - span[0]


def _common_prefix(one: str, other: str) -> int:
    """How many characters two texts begin with alike; halving compares as fast as memory allows."""
    same, most = 0, min(len(one), len(other))
    while same < most:
        middle = (same + most + 1) // 2
        if one[same:middle] == other[same:middle]:
            same = middle
        else:
            most = middle - 1
    return same


def _common_suffix(one: str, other: str) -> int:
    return _common_prefix(one[::-1], other[::-1])
