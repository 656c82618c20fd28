"""A tokenizer with its chat template, of the files that lie in one folder."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tokenizers import AddedToken, Tokenizer

from hfsvc.errors import InvalidTokenizer
from hfsvc.train.chat_template import CONFIG, ChatTemplate, Span, TemplateRefused, read_config, read_template

TOKENIZER = "tokenizer.json"
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


class TokenizedText(NamedTuple):
    """A text in tokens: their ids, and for each the span of characters that it stands for."""

    ids: list[int]
    offsets: list[Span]


class ChatTokenizer:
    """A tokenizer that turns texts into tokens, as transformers does of what a template has rendered.

    Args:
        tokenizer: Of the library ``tokenizers``.
        template: Of its chats.
        name: For errors and records.
    """

    def __init__(self, tokenizer: Tokenizer, template: ChatTemplate, name: str) -> None:
        # A file may ask for both, for calls of a model; a row is to stay as long as it is.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self.template = template
        self.name = name

    def encode(self, text: str) -> TokenizedText:
        """A text in tokens, without any that its template has not written.

        Raises:
            TemplateRefused: It holds what is no text, such as half a character.
        """
        try:
            found = self._tokenizer.encode(text, add_special_tokens=False)
        except (TypeError, ValueError) as error:
            raise TemplateRefused(f"the tokenizer does not take it: {error}") from None
        return TokenizedText(found.ids, found.offsets)


def read_tokenizer(files: Mapping[str, bytes], name: str, variables: Mapping[str, Any] | None = None) -> ChatTokenizer:
    """The tokenizer that some files make.

    Args:
        files: ``tokenizer.json``, and what lies beside it, by path.
        name: For errors and records.
        variables: For its template, such as ``enable_thinking``.

    Raises:
        InvalidTokenizer: A file is missing, or cannot be read.
    """
    if TOKENIZER not in files:
        raise InvalidTokenizer(tokenizer=name, reason=f"there is no {TOKENIZER}")
    try:
        found = Tokenizer.from_buffer(files[TOKENIZER])
    except Exception as error:  # The library raises no other kind.
        raise InvalidTokenizer(tokenizer=name, reason=f"its {TOKENIZER} is none: {error}") from None
    found.add_tokens([*_further_tokens(found, read_config(files, CONFIG, name))])
    return ChatTokenizer(found, read_template(files, name, variables), name)


def _further_tokens(tokenizer: Tokenizer, config: Mapping[str, Any]) -> Sequence[AddedToken]:
    """Tokens that only the configuration names, in the order of their ids."""
    listed = config.get("added_tokens_decoder")
    known = tokenizer.get_added_tokens_decoder()
    named = {int(id): token for id, token in listed.items()} if isinstance(listed, dict) else {}
    missing = [token for id, token in sorted(named.items()) if id not in known]
    return [AddedToken(each["content"], **{flag: bool(each.get(flag)) for flag in _FLAGS}) for each in missing]
