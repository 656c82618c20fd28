import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from hfsvc.errors import BadParquet, UnknownSource
from hfsvc.hub.urls import check_repo_id
from hfsvc.models import ReadOptions
from hfsvc.settings import DEFAULT_SOURCE
from hfsvc.testing import FakeDatasetService
from hfsvc.trajectories.judged_files import judge_files
from hfsvc.trajectories.known_datasets import KNOWN, KnownDataset
from hfsvc.trajectories.layouts.detect import LAYOUTS
from hfsvc.trajectories.registry import Registry
from hfsvc.trajectories.source import FileTrajectorySource
from tests.trajectories.tables import parquet, talk

REGISTRY = Registry(KNOWN)
MINE = KnownDataset(alias="mine", repo="acme/Notes", layout="openai", key="id", columns={"messages": "history"})


def test_the_default_source_is_the_dataset_of_openthoughts() -> None:
    repo = "open-thoughts/OpenThoughts-Agent-v1-SFT"
    assert REGISTRY.repo_of(DEFAULT_SOURCE) == REGISTRY.repo_of("openthoughts-sft") == repo


def test_aliases_and_ids_are_unique() -> None:
    for values in ([each.alias for each in KNOWN], [each.repo.casefold() for each in KNOWN]):
        assert len(set(values)) == len(values)
    assert not any("/" in each.alias or " " in each.alias for each in KNOWN)


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.alias)
def test_every_known_dataset_is_found_by_alias_and_by_id(known: KnownDataset) -> None:
    assert REGISTRY.find_alias(known.alias) is known
    assert REGISTRY.repo_of(known.alias) == known.repo == check_repo_id(known.repo)
    assert REGISTRY.find_repo(known.repo.upper()) is known
    assert known.about
    assert known.layout in {None, *LAYOUTS}


@pytest.mark.parametrize(
    "name", ["acme/notes", "datasets/acme/notes", "hf://datasets/acme/notes@v1", "https://hub.test/datasets/acme/notes"]
)
def test_any_other_name_with_a_slash_stands_for_itself(name: str) -> None:
    assert REGISTRY.repo_of(name) == name
    assert REGISTRY.find_alias(name) is None


@pytest.mark.parametrize("name", ["openthoughts", "OpenThoughts-SFT", "", "squad"])
def test_any_other_word_is_unknown_and_told_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownSource) as raised:
        REGISTRY.repo_of(name)
    assert (raised.value.name, raised.value.known) == (name, tuple(each.alias for each in KNOWN))


# ---- several of a name ----------------------------------------------------------------------------------------------


def test_of_two_with_one_name_the_first_counts() -> None:
    again = KnownDataset(alias="mine", repo="acme/other")
    same = KnownDataset(alias="yours", repo="acme/notes")
    registry = Registry((MINE, same, again))
    assert registry.find_alias("mine") is MINE
    assert registry.find_repo("ACME/notes") is MINE
    assert registry.all == (MINE, same)


def test_further_ones_are_asked_for_only_where_none_fits() -> None:
    asked: list[int] = []

    def more() -> list[KnownDataset]:
        asked.append(1)
        return [MINE]

    registry = Registry(KNOWN, more)
    assert registry.repo_of(DEFAULT_SOURCE) == KNOWN[0].repo
    assert registry.find_repo(KNOWN[0].repo) is KNOWN[0]
    assert not asked
    assert registry.repo_of("mine") == MINE.repo
    assert registry.find_repo("acme/notes") is MINE
    assert registry.all == (*KNOWN, MINE)
    assert asked == [1]


# ---- how it is read -------------------------------------------------------------------------------------------------


def test_a_known_dataset_is_read_as_it_is_known() -> None:
    found = Registry([MINE]).read_options(MINE.repo, ReadOptions(style="structured"))
    columns = {"key": "id", "messages": "history"}
    assumed = frozenset({"layout", *columns})
    assert found == ReadOptions(style="structured", layout="openai", columns=columns, assumed=assumed)


def test_what_is_asked_for_wins() -> None:
    given = ReadOptions(layout="json", columns={"messages": "talk", "task": "problem"})
    columns = {"key": "id", "messages": "talk", "task": "problem"}
    wanted = ReadOptions(layout="json", columns=columns, assumed=frozenset({"key"}))
    assert Registry([MINE]).read_options(MINE.repo, given) == wanted


