"""What errors propose, in the words of who asks over HTTP: requests and parameters, not commands, options or Python. Pure."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

LEAVE_OUT = "`skip_bad=true` of api/trajectories.jsonl leaves rows like it out."
VERIFY = "POST api/datasets/{}/verify says whether it is what the Hub has; with `repair=true` it is fetched again"


def _download(found: re.Match[str]) -> str:
    return f'download it with POST api/jobs {{"repo": "{_id(found[1])}"}}'


def _verify(found: re.Match[str]) -> str:
    return VERIFY.format(quote(_id(found[1]), safe=""))


def _delete(found: re.Match[str]) -> str:
    return f"DELETE api/datasets/{quote(_id(found[1]), safe='')}"


def _parameter(found: re.Match[str]) -> str:
    return f"`{found[1].replace('-', '_')}`"


def _id(typed: str) -> str:
    return typed.removeprefix("datasets/")


# In this order: whole sentences before the options in them.
WORDS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"Rows like it can be left out: .*"), LEAVE_OUT),
    (
        re.compile(
            r"Whether it is what the Hub has, says hfsvc verify ([^\s;,.]+(?:\.[^\s;,.]+)*); with --repair it is fetched again"
        ),
        _verify,
    ),
    (re.compile(r"run: hfsvc download ((?:[^\s.]|\.(?=\S))+)"), _download),
    (re.compile(r"hfsvc delete ((?:[^\s.]|\.(?=\S))+)"), _delete),
    (re.compile(r"(?<![\w-])--([a-z][a-z-]*[a-z])"), _parameter),
)
# What only who runs the server can do.
SERVER = re.compile(r"\b(HFSVC_\w+|HF_TOKEN)\b(?! of the server)")


def in_callers_words(document: dict[str, Any]) -> dict[str, Any]:
    """An error's document whose sentences tell what a client of the API can do."""
    return document | {name: _said(document[name]) for name in ("message", "hint") if document[name]}


def _said(text: str) -> str:
    for pattern, words in WORDS:
        text = pattern.sub(words, text)
    return SERVER.sub(r"\1 of the server", text)
