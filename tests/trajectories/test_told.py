"""What is told of rows and columns that are not read as they stand: numbers without a place, columns left out."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from hfsvc.models import DatasetRequest, ReadOptions
from hfsvc.testing import FakeDatasetService
from hfsvc.trajectories.files.lenient_json import HALF_CHARACTER, NO_NUMBER
from hfsvc.trajectories.judged_files import judge_files

from ..builders import REPO
from .tables import open_source, parquet

TEXTS = ['{"role": "user", "content": "q"}', '{"role": "assistant", "content": "a", "score": NaN}']
WHOLE = f"[{', '.join(TEXTS)}]"


def marked(texts: list[str], kind: pa.DataType | None = None) -> pa.Array:
    """A column that Arrow knows to hold JSON."""
    return pa.ExtensionArray.from_storage(pa.json_(kind or pa.string()), pa.array(texts, kind or pa.string()))


def listed(items: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array([0, len(items)], pa.int32()), items)


def spoken(**fields: pa.Array) -> pa.Array:
    roles, contents = pa.array(["user", "assistant"]), pa.array(["q", "a"])
    return listed(pa.StructArray.from_arrays([roles, contents, *fields.values()], ["role", "content", *fields]))


COLUMNS = {
    "a JSON text": pa.array([WHOLE]),
    "JSON texts": pa.array([TEXTS]),
    "marked as JSON": marked([WHOLE]),
    "marked, large": marked([WHOLE], pa.large_string()),
    "marked messages": listed(marked(TEXTS)),
    "a marked field": spoken(extra=marked(["{}", '{"x": [Infinity]}'])),
    "a marked field of a struct": spoken(deep=pa.StructArray.from_arrays([marked(["1", "NaN"])], ["x"])),
    "a float": spoken(score=pa.array([None, float("nan")])),
    "floats": spoken(scores=pa.array([[1.0], [1.0, float("inf")]])),
}


@pytest.mark.parametrize("style", ["messages", "structured"])
@pytest.mark.parametrize("column", COLUMNS)
async def test_a_number_that_json_cannot_hold_is_told_wherever_it_stands(root: Path, column: str, style: str) -> None:
    content = parquet(pa.table({"messages": COLUMNS[column]}))
    source = await open_source(root, {"a.parquet": content}, style=style)
    (row,) = [each async for each in source.stream_rows()]
    assert [(each.message, each.reason) for each in row.fidelity.kept_as_text] == [(1, NO_NUMBER)]


@pytest.mark.parametrize(
    "line",
    [
        '{"messages": [{"role": "user", "content": "q", "score": NaN}]}',
        '{"prompt": "q", "completion": [{"role": "assistant", "content": "a", "score": NaN}]}',
        '{"chosen": [{"role": "user", "content": "q", "score": NaN}], "rejected": []}',
    ],
)
async def test_a_number_in_a_line_of_json_is_told(root: Path, line: str) -> None:
    source = await open_source(root, {"a.jsonl": line.encode()})
    (row,) = [each async for each in source.stream_rows()]
    assert [(each.message, each.reason) for each in row.fidelity.kept_as_text] == [(0, NO_NUMBER)]


async def test_half_a_character_in_a_marked_cell_is_told(root: Path) -> None:
    column = listed(marked(['{"role": "user", "content": "\\ud83d"}']))
    source = await open_source(root, {"a.parquet": parquet(pa.table({"messages": column}))})
    (row,) = [each async for each in source.stream_rows()]
    assert [each.reason for each in row.fidelity.kept_as_text] == [HALF_CHARACTER]


async def test_columns_that_are_not_read_are_named(root: Path) -> None:
    talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    row = {"chosen": talk, "rejected": talk, "patch": "diff", "points": 1}
    files = {"a.parquet": parquet(pa.Table.from_pylist([row])), "b.jsonl": json.dumps(row).encode()}
    datasets = FakeDatasetService(root, {REPO: files})
    dataset = await datasets.download(DatasetRequest(repo=REPO, include="**"))
    first, second = (each.told.unread for each in judge_files(dataset, ReadOptions()))
    assert first == ("rejected", "patch")
    # In JSON every column is text, and a number of points may be long, too.
    assert second == ("rejected", "patch", "points")
