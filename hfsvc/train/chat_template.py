"""The chat template of a tokenizer: renders messages as transformers does, and tells what of it a model wrote. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from jinja2 import TemplateError

from hfsvc.errors import InvalidTokenizer
from hfsvc.train.template_environment import compiled, tracking

Message = dict[str, Any]
Span = tuple[int, int]

CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"
TEMPLATE = "chat_template.jinja"
MORE_TEMPLATES = "additional_chat_templates"
_SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_REASONING = ("reasoning_content", "thinking", "reasoning")
_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")
# What a template can stumble over that was written for other messages.
_STUMBLES = (TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)


class TemplateRefused(Exception):
    """A template does not take some messages; the words are its own, or say what is the matter."""


class Rendering(NamedTuple):
    """Messages as text, and the spans of it, in characters, that stand in ``{% generation %}`` blocks."""

    text: str
    generated: tuple[Span, ...]


class ChatTemplate:
    """A chat template, or several by name, of which ``tool_use`` is for messages with tools.

    Args:
        texts: By name; one alone is called ``default``.
        special_tokens: By their names in templates, such as ``bos_token``.
        variables: What else it reads, such as ``enable_thinking``.
        name: Of the tokenizer, for errors.

    Raises:
        InvalidTokenizer: None is the default, or one is no template.
    """

    def __init__(
        self,
        texts: Mapping[str, str],
        special_tokens: Mapping[str, str],
        variables: Mapping[str, Any] | None = None,
        name: str = "of your own",
    ) -> None:
        self._texts = texts
        self._variables = {**special_tokens, **(variables or {})}
        if "default" not in texts:
            raise InvalidTokenizer(tokenizer=name, reason=_no_default(texts))
        for text in texts.values():
            try:
                compiled(text)
            except TemplateError as error:
                raise InvalidTokenizer(tokenizer=name, reason=f"its chat template is none: {error}") from None

    def marks_generations(self, tools: Sequence[Any] | None = None) -> bool:
        """Whether the template says itself what a model writes."""
        return bool(_GENERATION.search(self._text(tools)))

    def render(
        self, messages: Sequence[Message], tools: Sequence[Any] | None = None, *, prompt: bool = False
    ) -> Rendering:
        """Messages as a text.

        Args:
            messages: As chats have them, with arguments of calls as objects.
            tools: Schemas on offer.
            prompt: Go on to where an answer begins.

        Raises:
            TemplateRefused: The template says no, or fails.
        """
        blocks: list[str] = []
        spans: list[Span] = []
        try:
            with tracking(blocks, spans):
                # One by one: a generation begins where the blocks before it end.
                for block in self._blocks(messages, tools, prompt):
                    blocks.append(block)
        except _STUMBLES as error:
            raise TemplateRefused(f"the chat template does not take it: {error}") from None
        return Rendering("".join(blocks), tuple(spans))

    def _blocks(self, messages: Sequence[Message], tools: Sequence[Any] | None, prompt: bool) -> Iterator[str]:
        return compiled(self._text(tools)).generate(
            messages=[_prepared(each) for each in messages],
            tools=tools,
            documents=None,
            add_generation_prompt=prompt,
            **self._variables,
        )

    def _text(self, tools: Sequence[Any] | None) -> str:
        chosen = "tool_use" if tools is not None and "tool_use" in self._texts else "default"
        return self._texts[chosen]


def read_template(files: Mapping[str, bytes], name: str, variables: Mapping[str, Any] | None = None) -> ChatTemplate:
    """The template among the files of a tokenizer: of a file of its own, else of the configuration.

    Args:
        files: Contents by path below the tokenizer's folder.
        name: Of the tokenizer, for errors.
        variables: As for `ChatTemplate`.

    Raises:
        InvalidTokenizer: There is no template, or a file cannot be read.
    """
    config = read_config(files, CONFIG, name)
    texts = _own_files(files, name) or _configured(config.get("chat_template"))
    return ChatTemplate(texts, _special_tokens(config, read_config(files, SPECIAL_TOKENS, name)), variables, name)


def read_config(files: Mapping[str, bytes], path: str, name: str) -> dict[str, Any]:
    """The object that a file of JSON holds; an empty one where there is no such file.

    Raises:
        InvalidTokenizer: It holds something else.
    """
    try:
        found = json.loads(files.get(path, b"{}"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidTokenizer(tokenizer=name, reason=f"its {path} is no JSON object")
    return found


def _own_files(files: Mapping[str, bytes], name: str) -> dict[str, str]:
    found = {PurePosixPath(path).stem: path for path in files if path.startswith(f"{MORE_TEMPLATES}/")}
    if TEMPLATE in files:
        found["default"] = TEMPLATE
    try:
        return {called: files[path].decode() for called, path in found.items()}
    except UnicodeDecodeError:
        raise InvalidTokenizer(tokenizer=name, reason="its chat template is no UTF-8") from None


def _configured(template: Any) -> dict[str, str]:
    if isinstance(template, str):
        return {"default": template}
    named = [each for each in template if isinstance(each, dict)] if isinstance(template, list) else []
    return {str(each.get("name")): each["template"] for each in named if isinstance(each.get("template"), str)}


def _special_tokens(config: Mapping[str, Any], older: Mapping[str, Any]) -> dict[str, str]:
    found = {name: _token_text(config.get(name) or older.get(name)) for name in _SPECIAL}
    return {name: text for name, text in found.items() if text is not None}


def _token_text(token: Any) -> str | None:
    text = token.get("content") if isinstance(token, dict) else token
    return text if isinstance(text, str) else None


def _no_default(texts: Mapping[str, str]) -> str:
    if texts:
        return f"none of its chat templates ({', '.join(sorted(texts))}) is the default"
    return "no chat template lies beside it, in a file chat_template.jinja or in its tokenizer_config.json"


def _prepared(message: Message) -> Message:
    """A message as templates see it: without nulls, thinking under its older names too."""
    told = {name: value for name, value in message.items() if value is not None}
    thinking = next((told[name] for name in _REASONING if name in told), None)
    return told if thinking is None else {"thinking": thinking, **told, "reasoning_content": thinking}
