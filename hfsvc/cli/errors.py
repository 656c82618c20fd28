"""The end of a command that failed: one sentence on stderr, or one JSON value, and an exit code."""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from hfsvc.cli.elsewhere import UNKNOWN
from hfsvc.cli.output import say, write_json
from hfsvc.cli.pasting import pasteable_after
from hfsvc.disk import disk_error
from hfsvc.errors import HfsvcError, is_out_of_files

USAGE = 2
INTERRUPTED = 130
TERMINATED = 143
STDOUT = "/dev/stdout"
# What a write says that names no file: files of our own are named in errors of our own.
_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


class Terminated(Exception):
    """SIGTERM came."""


@contextmanager
def terminable() -> Iterator[None]:
    """For work without an event loop: SIGTERM ends it like Ctrl-C does.

    Raises:
        Terminated: It came.
    """

    def stop(*_: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class ReaderLeft(Exception):
    """Whoever read our output has enough."""


def report(error: BaseException, argv: Sequence[str]) -> int:
    """Say what happened, and give the exit code.

    Args:
        error: What ended the command.
        argv: Its arguments: ``--json`` and ``-v`` count also where they could not be parsed.
    """
    if isinstance(error, ReaderLeft):
        return _reader_left()
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return _stopped(error, "interrupted", INTERRUPTED, as_json="--json" in argv)
    if isinstance(error, Terminated):
        return _stopped(error, "terminated", TERMINATED, as_json="--json" in argv)
    if "-v" in argv or "--verbose" in argv:
        traceback.print_exception(error)
    if isinstance(error, OSError) and error.filename is None and error.errno in _WRITING:
        error = disk_error(error, Path(STDOUT), 0)
    elif isinstance(error, OSError) and is_out_of_files(error):
        error = disk_error(error, Path(error.filename or "A file"), 0)
    elif isinstance(error, OSError) and error.errno in _WRITING:
        error = disk_error(error, Path(error.filename or STDOUT), 0)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        say(error.format_message())
        return USAGE
    if isinstance(error, click.UsageError) and error.ctx and "--json" not in argv:
        say(error.ctx.get_usage())
    _tell(error, argv)
    return exit_code(error)


def _stopped(error: BaseException, how: str, code: int, *, as_json: bool) -> int:
    # click makes an error of its own of Ctrl-C.
    told = (getattr(each, "__notes__", None) for each in (error, error.__cause__))
    kept = " ".join(next(filter(None, told), ["what is complete is kept."]))
    sentence = f"{how.capitalize()}; {kept}"
    if as_json:
        write_json({"error": _document(how, sentence)}, err=True)
    else:
        say(sentence)
    return code


def exit_code(error: BaseException) -> int:
    """The exit code that an error stands for."""
    if isinstance(error, HfsvcError):
        return error.exit_code
    return error.exit_code if isinstance(error, click.ClickException) else 1


def _tell(error: BaseException, argv: Sequence[str]) -> None:
    if "--json" in argv:
        write_json({"error": as_document(error)}, err=True)
        return
    say(pasteable_after(f"Error: {_sentence(error)}", argv))


def as_document(error: BaseException) -> dict[str, Any]:
    """An error as JSON: ``code``, ``message``, ``retryable``, ``retryAfter`` (seconds), ``hint``."""
    if not isinstance(error, HfsvcError):
        code = "usage" if isinstance(error, click.UsageError) else "failed"
        return _document(code, _sentence(error))
    return error.document()


def _document(code: str, sentence: str) -> dict[str, Any]:
    return {"code": code, "message": sentence, "retryable": False, "retryAfter": None, "hint": None}


def _sentence(error: BaseException) -> str:
    if isinstance(error, click.NoSuchOption) and error.option_name in UNKNOWN:
        return f"{error.format_message()} {UNKNOWN[error.option_name]}"
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, HfsvcError):
        return str(error)
    return f"hfsvc failed in a way it should not ({type(error).__name__}); run it with -v and report what it prints."


def _reader_left() -> int:
    # Python must not trip over the closed pipe again at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
