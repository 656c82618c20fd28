"""Progress on stderr: bars on a terminal, or events as NDJSON."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from hfsvc.cli.output import as_json, printable, say
from hfsvc.models import BytesReceived, Event, FileVerified, Finished, OnEvent, Planned, Retried

if TYPE_CHECKING:
    from rich.progress import Progress

    from hfsvc.export import RowsExported

SHOWN_FROM_BYTES = 32 << 20


@contextmanager
def show_progress(kind: str, *, quiet: bool) -> Iterator[OnEvent]:
    """A listener for a download's events.

    Args:
        kind: ``auto`` (a bar, where stderr is a terminal), ``json`` (an event a line) or ``none``.
        quiet: Show nothing in ``auto``; otherwise retries are told also without a terminal.
    """
    if kind == "json":
        yield lambda event: click.echo(as_json(event), err=True)
    elif kind == "auto" and not quiet and _wants_bars():
        with _bar() as listen:
            yield listen
    elif kind == "auto" and not quiet:
        yield _say_retries
    else:
        yield lambda _: None


@contextmanager
def show_export(kind: str, *, quiet: bool) -> "Iterator[Callable[[RowsExported], None]]":
    """A listener for an export's events; `kind` and `quiet` as for `show_progress`."""
    if kind == "json":
        yield lambda event: click.echo(as_json(event), err=True)
    elif kind == "auto" and not quiet and _wants_bars():
        with _export_bar() as listen:
            yield listen
    else:
        yield lambda _: None


def _say_retries(event: Event) -> None:
    if isinstance(event, Retried):
        say(_retry_sentence(event))


def _retry_sentence(event: Retried) -> str:
    return f"{event.path or 'the Hub'}: {event.reason}; trying again in {event.wait_s:.1f} s"


def _wants_bars() -> bool:
    disabled = os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS", "").upper() in {"1", "ON", "YES", "TRUE"}
    return sys.stderr.isatty() and not disabled


@contextmanager
def _bar() -> Iterator[OnEvent]:
    with _progress() as progress:
        yield _listener(progress)


@contextmanager
def show_bytes(what: str, total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar over `total` bytes, where stderr is a terminal and there is enough to do; it is told how many are done."""
    if quiet or total < SHOWN_FROM_BYTES or not _wants_bars():
        yield lambda _: None
        return
    with _progress() as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)


def _progress() -> "Progress":
    # Late: rich takes a while to load, and a pipe needs none of it.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    # Results on the same terminal go above the bar; those that go elsewhere must not be led to stderr.
    shared = sys.stdout.isatty()
    return Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=shared)


@contextmanager
def _export_bar() -> "Iterator[Callable[[RowsExported], None]]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("exporting"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("exporting", total=None)
        yield lambda event: progress.update(task, completed=event.done, total=event.total)


def _listener(progress: "Progress") -> Callable[[Event], None]:
    task = progress.add_task("asking the Hub", total=None)

    def listen(event: Event) -> None:
        if isinstance(event, Planned):
            total = event.plan.kept_bytes + event.plan.fetch_bytes
            progress.update(task, description=event.plan.repo, total=total, completed=event.plan.kept_bytes)
        elif isinstance(event, BytesReceived):
            progress.update(task, completed=event.received)
        elif isinstance(event, FileVerified):
            progress.console.print(printable(f"verified {event.path}"), highlight=False, markup=False)
        elif isinstance(event, Retried):
            progress.console.print(printable(_retry_sentence(event)), highlight=False, markup=False)
        elif isinstance(event, Finished):
            progress.update(task, visible=False)

    return listen
