"""Progress on stderr: bars on a terminal, or events as NDJSON."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from hfsvc.cli.output import as_json, printable, say
from hfsvc.models import BytesHashed, BytesReceived, Event, FileVerified, Finished, OnEvent, Planned, Retried

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

    from hfsvc.export import RowsExported
    from hfsvc.models import DownloadPlan

# Of more files than these only their number is shown.
NAMED_FILES = 10
# From this width on, a line has room for how fast it goes and how long it will take.
ROOMY = 70
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
        yield _DownloadBar(progress)


@contextmanager
def show_bytes(what: str, total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar over `total` bytes, where stderr is a terminal and there is enough to do; it is told how many are done."""
    if quiet or total < SHOWN_FROM_BYTES or not _wants_bars():
        yield lambda _: None
        return
    with _progress() as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)


def _progress(*, rows: bool = False) -> "Progress":
    # Late: rich takes a while to load, and a pipe needs none of it.
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    # Results on the same terminal go above the bar; those that go elsewhere must not be led to stderr.
    shared = sys.stdout.isatty()
    columns = _columns(console.width, rows=rows)
    return Progress(*columns, console=console, transient=True, redirect_stdout=shared, expand=True)


def _columns(width: int, *, rows: bool) -> "list[ProgressColumn]":
    """What a line of this width has room for: what is done, how much of it, and where there is more room how fast."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.table import Column

    roomy = width >= ROOMY
    named = Column(no_wrap=True, overflow="crop", max_width=width // (3 if roomy else 4))
    whole = Column(no_wrap=True)
    columns: list[ProgressColumn] = [
        TextColumn("{task.description}", table_column=named, markup=False),
        BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=5)),
        TaskProgressColumn(table_column=whole),
        MofNCompleteColumn(table_column=whole) if rows else DownloadColumn(table_column=whole),
    ]
    if roomy and not rows:
        columns.append(TransferSpeedColumn(table_column=whole))
    if roomy:
        columns.append(TimeRemainingColumn(compact=True, table_column=whole))
    return columns


@contextmanager
def _export_bar() -> "Iterator[Callable[[RowsExported], None]]":
    with _progress(rows=True) as progress:
        task = progress.add_task("exporting", total=None)
        yield lambda event: progress.update(task, completed=event.done, total=event.total)


@contextmanager
def show_rows(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar over rows, where stderr is a terminal; it is told, from any thread, how many are done of how many."""
    if quiet or not _wants_bars():
        yield lambda _done, _total: None
        return
    with ExitStack() as stack:
        yield _LateBar(stack, what).update


class _LateBar:
    """A bar over rows that is not there before there is something to tell.

    Args:
        stack: Removes it.
        what: Is done.
    """

    def __init__(self, stack: ExitStack, what: str) -> None:
        self._stack = stack
        self._what = what
        self._shown: tuple[Progress, TaskID] | None = None

    def update(self, done: int, total: int) -> None:
        """So many rows are done of so many."""
        if self._shown is None:
            progress = self._stack.enter_context(_progress(rows=True))
            self._shown = progress, progress.add_task(self._what, total=total)
        progress, task = self._shown
        progress.update(task, completed=done)


@contextmanager
def show_hashing(*, quiet: bool) -> Iterator[OnEvent]:
    """A bar for a verification, where stderr is a terminal, and what comes of its repairs."""
    if quiet or not _wants_bars():
        yield lambda _: None
        return
    with _progress() as progress:
        task = progress.add_task("hashing", total=None)

        def listen(event: Event) -> None:
            if isinstance(event, BytesHashed):
                progress.update(task, completed=event.hashed, total=event.total)
            elif isinstance(event, BytesReceived):
                progress.update(task, description="repairing", completed=event.received, total=event.total)
            elif isinstance(event, Retried):
                progress.console.print(printable(_retry_sentence(event)), highlight=False, markup=False)

        yield listen


class _DownloadBar:
    """The bar of a download, and what stays above it: retries, and the names of files where there are few.

    Args:
        progress: Shows it.
    """

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task = progress.add_task("asking the Hub", total=None)
        self._name = ""
        self._files = self._verified = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Planned):
            self._plan(event.plan)
        elif isinstance(event, BytesReceived):
            self._progress.update(self._task, completed=event.received)
        elif isinstance(event, FileVerified):
            self._verify(event)
        elif isinstance(event, Retried):
            self._print(_retry_sentence(event))
        elif isinstance(event, Finished):
            self._progress.update(self._task, visible=False)

    def _plan(self, plan: "DownloadPlan") -> None:
        self._files = sum(not file.present for file in plan.files)
        # The owner's name is what a narrow line can do without.
        self._name = plan.repo.rpartition("/")[2]
        total = plan.kept_bytes + plan.copied_bytes + plan.fetch_bytes
        self._progress.update(self._task, description=self._name, total=total, completed=plan.kept_bytes)

    def _verify(self, event: FileVerified) -> None:
        self._verified += 1
        if self._files <= NAMED_FILES:
            self._print(f"verified {event.path}")
        else:
            done = f"{self._verified}/{self._files} {self._name}"
            self._progress.update(self._task, description=printable(done))

    def _print(self, text: str) -> None:
        self._progress.console.print(printable(text), highlight=False, markup=False)
