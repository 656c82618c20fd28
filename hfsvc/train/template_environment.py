"""The sandbox in which chat templates run: the same extensions, filters and names as in transformers.

Source: ``transformers.utils.chat_template_utils`` (5.24).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import Template, TemplateError, nodes, pass_eval_context
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

Tracked = tuple[list[str], list[tuple[int, int]]]
_tracked: ContextVar[Tracked | None] = ContextVar("tracked", default=None)


@contextmanager
def tracking(blocks: list[str], spans: list[tuple[int, int]]) -> Iterator[None]:
    """Note into `spans` where the generations of a template stand, while its blocks are gathered in `blocks`."""
    token = _tracked.set((blocks, spans))
    try:
        yield
    finally:
        _tracked.reset(token)


class GenerationBlocks(Extension):
    """The tag ``{% generation %}``, around what a model writes."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_note"), [], [], body).set_lineno(line)

    @pass_eval_context
    def _note(self, context: nodes.EvalContext, caller: Any) -> str:
        written: str = caller()
        if (tracked := _tracked.get()) is not None:
            blocks, spans = tracked
            start = sum(map(len, blocks))
            spans.append((start, start + len(written)))
        return written


class PlainDict:
    """The name ``dict`` of templates: makes one, and has nothing else that could be reached."""

    def __call__(self, *values: Any, **named: Any) -> dict[Any, Any]:
        return dict(*values, **named)

    def fromkeys(self, *values: Any) -> dict[Any, Any]:
        return dict.fromkeys(*values)


class PlainNamespace(Namespace):
    """The name ``namespace`` of templates: holds no name that begins with an underscore."""

    def __init__(*values: Any, **named: Any) -> None:
        self, *rest = values
        held = dict(*rest, **named)
        for name in held:
            _check_name(name)
        Namespace.__init__(self, held)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


@lru_cache(maxsize=32)
def compiled(text: str) -> Template:
    """A template, ready to be rendered.

    Raises:
        jinja2.TemplateError: It is none.
    """
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationBlocks, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals.update(raise_exception=_raise, strftime_now=_now, dict=PlainDict(), namespace=PlainNamespace)
    return environment.from_string(text)


def _check_name(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"{name!r} may not be set")


def _to_json(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    # Jinja's own would escape what HTML does not take.
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise(message: str) -> None:
    raise TemplateError(message)


def _now(format: str) -> str:
    return datetime.now().strftime(format)