def test_an_unknown_dataset_is_read_as_it_is_asked_for() -> None:
    given = ReadOptions(layout="json", columns={"messages": "talk"})
    assert REGISTRY.read_options(MINE.repo, given) is given


# ---- rows as the Hub has them ---------------------------------------------------------------------------------------

HARBOR = {"conversations": talk("a"), "agent": "terminus-2", "model": "m", "task": "t", "trial_name": "t__x"}
CALLS = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "", "tool_calls": []}]
FROM = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "a!"}]
TURNS = [{"role": "user", "text": "a", "system_prompt": None}, {"role": "ai", "text": "a!", "system_prompt": None}]
ROWS: dict[str, dict[str, Any]] = {
    "swe-smith": {"messages": json.dumps(talk("a")), "instance_id": "i", "traj_id": "i.1", "resolved": True},
    "swe-gym": {"messages": CALLS, "instance_id": "i", "run_id": "r", "resolved": False},
    "swe-agent-nebius": {"trajectory": TURNS, "instance_id": "i", "target": True},
    "swe-rebench-openhands": {"trajectory": CALLS, "trajectory_id": "x", "instance_id": "i", "resolved": 1},
    "swe-zero": {"trajectory": CALLS, "trajectory_id": "x", "instance_id": "i", "license": "mit"},
    "mini-swe-agent-plus": {"messages": talk("a"), "instance_id": "i"},
    "agent-data-collection": {"id": "os_1", "conversations": FROM, "system": "be kind"},
    "agentinstruct": {"id": "os_1", "conversations": FROM},
    "toucan": {"uuid": "u", "messages": json.dumps(talk("a")), "question": "a", "available_tools": "[]"},
}
IN_LINES = {"agent-data-collection"}


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.alias)
@pytest.mark.parametrize("form", ["as on the Hub", "parquet", "jsonl"])
async def test_every_known_dataset_is_read_in_the_form_that_the_hub_has(
    root: Path, known: KnownDataset, form: str
) -> None:
    row = ROWS.get(known.alias, HARBOR)
    in_lines = form == "jsonl" or (form != "parquet" and known.alias in IN_LINES)
    files = {"a.jsonl": json.dumps(row).encode()} if in_lines else {"a.parquet": parquet(pa.Table.from_pylist([row]))}
    options = REGISTRY.read_options(known.repo, ReadOptions(style="structured"))
    source = FileTrajectorySource(known.repo, datasets=FakeDatasetService(root, {known.repo: files}), options=options)
    await source.ensure_downloaded()
    trajectory = await source.get_trajectory(0)
    assert trajectory is not None
    assert [step.source for step in trajectory.steps][-2:] == ["user", "agent"]
    assert known.key is None or trajectory.trajectory_id == row[known.key]


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.alias)
async def test_a_known_dataset_that_is_otherwise_by_now_is_read_as_it_is(root: Path, known: KnownDataset) -> None:
    files = {"a.jsonl": json.dumps({"task": "t", "history": [{"from": "human", "value": "a"}]}).encode()}
    datasets = FakeDatasetService(root, {known.repo: files})
    options = REGISTRY.read_options(known.repo, ReadOptions(style="structured"))
    source = FileTrajectorySource(known.repo, datasets=datasets, options=options)
    await source.ensure_downloaded()
    trajectory = await source.get_trajectory(0)
    assert trajectory is not None
    assert [step.message for step in trajectory.steps] == ["a"]
    (told,) = judge_files((await datasets.list_downloaded())[0], options)
    assert known.layout is None or f"not of the layout {known.layout}" in told.told.reason
    assert known.key is None or f"it has no column {known.key!r}, the key that is known" in told.told.reason


async def test_a_column_that_is_asked_for_does_not_give_way(root: Path) -> None:
    files = {"a.jsonl": json.dumps({"messages": talk("a")}).encode()}
    options = Registry([MINE]).read_options(MINE.repo, ReadOptions(columns={"key": "id"}))
    source = FileTrajectorySource("x/y", datasets=FakeDatasetService(root, {"x/y": files}), options=options)
    await source.ensure_downloaded()
    with pytest.raises(BadParquet, match="it has no column 'id' \\(given for key\\)"):
        await source.count()
