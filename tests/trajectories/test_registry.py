from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pyarrow as pa
import pytest
from dependency_injector import providers

from hfsvc.containers import open_container
from hfsvc.errors import InvalidSettings
from hfsvc.settings import Settings
from hfsvc.testing import FakeDatasetService
from hfsvc.trajectories.known_datasets import KNOWN, KnownDataset
from hfsvc.trajectories.registry import GROUP, load_plugins, open_registry, read_sources
from tests.builders import everything
from tests.trajectories.tables import MESSAGES, parquet, talk

THEIRS = KnownDataset(alias="theirs", repo="acme/theirs")
LISTED = [THEIRS]


def given() -> Iterator[KnownDataset]:
    yield THEIRS


def broken() -> list[KnownDataset]:
    raise RuntimeError("no such luck")


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        file = tmp_path / "sources.toml"
        file.write_bytes(text.encode("latin-1"))
        return file

    return write


Write = Callable[[str], Path]

# ---- the user's own file --------------------------------------------------------------------------------------------


def test_a_file_names_datasets(write: Write) -> None:
    file = write("""
        [runs]
        repo = "acme/runs"
        about = "what we ran"
        layout = "openai"
        key = "uuid"
        splits = ["a", "b"]
        fenced = true
        columns = {messages = "history", task = "problem"}

        [more]
        repo = "acme/more"
    """)
    assert read_sources(file) == (
        KnownDataset(
            alias="runs",
            repo="acme/runs",
            about="what we ran",
            layout="openai",
            key="uuid",
            splits=("a", "b"),
            fenced=True,
            columns={"messages": "history", "task": "problem"},
        ),
        KnownDataset(alias="more", repo="acme/more"),
    )


def test_ones_own_datasets_come_first(write: Write) -> None:
    file = write(f"""[openthoughts-sft]\nrepo = "acme/mirror"\n[other]\nrepo = "{KNOWN[1].repo}"\nlayout = "json" """)
    registry = open_registry(file, points=list)
    assert registry.repo_of("openthoughts-sft") == "acme/mirror"
    found = registry.find_repo(KNOWN[1].repo)
    assert (found and found.layout) == "json"
    assert len(registry.all) == len(KNOWN) + 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a]\n[b", "at end of document"),
        ("\xff", "utf-8"),
        ('a = "acme/a"', "a is no table with at least a repo"),
        ("[a]", "[a]: Object missing required field `repo`"),
        ("[a]\nrepo = 1", "[a].repo: Expected `str`, got `int`"),
        ('[a]\nrepo = "acme/a"\nlayout = "opnai"', "[a].layout: Invalid enum value 'opnai'"),
        ('[a]\nrepo = "acme/a"\nlayuot = "openai"', "[a]: Object contains unknown field `layuot`"),
        ('[a]\nrepo = "acme/a"\ncolumns = {task = 1}', "[a].columns[...]: Expected `str`, got `int`"),
        ('["a/b"]\nrepo = "acme/a"', "[a/b]: an alias has no /"),
    ],
)
def test_a_wrong_file_is_told_where(write: Write, text: str, said: str) -> None:
    file = write(text)
    with pytest.raises(InvalidSettings) as raised:
        open_registry(file)
    assert raised.value.setting == "sources"
    assert str(file) in str(raised.value)
    assert said in str(raised.value)


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidSettings, match=str(tmp_path)):
        read_sources(tmp_path / name)


# ---- other packages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["LISTED", "given"])
def test_a_plugin_is_a_list_or_gives_one(name: str) -> None:
    assert list(load_plugins([point("acme", f"{__name__}:{name}")])) == [THEIRS]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no_such_module_at_all:x", "ModuleNotFoundError"),
        (f"{__name__}:nothing", "AttributeError"),
        (f"{__name__}:broken", "no such luck"),
        (f"{__name__}:GROUP", "str is no KnownDataset"),
        (f"{__name__}:THEIRS", "TypeError"),
    ],
)
def test_a_broken_plugin_is_named_and_the_others_count(value: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    points = [point("bad", value), point("good", f"{__name__}:LISTED")]
    registry = open_registry(None, points=lambda: points)
    assert registry.repo_of("theirs") == "acme/theirs"
    assert registry.all == (*KNOWN, THEIRS)
    (record,) = caplog.records
    assert f"source plugin bad ({value}) is left out" in record.getMessage()
    assert said in record.getMessage()


def test_plugins_take_no_name_that_is_known() -> None:
    registry = open_registry(None, points=lambda: [point("x", f"{__name__}:KNOWN"), point("y", f"{__name__}:LISTED")])
    assert registry.all == (*KNOWN, THEIRS)


# ---- in a container -------------------------------------------------------------------------------------------------


async def test_a_container_reads_a_dataset_as_its_registry_says(write: Write, tmp_path: Path) -> None:
    table = pa.table({"history": pa.array([talk("kept")], MESSAGES), "messages": pa.array([talk("other")], MESSAGES)})
    datasets = FakeDatasetService(tmp_path, {"acme/runs": {"a.parquet": parquet(table)}})
    await datasets.download(everything("acme/runs"))
    file = write("""[runs]\nrepo = "acme/runs"\nlayout = "openai"\ncolumns = {messages = "history"}""")
    settings = Settings(root=tmp_path, sources=file)
    async with open_container(settings, datasets=providers.Object(datasets)) as container:
        for name in ("runs", "acme/runs", "hf://datasets/acme/runs"):
            (found,) = await container.source(name).get_trajectories(0, 9)
            assert [step.message for step in found.steps] == ["kept", "kept!"]
        (found,) = await container.source("runs", columns={"messages": "messages"}).get_trajectories(0, 9)
        assert found.steps[0].message == "other"
