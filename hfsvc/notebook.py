"""Calls for notebooks and scripts, where a container would be in the way."""

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from hfsvc.aio.cancellation import in_task_group
from hfsvc.aio.listening import listening
from hfsvc.containers import open_container
from hfsvc.models import (
    DEFAULT_REVISION,
    BytesReceived,
    DatasetRequest,
    DownloadedDataset,
    Event,
    OnEvent,
    Planned,
)
from hfsvc.secret import Secret
from hfsvc.settings import Settings, is_true, load_settings

_LATE_IMPORTS = ("pyarrow.parquet", "hfsvc.containers", "hfsvc.trajectories.source")


async def download(
    repo: str,
    *,
    revision: str = DEFAULT_REVISION,
    include: Sequence[str] | str | None = None,
    exclude: Sequence[str] | str = (),
    root: Path | str | None = None,
    token: Secret | str | None = None,
    force: bool = False,
    config: str | None = None,
    split: str | None = None,
    max_bytes: int | None = None,
    max_files: int | None = None,
    converted: bool | None = None,
    shard: tuple[int, int] | None = None,
    on_event: OnEvent | None = None,
    progress: bool | None = None,
) -> DownloadedDataset:
    """Bring a dataset onto disk with settings from the environment.

    Args:
        repo: As `DatasetRequest.repo`.
        revision: As `DatasetRequest.revision`.
        include: As `DatasetRequest.include`.
        exclude: As `DatasetRequest.exclude`.
        root: Folder of the store, instead of ``HFSVC_ROOT``.
        token: As `DatasetRequest.token`.
        force: As `DatasetRequest.force`.
        config: As `DatasetRequest.config`.
        split: As `DatasetRequest.split`.
        max_bytes: As `DatasetRequest.max_bytes`.
        max_files: As `DatasetRequest.max_files`.
        converted: As `DatasetRequest.converted`.
        shard: As `DatasetRequest.shard`.
        on_event: As in `DatasetService.download`.
        progress: Whether a bar is shown on stderr; None for one in a notebook, unless
            ``HF_HUB_DISABLE_PROGRESS_BARS`` says no.

    Raises:
        HfsvcError: As `DatasetService.download`.
    """
    request = DatasetRequest(
        repo,
        revision=revision,
        include=include,
        exclude=exclude,
        token=token,
        force=force,
        config=config,
        split=split,
        max_bytes=max_bytes,
        max_files=max_files,
        converted=converted,
        shard=shard,
    )
    shown = _in_notebook() if progress is None else progress
    return await in_task_group(_download(request, load_settings(os.environ, root=root), on_event, shown=shown))


async def _download(
    request: DatasetRequest, settings: Settings, on_event: OnEvent | None, *, shown: bool
) -> DownloadedDataset:
    async with listening(on_event) as tell, open_container(settings) as container:
        with _bar() if shown else nullcontext() as show:

            def listen(event: Event) -> None:
                if show:
                    show(event)
                tell(event)

            return await container.datasets().download(request, on_event=listen)


def _in_notebook() -> bool:
    # Every kernel of a notebook has it, and no script.
    return "ipykernel" in sys.modules and not is_true("HF_HUB_DISABLE_PROGRESS_BARS", os.environ)


@contextmanager
def _bar() -> Iterator[OnEvent]:
    # Late: rich takes a while to load.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    # As text: without ipywidgets, rich's bars for notebooks are not seen.
    console = Console(file=sys.stderr, force_terminal=True, force_jupyter=False, width=100)
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("asking the Hub", total=None)

        def show(event: Event) -> None:
            if isinstance(event, Planned):
                plan = event.plan
                total = plan.kept_bytes + plan.fetch_bytes
                progress.update(task, description=plan.repo, total=total, completed=plan.kept_bytes)
            elif isinstance(event, BytesReceived):
                progress.update(task, completed=event.received)

        yield show


def preload() -> None:
    """Do all late imports now, so that no later call blocks the event loop with them. Takes some 0.3 s."""
    for name in _LATE_IMPORTS:
        importlib.import_module(name)
