"""What becomes of a chat of more tokens than a trainer takes: left out, its tool outputs cut, or several chats. Pure."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, get_args

from hfsvc.train.chat_template import Message
from hfsvc.train.chats import Chat
from hfsvc.train.message_spans import AGENT

TooLong = Literal["drop", "truncate-tools", "split-episodes"]
TOO_LONG: tuple[TooLong, ...] = get_args(TooLong)
CountTokens = Callable[[Chat], int]
"""How many tokens a chat has."""


class LengthLimit(NamedTuple):
    """The most tokens of a chat, and what becomes of one with more."""

    max_tokens: int
    too_long: TooLong = "drop"


class Fitted(NamedTuple):
    """What became of a chat.

    Attributes:
        chats: That fit; none where it is left out.
        cut_outputs: Tool outputs of which the middle was left out.
        dropped_turns: Turns that fit into no chat.
    """

    chats: list[Chat]
    cut_outputs: int = 0
    dropped_turns: int = 0


def fit(chat: Chat, limit: LengthLimit, count: CountTokens) -> Fitted:
    """A chat, made to fit.

    ``truncate-tools`` leaves out the middle of tool outputs, of the largest first, as little as needed, and says there
    how much. ``split-episodes`` cuts between turns (an answer and what follows it, up to the next): each chat begins
    with what stands before the first answer. Where that does not help, the chat is left out.
    """
    if count(chat) <= limit.max_tokens:
        return Fitted([chat])
    if limit.too_long == "truncate-tools":
        return _with_shorter_outputs(chat, limit.max_tokens, count)
    if limit.too_long == "split-episodes":
        return _episodes(chat, limit.max_tokens, count)
    return Fitted([])


def cut_middle(text: str, kept: int) -> str:
    """A text of which so many characters are kept, from both its ends; it says how many are not."""
    head = (kept + 1) // 2
    tail = len(text) - (kept - head)
    made = f"{text[:head]}\n[... {tail - head} characters left out ...]\n{text[tail:]}"
    return made if len(made) < len(text) else text


def _with_shorter_outputs(chat: Chat, most: int, count: CountTokens) -> Fitted:
    fits, too_many = -1, max((len(_output(each)) for each in chat.messages), default=0)
    while too_many - fits > 1:
        kept = (fits + too_many) // 2
        if count(_cut(chat, kept)) <= most:
            fits = kept
        else:
            too_many = kept
    if fits < 0:
        return Fitted([])
    made = _cut(chat, fits)
    pairs = zip(made.messages, chat.messages, strict=True)
    return Fitted([made], cut_outputs=sum(after is not before for after, before in pairs))


def _cut(chat: Chat, kept: int) -> Chat:
    """A chat whose tool outputs have at most about so many characters."""
    return chat._replace(messages=[_cut_message(each, kept) for each in chat.messages])


def _cut_message(message: Message, kept: int) -> Message:
    text = _output(message)
    short = cut_middle(text, kept) if len(text) > kept else text
    return message if short == text else {**message, "content": short}


def _output(message: Message) -> str:
    content = message.get("content")
    return content if message.get("role") == "tool" and isinstance(content, str) else ""


def _episodes(chat: Chat, most: int, count: CountTokens) -> Fitted:
    head, turns = _turns(chat.messages)
    made: list[Chat] = []
    dropped, start = 0, 0
    while start < len(turns):
        stop = _last_fitting(chat, head, turns, start, most, count)
        if stop > start:
            made.append(_episode(chat, head, turns[start:stop]))
        else:
            dropped += 1
        start = max(stop, start + 1)
    return Fitted(made, dropped_turns=dropped)


def _turns(messages: Sequence[Message]) -> tuple[list[Message], list[list[Message]]]:
    """What stands before the first answer, and each answer with what follows it."""
    starts = [number for number, message in enumerate(messages) if message.get("role") == AGENT]
    first, *ends = *starts, len(messages)
    return list(messages[:first]), [list(messages[start:end]) for start, end in zip(starts, ends, strict=True)]


def _last_fitting(
    chat: Chat, head: list[Message], turns: list[list[Message]], start: int, most: int, count: CountTokens
) -> int:
    """Up to which turn a chat from `start` on fits; `start` where not even one does."""
    fits, too_many = start, len(turns) + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if count(_episode(chat, head, turns[start:middle])) <= most:
            fits = middle
        else:
            too_many = middle
    return fits


def _episode(chat: Chat, head: list[Message], turns: list[list[Message]]) -> Chat:
    return chat._replace(messages=head + [message for turn in turns for message in turn])
