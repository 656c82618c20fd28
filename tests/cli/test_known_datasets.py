"""Every known dataset by command, in a form that the Hub has: found, counted, sampled and shown."""

import json

import pyarrow as pa
import pytest

from hfsvc.testing import LocalHub
from hfsvc.trajectories.known_datasets import KNOWN, KnownDataset
from tests.cli.command import Command
from tests.trajectories.tables import parquet
from tests.trajectories.test_known_datasets import HARBOR, IN_LINES, ROWS

PATHS = {
    "agent-data-collection": "agenttuning_os/full_sft/full_sft_openhands.jsonl",
    "agentinstruct": "data/os-00000-of-00001-971539c34fcc7500.parquet",
    "swe-gym": "data/train.raw-00000-of-00001.parquet",
    "swe-smith": "data/tool-00000-of-00001.parquet",
    "toucan": "Kimi-K2/train-00000-of-00001.parquet",
}


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.alias)
def test_every_known_dataset_is_read_by_command(hfsvc: Command, hub: LocalHub, known: KnownDataset) -> None:
    row = ROWS.get(known.alias, HARBOR)
    in_lines = known.alias in IN_LINES
    content = json.dumps(row).encode() if in_lines else parquet(pa.Table.from_pylist([row]))
    hub.write(known.repo, PATHS.get(known.alias, "data/train-00000-of-00001.parquet"), content)
    hub.write(known.repo, "README.md", b"# words")
    hfsvc.succeeds("download", known.alias)
    assert hfsvc.succeeds("count", known.repo).out == "1\n"
    (sampled,) = hfsvc.succeeds("sample", "1", "--dataset", known.alias, "--style", "structured", "--json").json
    assert [step["source"] for step in sampled["steps"]][-2:] == ["user", "agent"]
    assert hfsvc.succeeds("show", "0", "--dataset", known.alias).out
