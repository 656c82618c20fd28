"""The command ``demo``: download, verify, count and show, on a Hub of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hfsvc.cli.options import Options, command
from hfsvc.settings import DEFAULT_SOURCE

if TYPE_CHECKING:
    from hfsvc.containers import Container

CHUNK_BYTES = 1 << 20
# Slow enough for eyes to follow, quick enough for nobody to wait.
BYTES_PER_S = 3_000_000
SHOWN_CHARACTERS = 120
SHOWN_ROWS = 2


@command("demo", example="hfsvc demo")
def demo_command(options: Options) -> None:
    """See it work, without a network.

    Starts a Hub on this machine over a small dataset of made-up trajectories, and does with it what you would do with
    the real one. Everything lies in a temporary folder that is removed at the end.
    """
    from hfsvc.cli.output import say
    from hfsvc.disk import temporary_folder
    from hfsvc.testing.localhub import LocalHub
    from hfsvc.testing.samples import write_sample_hub

    tell = _say_nothing if options.quiet or options.as_json else say
    with temporary_folder() as folder:
        tell("Making a small dataset in the layout of open-thoughts/OpenThoughts-Agent-v1-SFT …")
        repo = write_sample_hub(folder / "hub")
        with LocalHub(folder / "hub", bytes_per_s=BYTES_PER_S) as hub:
            tell(f"A Hub answers at {hub.endpoint}.")
            _show(options, tell, repo, hub.endpoint, folder / "datasets")
    tell("\nNow the real one, 110 MB:\n\n    hfsvc download openthoughts-sft\n    hfsvc show 0\n")


def _say_nothing(_: str) -> None:
    pass


def _show(options: Options, tell: Callable[[str], None], repo: str, endpoint: str, root: Path) -> None:
    from hfsvc.cli.output import write_json
    from hfsvc.cli.progress import show_progress
    from hfsvc.cli.run import run
    from hfsvc.cli.trajectories import print_trajectory
    from hfsvc.models import DatasetRequest, OnEvent
    from hfsvc.settings import Settings

    async def work(container: "Container", listen: OnEvent) -> None:
        datasets, source = container.datasets(), container.source(DEFAULT_SOURCE)
        if options.as_json:
            dataset = await datasets.download(DatasetRequest(repo=repo), on_event=listen)
            report, count = await datasets.verify(repo), await source.count()
            sample = await source.get_trajectories(0, SHOWN_ROWS)
            write_json({"dataset": dataset, "report": report, "count": count, "sample": sample})
            return
        tell(f"\n$ hfsvc download {DEFAULT_SOURCE}")
        dataset = await datasets.download(DatasetRequest(repo=repo), on_event=listen)
        click.echo(f"{len(dataset.files)} file, {dataset.total_bytes} bytes, commit {dataset.commit[:12]}")
        tell(f"\n$ hfsvc verify {DEFAULT_SOURCE}")
        report = await datasets.verify(repo)
        click.echo(f"{report.checked_files} file checked, {len(report.damaged)} damaged")
        tell("\n$ hfsvc list")
        click.echo("\n".join(each.repo for each in await datasets.list_downloaded()))
        tell(f"\n$ hfsvc count {DEFAULT_SOURCE}")
        click.echo(await source.count())
        tell(f"\n$ hfsvc sample {SHOWN_ROWS} --first")
        for row, trajectory in enumerate(await source.get_trajectories(0, SHOWN_ROWS)):
            print_trajectory(row, trajectory, longest=SHOWN_CHARACTERS)

    quiet = options.quiet or options.as_json
    settings = Settings(root=root, endpoint=endpoint, chunk_bytes=CHUNK_BYTES, trust_env=False)
    with show_progress("auto", quiet=quiet) as listen:
        run(options, lambda container: work(container, listen), settings)
