"""The command line program: its commands, whose modules load when they are run."""

import gc
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

import click

from hfsvc import __version__
from hfsvc.cli.commands import COMMANDS
from hfsvc.cli.encoding import show_plainer_what_cannot_be_shown

# What people type who know other tools.
_ELSEWHERE = {
    **dict.fromkeys(("ls", "datasets", "scan", "scan-cache"), "list"),
    **dict.fromkeys(("rm", "remove", "uninstall"), "delete"),
    **dict.fromkeys(("get", "pull", "fetch", "clone", "install", "snapshot-download"), "download"),
    **dict.fromkeys(("upgrade", "sync", "refresh"), "update"),
    **dict.fromkeys(("head", "cat", "preview"), "sample"),
    **dict.fromkeys(("get-row", "view", "open"), "show"),
    **dict.fromkeys(("find", "grep", "query", "filter"), "search"),
    **dict.fromkeys(("size", "usage", "df", "cache"), "du"),
    **dict.fromkeys(("clean", "gc", "clear"), "prune"),
    **dict.fromkeys(("tree", "ls-files", "repo-files"), "files"),
    **dict.fromkeys(("check", "lint"), "validate"),
    **dict.fromkeys(("convert", "write", "save", "dump"), "export"),
    **dict.fromkeys(("describe", "summary", "statistics"), "stats"),
    **dict.fromkeys(("server", "ui", "web", "start"), "serve"),
    **dict.fromkeys(("env", "whoami", "status", "diagnose"), "doctor"),
    "where": "path",
    "wc": "count",
    "join": "merge",
    "fsck": "verify",
}


def _meant(word: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word.lower(), COMMANDS, 1)
    meant = _ELSEWHERE.get(word.lower()) or next(iter(near), None)
    return f" Try: hfsvc {meant}" if meant else " hfsvc --help lists them."


class _LateGroup(click.Group):
    """A click group that lists commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), f"{cmd_name}_command")
        if not gc.isenabled():
            # Modules stay to the end: to look through them for garbage is a fifth of what it takes to load them.
            gc.freeze()
            gc.enable()
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            if args and not args[0].startswith("-"):
                raise click.UsageError(f"No such command {args[0]!r}.{_meant(args[0])}", ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.group(cls=_LateGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hfsvc", message="%(prog)s %(version)s")
def hfsvc() -> None:
    """Hugging Face datasets on disk, verified; their agent trajectories as ATIF.

    Results go to stdout, words and progress to stderr. Every command takes --json, and --help says the rest.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    show_plainer_what_cannot_be_shown()
    try:
        hfsvc.main(args=argv, prog_name="hfsvc", standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except (Exception, KeyboardInterrupt) as error:
        errors = importlib.import_module("hfsvc.cli.errors")
        sys.exit(errors.report(error, argv))


def _give_up_on_what_cannot_be_written(stream: TextIO) -> None:
    try:
        stream.flush()
    except OSError:
        # The interpreter would try once more at its end, and tell of that with an exit code of its own.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def run() -> None:
    """The program: `main` in a process of its own, which ends here."""
    gc.disable()
    code: object = 0
    # A shell may close them (`>&-`); whoever does that wants nothing of it.
    sys.stdout = sys.stdout or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    sys.stderr = sys.stderr or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    try:
        main()
    except SystemExit as done:
        code = done.code or 0
    for stream in (sys.stdout, sys.stderr):
        _give_up_on_what_cannot_be_written(stream)
    sys.exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    run()
