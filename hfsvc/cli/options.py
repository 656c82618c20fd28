"""The options that every command takes."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple

import click

from hfsvc.units import parse_bytes


class Options(NamedTuple):
    """The values of those options.

    Attributes:
        root: Instead of HFSVC_ROOT.
        endpoint: Instead of HF_ENDPOINT.
        token: Instead of HF_TOKEN.
        as_json: Print one JSON value.
        quiet: Print only what a script wants.
        verbose: Log to stderr, and show tracebacks.
    """

    root: str | None
    endpoint: str | None
    token: str | None
    as_json: bool
    quiet: bool
    verbose: bool


_OPTIONS = (
    click.option("--root", type=click.Path(), help="Folder of the store, or s3://bucket/prefix (HFSVC_ROOT)."),
    click.option("--endpoint", metavar="URL", help="The Hub to ask (HF_ENDPOINT)."),
    click.option("--token", metavar="TOKEN", help="The Hub's token; better set HF_TOKEN."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON value."),
    click.option("-q", "--quiet", is_flag=True, help="Print only what a script wants."),
    click.option("-v", "--verbose", is_flag=True, help="Log what happens, show tracebacks."),
)


class ByteSize(click.ParamType[int]):
    """A size as people write it, ``2GB`` or ``500MiB``, in bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = value if isinstance(value, int) else parse_bytes(value)
        if found is None or found < 1:
            self.fail(f"{value!r} is no size: write it as 2GB, 500MiB or 1000000", param, ctx)
        return found


workers_option = click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that share the work; 0 for one a core. The result is the same.",
)


address_option = click.option(
    "--address",
    metavar="HOST:PORT",
    help="The Ray cluster of --engine ray (default: that of RAY_ADDRESS, else one of this machine alone).",
)


def check_address(given: Mapping[str, Any]) -> None:
    """Refuse the address of a cluster where none is worked on.

    Raises:
        UsageError: It is given without --engine ray.
    """
    if given["address"] and given["engine"] != "ray":
        raise click.UsageError("--address names the cluster of --engine ray: give both.")


def _with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def command(name: str, *, example: str, **settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A command whose function gets `Options` first.

    Args:
        name: Of the command.
        example: A call of it, for its help.
        settings: As `click.command` takes them.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        @wraps(function)
        def gather(**given: Any) -> Any:
            options = Options(**{field: given.pop(field) for field in Options._fields})
            try:
                return function(options, **given)
            except BrokenPipeError:
                from hfsvc.cli.errors import ReaderLeft

                # Under another name: click would end with 1.
                raise ReaderLeft from None

        context = {"help_option_names": ["-h", "--help"]}
        epilog = f"\b\nExample:\n  {example}"
        make: Callable[[Callable[..., Any]], click.Command] = click.command(
            name, context_settings=context, epilog=epilog, **settings
        )
        made = make(_with_options(gather))
        # What is its own comes first.
        made.params.sort(key=lambda each: each.name in Options._fields)
        return made

    return decorate
