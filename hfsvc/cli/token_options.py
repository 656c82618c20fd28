"""Command line options about tokens: which tokenizer counts, how long a row may be, what counts for the loss."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from hfsvc.cli.read_options import NamesType

if TYPE_CHECKING:
    from hfsvc.containers import Container
    from hfsvc.train.chat_fitter import ChatFitter
    from hfsvc.train.length_limit import TooLong
    from hfsvc.train.tokenizer import ChatTokenizer

# As `hfsvc.train` has them; importing that takes a while.
TOO_LONG = ("drop", "truncate-tools", "split-episodes")
TOKENS = "tokens"
WHOLE_RUNS = ("jsonl", "parquet", "steps", "atif-dir", "sts")
"""Formats of which a row, or a file, is a whole run."""

TOKENIZER = click.option(
    "--tokenizer",
    metavar="PATH|NAME",
    help="A folder with tokenizer.json and a chat template, or a model of the Hub.",
)
_OPTIONS = (
    TOKENIZER,
    click.option(
        "--max-tokens",
        type=click.IntRange(min=1),
        metavar="N",
        help="Most tokens of a row, as --tokenizer counts them.",
    ),
    click.option(
        "--too-long",
        type=click.Choice(TOO_LONG),
        help="Leave out what is longer (as is done unless given), cut its tool outputs, or write it as several rows.",
    ),
    click.option(
        "--loss",
        type=NamesType(),
        metavar="PART,…",
        help="With --format tokens: what counts (assistant,thinking,calls unless given; also system,user,tool).",
    ),
)


class TokenPlan(NamedTuple):
    """What is asked for of tokens.

    Attributes:
        tokenizer: A folder, or a model of the Hub.
        max_tokens: Of a row.
        too_long: What becomes of a longer one; None for ``drop``.
        loss: What counts for the loss.
    """

    tokenizer: str | None = None
    max_tokens: int | None = None
    too_long: "TooLong | None" = None
    loss: tuple[str, ...] | None = None

    def check(self, format: str, name: Callable[[str], str]) -> None:
        """Refuse what does not go together.

        Args:
            format: That is written.
            name: What people call a field.

        Raises:
            UsageError: It does not; the sentence says what would.
        """
        if reason := self._refusal(format, name):
            raise click.UsageError(reason)

    def _refusal(self, format: str, name: Callable[[str], str]) -> str | None:
        tokenizer, most = name("tokenizer"), name("max_tokens")
        if not self.tokenizer:
            if format == TOKENS:
                return f"The format tokens needs {tokenizer}: a folder with tokenizer.json, or a model of the Hub."
            given = next((each for each in ("max_tokens", "too_long", "loss") if getattr(self, each) is not None), None)
            return f"{name(given)} needs {tokenizer}, which tells what a token is." if given else None
        if self.too_long and self.max_tokens is None:
            return f"{name('too_long')} says what becomes of rows above {most}: give both."
        if format == TOKENS:
            return None
        if self.loss is not None:
            return f"{name('loss')} is for the format tokens; {format} has no loss mask."
        if self.max_tokens is None:
            return f"{tokenizer} is for the format tokens, or for {most}: give one of them."
        return self._why_not_split(format, name)

    def _why_not_split(self, format: str, name: Callable[[str], str]) -> str | None:
        if self.too_long != "split-episodes" or format not in WHOLE_RUNS:
            return None
        return (
            f"{name('too_long')} split-episodes makes several rows of a run, and {format} holds whole runs: take drop or "
            "truncate-tools, or one of the formats openai, sharegpt, prompt-completion, tokens."
        )

    async def open(self, container: "Container", format: str | None) -> Mapping[str, Any]:
        """What `hfsvc.export.export_trajectories` is given for it.

        Raises:
            MissingExtra: The extra ``train`` is not installed.
            InvalidTokenizer, InvalidSettings: There is no such tokenizer, or no such part of a chat.
            HfsvcError: What stands in the way to the Hub.
        """
        from hfsvc.train.tokenizer_files import open_tokenizer

        if not self.tokenizer:
            return {}
        tokenizer = await open_tokenizer(container, self.tokenizer)
        fitter = self._fitter(tokenizer)
        if format != TOKENS:
            return {"fitter": fitter}
        from hfsvc.train.loss_mask import AGENT_PARTS, loss_parts
        from hfsvc.train.token_rows import TokenTable

        parts = AGENT_PARTS if self.loss is None else loss_parts(self.loss)
        return {"tokens": TokenTable(tokenizer, fitter, parts=parts)}

    def _fitter(self, tokenizer: "ChatTokenizer") -> "ChatFitter":
        from hfsvc.train.chat_fitter import ChatFitter
        from hfsvc.train.length_limit import LengthLimit

        limit = None if self.max_tokens is None else LengthLimit(self.max_tokens, self.too_long or "drop")
        return ChatFitter(tokenizer, limit, on_bad_row="skip")


def token_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds what is said of tokens; the function gets it as `tokens`, `TokenPlan`."""

    @wraps(function)
    def gather(*args: Any, **given: Any) -> Any:
        plan = TokenPlan(**{name: given.pop(name) for name in TokenPlan._fields})
        return function(*args, tokens=plan, **given)

    decorated: Callable[..., Any] = gather
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def as_option(field: str) -> str:
    """What a command calls a field: ``max_tokens`` is ``--max-tokens``."""
    return f"--{field.replace('_', '-')}"
