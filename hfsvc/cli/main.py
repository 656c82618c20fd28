"""The command line program: its commands, whose modules load when they are run."""

import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

import click

from hfsvc import __version__
from hfsvc.cli.encoding import show_plainer_what_cannot_be_shown

_COMMANDS = {
    "download": ("hfsvc.cli.download", "Bring a dataset onto disk, verified, or up to date."),
    "update": ("hfsvc.cli.update", "Bring datasets up to date; --check only says what is new."),
    "list": ("hfsvc.cli.datasets", "Show the datasets that are on disk."),
    "info": ("hfsvc.cli.datasets", "Show what is recorded of a dataset."),
    "path": ("hfsvc.cli.datasets", "Print the folder of a dataset."),
    "verify": ("hfsvc.cli.datasets", "Hash a dataset's files again; --repair fetches the damaged ones."),
    "sources": ("hfsvc.cli.datasets", "Show the datasets that are known by name."),
    "layouts": ("hfsvc.cli.layouts", "Show how each file of a dataset is read, and why."),
    "files": ("hfsvc.cli.files", "Show what a dataset holds on the Hub, and what of it is here."),
    "lock": ("hfsvc.cli.lock", "Write down what makes up datasets, to bring the same elsewhere."),
    "manifest": ("hfsvc.cli.lock", "Print SHA256SUMS of a dataset."),
    "du": ("hfsvc.cli.usage", "Show how much of the disk each dataset takes."),
    "delete": ("hfsvc.cli.usage", "Remove a dataset from disk."),
    "prune": ("hfsvc.cli.usage", "Remove what unfinished downloads have left."),
    "count": ("hfsvc.cli.trajectories", "Count a dataset's trajectories."),
    "sample": ("hfsvc.cli.sample", "Print some trajectories of a dataset, at random."),
    "search": ("hfsvc.cli.search", "Find rows by words in what is told of them."),
    "show": ("hfsvc.cli.trajectories", "Print one trajectory."),
    "validate": ("hfsvc.cli.validate", "Check ATIF documents: files, JSON Lines, folders."),
    "stats": ("hfsvc.cli.stats", "Count a dataset's rows, messages and who speaks."),
    "export": ("hfsvc.cli.export", "Write a dataset's trajectories into a file or a folder."),
    "mix": ("hfsvc.cli.mix", "Write several datasets into one, by weight."),
    "serve": ("hfsvc.cli.serve", "Serve datasets and trajectories: pages, REST, and the socket of the Effuse UI."),
    "demo": ("hfsvc.cli.demo", "See it work, without a network."),
    "doctor": ("hfsvc.cli.doctor", "Check endpoint, token, proxy, CDN and root: what works and what does not."),
}


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
    "fsck": "verify",
}


def _meant(word: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word.lower(), _COMMANDS, 1)
    meant = _ELSEWHERE.get(word.lower()) or next(iter(near), None)
    return f" Try: hfsvc {meant}" if meant else " hfsvc --help lists them."


class _LateGroup(click.Group):
    """A click group that lists commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), f"{cmd_name}_command")
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
            formatter.write_dl([(name, about) for name, (_, about) in _COMMANDS.items()])


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
