"""Which sources a server keeps."""

from pathlib import Path
from typing import Any

from dependency_injector import providers

from hfsvc import Settings, create_app, open_container
from hfsvc.models import ReadOptions
from hfsvc.server.open_sources import KEPT, OpenSources
from hfsvc.testing import FakeTrajectorySource

MESSAGES = ReadOptions()


async def test_only_those_that_were_used_last_are_kept(root: Path) -> None:
    def make(_: str, **options: Any) -> FakeTrajectorySource:
        return FakeTrajectorySource([])

    async with open_container(Settings(root=root), source=providers.Callable(make)) as container:
        sources = OpenSources(container)
        first, second, *others = (f"acme/{number}" for number in range(KEPT + 1))
        kept, forgotten = sources.open(first, MESSAGES), sources.open(second, MESSAGES)
        for each in (*others[:-1], first, others[-1]):
            sources.open(each, MESSAGES)
        assert sources.open(first, MESSAGES) is kept
        assert sources.open(second, MESSAGES) is not forgotten


async def test_a_dataset_is_one_by_its_alias_and_by_its_id(root: Path) -> None:
    async with open_container(Settings(root=root)) as container:
        sources = OpenSources(container)
        assert sources.open(sources.repo(None), MESSAGES) is sources.open(sources.name(None), MESSAGES)


async def test_what_is_read_on_the_hub_is_not_missing(root: Path) -> None:
    settings = Settings(root=root, default_source="acme/notes")
    async with open_container(settings) as container:
        assert await create_app(container).find_missing()
        assert await create_app(container, remote=["acme/notes"]).find_missing() is None
