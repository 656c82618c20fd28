"""Files beside parquet and JSON: Arrow, tables, other compressions; and files that hold nothing that could be read."""

import bz2
import gzip
import io
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from hfsvc.errors import BadParquet
from hfsvc.testing import FakeDatasetService
from hfsvc.testing.samples import rows_table
from hfsvc.trajectories.source import FileTrajectorySource
from tests.builders import REPO
from tests.trajectories.tables import numbers, open_source, parquet, rows, talk

COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def lines(*values: object) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in values)


def arrow(table: pa.Table, make: Callable[..., pa.RecordBatchFileWriter], size: int) -> bytes:
    written = io.BytesIO()
    with make(written, table.schema) as writer:
        writer.write_table(table, max_chunksize=size)
    return written.getvalue()


@pytest.mark.parametrize("make", [pa.ipc.new_stream, pa.ipc.new_file])
@pytest.mark.parametrize("size", [1, 70, 1000])
async def test_arrow_files_are_read_in_either_form(
    root: Path, make: Callable[..., pa.RecordBatchFileWriter], size: int
) -> None:
    content = arrow(rows_table(rows(150)), make, size)
    source = await open_source(root / "arrow", {"train/data-00000-of-00001.arrow": content, "state.json": b"{}"})
    plain = await open_source(root / "parquet", {"a.parquet": parquet(rows(150))})
    assert await source.count() == 150
    assert await numbers(source, start=3, stop=140) == [*range(3, 140)]
    found = [each.steps async for each in source.stream_trajectories()]
    assert found == [each.steps async for each in plain.stream_trajectories()]
    assert await source.get_trajectory(149) is not None


async def test_a_cut_arrow_file_is_named_and_verified(root: Path) -> None:
    content = arrow(rows_table(rows(150)), pa.ipc.new_file, 50)[:-200]
    source = await open_source(root, {"data/a.arrow": content})
    with pytest.raises(BadParquet, match=rf"^data/a.arrow cannot be read .* hfsvc verify {REPO}"):
        await source.count()


@pytest.mark.parametrize("ending", COMPRESSED)
@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("b.TSV", "\t")])
async def test_tables_in_text_are_read(root: Path, ending: str, name: str, delimiter: str) -> None:
    quoted = json.dumps(talk("ü,\n\t")).replace('"', '""')
    cells = [f'"{quoted}"', "t", ""]
    content = delimiter.join(["messages", "task", "model"]) + "\r\n" + delimiter.join(cells) + "\r\n"
    short = delimiter.join(["[]", "t"]) + "\r\n"
    files = {
        f"{name}{ending}": COMPRESSED[ending](b"\xef\xbb\xbf" + (content + short + content.partition("\n")[2]).encode())
    }
    source = await open_source(root, files, on_bad_row="skip")
    found = [row async for row in source.stream_rows()]
    assert [(row.row, row.trajectory.steps[0].message) for row in found] == [(0, "ü,\n\t"), (2, "ü,\n\t")]
    assert [(row.trajectory.extra or {})["task"] for row in found] == ["t", "t"]
    assert source.skipped_rows == 1


@pytest.mark.parametrize("ending", COMPRESSED)
@pytest.mark.parametrize("name", ["a.jsonl", "a.JSONL", "a.json", "a.traj"])
async def test_json_is_read_compressed_or_not(root: Path, name: str, ending: str) -> None:
    files = {f"{name}{ending}": COMPRESSED[ending](lines({"messages": talk("a")}))}
    assert await numbers(await open_source(root, files)) == [0]


@pytest.mark.parametrize("ending", [".bz2", ".xz"])
async def test_a_cut_file_is_named(root: Path, ending: str) -> None:
    cut = COMPRESSED[ending](lines(*({"messages": talk(str(number))} for number in range(999))))[:-30]
    source = await open_source(root, {f"a.jsonl{ending}": cut})
    with pytest.raises(BadParquet, match=rf"a.jsonl{ending} cannot be read as .* hfsvc verify {REPO}"):
        await source.count()


# ---- what is nothing ------------------------------------------------------------------------------------------------

ROW = {"messages": talk("a")}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lines(ROW).decode().encode("utf-16"), "line 1 is UTF-16 or UTF-32"),
        (lines(ROW).decode().encode("utf-16-le"), "line 1 is UTF-16 or UTF-32"),
        (json.dumps(ROW, indent=1).encode(), "line 1 only opens an object that is printed over several lines"),
        (lines(ROW, ROW).replace(b"\n", b"\r"), "line 1 goes on to the end of the file: its lines end in CR alone"),
        (b"words\nmore\n", "line 1 is no JSON in UTF-8"),
        (b"[1]\n[2]\n", "line 1 is no JSON object"),
    ],
    ids=["UTF-16", "UTF-16 unmarked", "printed", "CR", "words", "arrays"],
)
async def test_a_file_without_an_object_says_what_its_first_line_is(root: Path, content: bytes, reason: str) -> None:
    source = await open_source(root, {"data/a.jsonl": content})
    with pytest.raises(BadParquet) as raised:
        await source.count()
    assert raised.value.file == "data/a.jsonl"
    assert raised.value.reason.startswith(f"none of its rows is a JSON object: {reason}")


@pytest.mark.parametrize("empty", [b"", b"\n \n", gzip.compress(b"")], ids=["no byte", "blanks", "compressed"])
async def test_an_empty_shard_has_no_rows(root: Path, empty: bytes) -> None:
    source = await open_source(root, {"a.jsonl": empty, "b.jsonl": lines(ROW), "c.jsonl": empty})
    assert await source.count() == 1
    assert await numbers(source) == [0]
    alone = await open_source(root / "alone", {"a.jsonl": empty})
    with pytest.raises(BadParquet, match="none of its files on disk holds rows"):
        await alone.count()


# ---- what hides nothing ---------------------------------------------------------------------------------------------


async def test_a_log_beside_a_run_is_neither_read_nor_hides_it(root: Path) -> None:
    step = {"step_id": 1, "source": "user", "message": "a"}
    run = {"schema_version": "ATIF-v1.6", "session_id": "s", "agent": {"name": "a", "version": "1"}, "steps": [step]}
    files = {
        "job/t__1/agent/trajectory.json": json.dumps(run).encode(),
        "job/t__1/agent/log.jsonl": lines({"event": 1}),
        "job/job.jsonl": lines({"event": 2}),
        "events.jsonl": lines({"event": 3}),
    }
    source = FileTrajectorySource(REPO, datasets=FakeDatasetService(root, {REPO: files}))
    await source.ensure_downloaded()
    assert [row.file async for row in source.stream_rows()] == ["job/t__1/agent/trajectory.json"]
