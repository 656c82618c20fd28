"""The option ``--remote``: rows are read where they lie on the Hub, and what was moved is told."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from hfsvc.cli.read_options import KEPT_WITHOUT_NAMES

if TYPE_CHECKING:
    from hfsvc.cli.options import Options
    from hfsvc.models import RemoteTraffic
    from hfsvc.protocols import TrajectorySource

_META = "hfsvc.remote"
# As `hfsvc.trajectories.files.dataset_files` has it; importing that takes a while.
REMOTE_LOGGER = "hfsvc.remote.notes"


class RemoteReading:
    """How a command reads, and what it has read from.

    Attributes:
        keep_bytes: Whether bytes stay for a later download.
        is_done: Whether all was read that was asked for.
    """

    def __init__(self, *, keep_bytes: bool) -> None:
        self.keep_bytes = keep_bytes
        self.is_done = False
        self._sources: list[TrajectorySource] = []

    def add(self, source: "TrajectorySource") -> None:
        """Count what is moved for a source, too."""
        self._sources.append(source)

    @property
    def traffic(self) -> "RemoteTraffic":
        """What was moved so far."""
        from hfsvc.models import RemoteTraffic

        told = [found for each in self._sources if (found := getattr(each, "traffic", None))]
        return RemoteTraffic(
            bytes_moved=sum(each.bytes_moved for each in told),
            requests=sum(each.requests for each in told),
            total_bytes=max((each.total_bytes for each in told), default=0),
        )


def remote_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--remote``, and ``--keep``; where that takes names of columns, it means the bytes without any."""
    taken = any(each.name == "keep" for each in getattr(function, "__click_params__", ()))
    names = ("--keep-bytes",) if taken else ("--keep", "--keep-bytes")

    @wraps(function)
    def gather(*args: Any, remote: bool, keep_bytes: bool, **given: Any) -> Any:
        if given.get("keep") == KEPT_WITHOUT_NAMES:
            given["keep"], keep_bytes = None, True
        if keep_bytes and not remote:
            columns = ", or names of columns to --keep" if taken else ""
            raise click.UsageError(f"--keep keeps what is read remotely: give --remote{columns}.")
        if remote:
            _check(given)
            context = click.get_current_context()
            options: Options = args[0]
            reading = context.meta[_META] = RemoteReading(keep_bytes=keep_bytes)
            # What is registered first comes last.
            context.call_on_close(lambda: _tell_traffic(options, reading))
            _say_notes(context, quiet=options.quiet)
            with nullcontext() if keep_bytes else _telling_that_nothing_is_kept():
                return function(*args, **given)
        return function(*args, **given)

    decorated: Callable[..., Any] = gather
    kept = click.option(
        *names, "keep_bytes", is_flag=True, help="With --remote: keep what is read for a later download."
    )
    read = click.option("--remote", is_flag=True, help="Read rows on the Hub, without a download.")
    return read(kept(decorated))


@contextmanager
def _telling_that_nothing_is_kept() -> Iterator[None]:
    """Let a command that is stopped say that of what it read, unless it has said something of what it made."""
    from hfsvc.cli.errors import Terminated

    try:
        yield
    except (KeyboardInterrupt, Terminated) as stopped:
        if not getattr(stopped, "__notes__", None):
            stopped.add_note("nothing is kept of what was read; --keep would keep it.")
        raise


def _check(given: dict[str, Any]) -> None:
    if given.get("workers", 1) != 1:
        raise click.UsageError("A remote source is read by one process: leave out --workers or --remote.")
    if given.get("engine") == "ray":
        raise click.UsageError("The engine ray reads what is on disk: leave out --engine or --remote.")


class _Sayer(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        from hfsvc.cli.output import say

        say(record.getMessage())


def _say_notes(context: click.Context, *, quiet: bool) -> None:
    """Let what reading is going to cost be said when it is known."""
    notes, sayer = logging.getLogger(REMOTE_LOGGER), _Sayer()
    notes.setLevel(logging.ERROR if quiet else logging.WARNING)
    notes.propagate = False
    notes.addHandler(sayer)

    def leave() -> None:
        notes.removeHandler(sayer)
        notes.propagate = True
        notes.setLevel(logging.NOTSET)

    context.call_on_close(leave)


def remote_reading() -> RemoteReading | None:
    """How the command that runs reads remotely; None where it does not."""
    context = click.get_current_context(silent=True)
    found: RemoteReading | None = context.meta.get(_META) if context else None
    return found


def traffic_facts() -> dict[str, Any]:
    """What was moved, for the JSON of a command; nothing where it reads from disk."""
    reading = remote_reading()
    if reading is None:
        return {}
    return {"bytesMoved": reading.traffic.bytes_moved, "requests": reading.traffic.requests}


def _tell_traffic(options: "Options", reading: RemoteReading) -> None:
    """Say what was moved: to people in a sentence, with ``--json`` as JSON."""
    from hfsvc.cli.output import write_json

    if not reading.is_done:
        return
    if options.as_json:
        write_json(reading.traffic, err=True)
    elif not options.quiet:
        _say_traffic(reading.traffic)


def _say_traffic(traffic: "RemoteTraffic") -> None:
    from hfsvc.cli.output import count_of, say
    from hfsvc.units import format_bytes

    moved, total = format_bytes(traffic.bytes_moved), format_bytes(traffic.total_bytes)
    say(f"read {moved} of {total} in {count_of('request', traffic.requests)}")
