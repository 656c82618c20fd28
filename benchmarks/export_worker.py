"""One contender of benchmarks.export, in a process of its own: reads a dataset, and encodes what it reads or not."""

import asyncio
import sys
from pathlib import Path

from hfsvc import DatasetRequest, open_container
from hfsvc.atif import encode
from hfsvc.settings import DEFAULT_SOURCE, Settings


async def stream(root: Path, *, encoded: bool) -> None:
    async with open_container(Settings(root=root, trust_env=False)) as container:
        async for trajectory in container.source(DEFAULT_SOURCE).stream_trajectories():
            if encoded:
                encode(trajectory)


async def prepare(work: Path, rows: int) -> None:
    """Download a dataset of made-up rows into ``<work>/root``."""
    from hfsvc.testing import LocalHub
    from hfsvc.testing.samples import write_sample_hub

    write_sample_hub(work / "hub", rows=rows)
    with LocalHub(work / "hub") as hub:
        settings = Settings(root=work / "root", endpoint=hub.endpoint, trust_env=False)
        async with open_container(settings) as container:
            repo = container.registry().repo_of(DEFAULT_SOURCE)
            await container.datasets().download(DatasetRequest(repo=repo))


if __name__ == "__main__":
    how, folder, *rows = sys.argv[1:]
    asyncio.run(prepare(Path(folder), int(rows[0])) if rows else stream(Path(folder), encoded=how == "encode"))
