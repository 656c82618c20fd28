"""The loss mask of a chat: which of its tokens a model is trained on, by what they are. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, get_args

from hfsvc.errors import InvalidSettings
from hfsvc.train.chat_template import Message, Span, TemplateRefused
from hfsvc.train.message_spans import AGENT, MessageFinder
from hfsvc.train.tokenizer import ChatTokenizer

LossPart = Literal["assistant", "thinking", "calls", "system", "user", "tool"]
LOSS_PARTS: tuple[LossPart, ...] = get_args(LossPart)
AGENT_PARTS: frozenset[LossPart] = frozenset({"assistant", "thinking", "calls"})
"""What a model writes, and is trained on unless other parts are named."""
_ROLES = {"developer": "system", "function": "tool"}


class MaskedChat(NamedTuple):
    """A chat in tokens; the mask is 1 where a token counts for the loss, else 0."""

    input_ids: list[int]
    loss_mask: list[int]


def loss_parts(names: Iterable[str]) -> frozenset[LossPart]:
    """The parts of these names.

    Raises:
        InvalidSettings: There is no such part, or none is named.
    """
    given = set(names)
    unknown = sorted(given - set(LOSS_PARTS))
    if unknown or not given:
        reason = f"{unknown[0]!r} is none of {', '.join(LOSS_PARTS)}" if unknown else "it names no part of a chat"
        raise InvalidSettings(setting="loss", reason=reason)
    return frozenset(part for part in LOSS_PARTS if part in given)


def masked_chat(
    tokenizer: ChatTokenizer,
    messages: Sequence[Message],
    tools: Sequence[Any] | None = None,
    parts: frozenset[LossPart] = AGENT_PARTS,
) -> MaskedChat:
    """A chat in tokens, with its loss mask.

    Where the template marks what a model writes, its marks count, as for ``assistant_masks`` of transformers and
    ``assistant_only_loss`` of TRL; else an answer is what it adds behind what asks for it.

    Args:
        tokenizer: With its template.
        messages: As chats have them, with arguments of calls as objects.
        tools: Schemas on offer.
        parts: What counts. ``assistant`` is what an assistant's message holds besides thinking and calls.

    Raises:
        TemplateRefused: The template does not take the messages, or a part of them cannot be told apart.
    """
    finder = MessageFinder(tokenizer.template, messages, tools)
    marked = tokenizer.template.marks_generations(tools)
    spans = _spans(finder, messages, parts, marked=marked)
    ids, offsets = tokenizer.encode(finder.text)
    return MaskedChat(ids, mask_tokens(offsets, spans, beyond=marked))


def mask_tokens(offsets: Sequence[Span], spans: Sequence[Span], *, beyond: bool = True) -> list[int]:
    """1 for every token that overlaps a span, else 0; both in order.

    Args:
        offsets: Of the tokens.
        spans: Of what counts.
        beyond: Whether tokens count that go on behind their span, as with transformers. What follows an answer may begin
            with the same sign as what might have followed it.
    """
    mask, at = [0] * len(offsets), 0
    for token, (start, stop) in enumerate(offsets):
        while at < len(spans) and start >= spans[at][1]:
            at += 1
        if at == len(spans):
            break
        mask[token] = int(stop > spans[at][0] and (beyond or stop <= spans[at][1]))
    return mask


def _spans(
    finder: MessageFinder, messages: Sequence[Message], parts: frozenset[LossPart], *, marked: bool
) -> list[Span]:
    found = list(_written(finder, messages, parts, marked=marked)) if parts & AGENT_PARTS else []
    for index, message in enumerate(messages):
        role = str(message.get("role"))
        if role != AGENT and _ROLES.get(role, role) in parts:
            found.append(finder.span(index))
    return merged(found) if len(parts - AGENT_PARTS) or not marked else sorted(found)


def _written(
    finder: MessageFinder, messages: Sequence[Message], parts: frozenset[LossPart], *, marked: bool
) -> Sequence[Span]:
    """What the model writes, and of that the parts that are wanted."""
    agents = [index for index, message in enumerate(messages) if message.get("role") == AGENT]
    whole = finder.rendering.generated if marked else [finder.span(index) for index in agents]
    if not marked:
        _check_outputs(finder, messages, whole)
    if parts >= AGENT_PARTS:
        return whole
    thinking = [each for index in agents if (each := finder.thinking(index))]
    calls = [each for index in agents if (each := finder.calls(index))]
    wanted = without(whole, [*thinking, *calls]) if "assistant" in parts else []
    wanted += common(whole, thinking) if "thinking" in parts else []
    return wanted + (common(whole, calls) if "calls" in parts else [])


def _check_outputs(finder: MessageFinder, messages: Sequence[Message], answers: Sequence[Span]) -> None:
    """That no tool output stands within an answer, as with templates that gather results behind their calls."""
    for index, message in enumerate(messages):
        output = finder.text_of(index) if message.get("role") == "tool" else None
        if output and common(answers, [output]):
            raise TemplateRefused(
                f"the chat template writes message {index} (tool) into an answer, and marks no answers"
            )


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that touch as one."""
    made: list[Span] = []
    for start, stop in sorted(spans):
        if made and start <= made[-1][1]:
            made[-1] = made[-1][0], max(made[-1][1], stop)
        else:
            made.append((start, stop))
    return made


def common(spans: Iterable[Span], others: Sequence[Span]) -> list[Span]:
    """What lies in both."""
    pairs = ((max(one[0], other[0]), min(one[1], other[1])) for one in spans for other in others)
    return [(start, stop) for start, stop in pairs if start < stop]


def without(spans: Iterable[Span], cuts: Iterable[Span]) -> list[Span]:
    """What of spans lies in none of the cuts."""
    left = list(spans)
    for start, stop in cuts:
        pieces = [piece for each in left for piece in ((each[0], min(each[1], start)), (max(each[0], stop), each[1]))]
        left = [piece for piece in pieces if piece[0] < piece[1]]
    return left
