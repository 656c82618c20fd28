"""An Arrow reader over rows: the rows of streams, as one table, read lazily by whoever asks."""

import gc
import json
import os
import pickle
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from anyio import to_thread

from hfsvc.errors import BadParquet, BadRow, InvalidArgument
from hfsvc.trajectories.columns.atif_columns import SCHEMA, trajectories_of
from hfsvc.trajectories.engines import piece_task
from hfsvc.trajectories.source import FileTrajectorySource

from ..tables import MESSAGES, open_source, parquet, row, rows, table_of, talk

FILES = {"a.parquet": parquet(rows(12), row_group_size=5), "b.parquet": parquet([row(n) for n in range(12, 20)])}
TABLE = list(range(20))


async def read(source: FileTrajectorySource, **asked: Any) -> pa.Table:
    reader = await source.to_reader(**asked)
    return await to_thread.run_sync(reader.read_all)


def tasks_in(table: pa.Table) -> list[int]:
    return [int(task.removeprefix("task_")) for task in table["task"].to_pylist()]


async def test_it_gives_the_rows_as_they_are_stored(tmp_path: Path) -> None:
    source = await open_source(tmp_path, FILES)
    table = await read(source)
    stored = pa.concat_tables([pa.Table.from_pylist(rows(12)), pa.Table.from_pylist([row(n) for n in range(12, 20)])])
    assert table.select(stored.schema.names).to_pylist() == stored.to_pylist()
    assert (await read(source, columns="task")).schema.names == ["task"]
    assert (await read(source, columns=["model", "task"])).schema.names == ["model", "task"]


async def test_it_gives_the_trajectories_of_the_stream_in_columns(tmp_path: Path) -> None:
    source = await open_source(tmp_path, FILES, style="structured")
    table = await read(source, form="atif")
    assert table.schema == SCHEMA.remove_metadata()
    found = [each for batch in table.to_batches() for each in trajectories_of(batch)]
    assert found == [each async for each in source.stream_trajectories()]
    some = await read(source, form="atif", columns=["row", "session_id"], start=3, stop=5)
    assert some.to_pylist() == [{"row": n, "session_id": found[n].session_id} for n in (3, 4)]


@pytest.mark.parametrize("form", ["stored", "atif"])
@pytest.mark.parametrize("stripe", [False, True])
async def test_shards_are_those_of_streams_and_a_cursor_goes_on_after_any_row(
    tmp_path: Path, form: Any, stripe: bool
) -> None:
    source = await open_source(tmp_path, FILES)
    columns = "task" if form == "stored" else "extra"
    for index in range(3):
        asked: dict[str, Any] = {"shard": (index, 3), "stripe": stripe}
        plain = [each.row async for each in source.stream_rows(**asked)]
        table = await read(source, form=form, columns=columns, cursor_column="cursor", **asked)
        for place, cursor in enumerate(table["cursor"].to_pylist()):
            rest = await read(source, form=form, columns=columns, cursor=cursor, **asked)
            assert [tasks_of(each) for each in rest[columns].to_pylist()] == plain[place + 1 :]


def tasks_of(value: str) -> int:
    task = value if value.startswith("task_") else json.loads(value)["task"]
    return int(task.removeprefix("task_"))


async def test_cursors_of_streams_and_of_readers_are_the_same(tmp_path: Path) -> None:
    source = await open_source(tmp_path, FILES)
    table = await read(source, columns="task", cursor_column="at", start=2)
    assert table["at"].to_pylist() == [each.cursor async for each in source.stream_rows(start=2)]


async def test_a_shuffle_a_query_and_a_limit_hold_as_for_streams(tmp_path: Path) -> None:
    source = await open_source(tmp_path, FILES, shuffle=True, seed=3, where="task_1")
    plain = [each.row async for each in source.stream_rows(limit=7)]
    assert tasks_in(await read(source, limit=7)) == plain
    assert (await read(source, limit=0)).num_rows == 0
    assert (await read(source, start=100)).num_rows == 0


async def test_a_batch_is_read_when_it_is_asked_for_and_files_are_closed_with_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piece_task, "BATCH_ROWS", 2)
    source = await open_source(tmp_path / "root", {"a.parquet": parquet(rows(1000), row_group_size=100)})
    path = next((tmp_path / "root").rglob("a.parquet"))
    reader = await source.to_reader(columns="task")
    assert not is_open(path)
    assert reader.read_next_batch().num_rows > 0
    assert is_open(path)
    del reader
    gc.collect()
    assert not is_open(path)


def is_open(path: Path) -> bool:
    found = Path("/proc/self/fd")
    if not found.is_dir():
        pytest.skip("this system does not tell which files are open")
    return any(os.path.realpath(each) == str(path.resolve()) for each in found.iterdir())


async def test_it_needs_neither_the_loop_nor_the_thread_that_made_it(tmp_path: Path) -> None:
    source = await open_source(tmp_path, FILES)
    reader = await source.to_reader(columns="task")
    found: list[pa.Table] = [pa.table({"task": [reader.read_next_batch()["task"][0].as_py()]})]
    thread = threading.Thread(target=lambda: found.append(reader.read_all()))
    thread.start()
    thread.join()
    assert sum(each.num_rows for each in found) <= 20
    assert found[0]["task"].to_pylist() == ["task_0"]


async def test_columns_that_some_files_lack_are_null_there_and_types_widen(tmp_path: Path) -> None:
    one = table_of([talk("a")], score=pa.array([1], pa.int32()), only=["x"])
    other = table_of([talk("b")], score=pa.array([2.5], pa.float64()))
    source = await open_source(tmp_path, {"a.parquet": parquet(one), "b.parquet": parquet(other)})
    table = await read(source, columns=["only", "score"])
    assert table.to_pylist() == [{"only": "x", "score": 1.0}, {"only": None, "score": 2.5}]
    assert (await read(source)).schema.names == ["conversations", "score", "only"]


async def test_a_file_that_has_none_of_the_columns_gives_its_rows_all_the_same(tmp_path: Path) -> None:
    one, other = table_of([talk("a")], only=["x"]), table_of([talk("b"), talk("c")])
    files = {"a.parquet": parquet(one), "b.parquet": parquet(other)}
    assert (await read(await open_source(tmp_path, files), columns="only"))["only"].to_pylist() == ["x", None, None]


async def test_types_that_no_single_one_holds_are_named_with_their_files(tmp_path: Path) -> None:
    one, other = table_of([talk("a")], note=["x"]), table_of([talk("b")], note=pa.array([[1]], pa.list_(pa.int64())))
    source = await open_source(tmp_path, {"a.parquet": parquet(one), "b.parquet": parquet(other)})
    with pytest.raises(InvalidArgument, match=r"note: it is string in a\.parquet, and list<.*> in b\.parquet"):
        await source.to_reader()
    assert (await read(source, columns="conversations")).num_rows == 2
    assert (await read(source, form="atif")).num_rows == 2


async def test_lines_of_json_are_texts_and_one_that_is_none_is_a_bad_row(tmp_path: Path) -> None:
    lines = [json.dumps({"conversations": talk("a"), "n": n}) for n in range(3)]
    files = {"a.jsonl": "\n".join([*lines[:2], "no json", lines[2]]).encode()}
    with pytest.raises(BadRow, match=r"Row 2 in a\.jsonl"):
        await read(await open_source(tmp_path / "one", files))
    source = await open_source(tmp_path / "two", files, on_bad_row="skip")
    table = await read(source, columns="n", cursor_column="cursor")
    assert table["n"].to_pylist() == ["0", "1", "2"]
    assert source.skipped_rows == 1
    rest = await read(source, columns="n", cursor=table["cursor"].to_pylist()[1])
    assert rest["n"].to_pylist() == ["2"]
    assert (await read(source)).schema.names == ["conversations", "n"]


@pytest.mark.parametrize("form", ["stored", "atif"])
async def test_what_there_is_not_is_refused_with_what_there_is(tmp_path: Path, form: Any) -> None:
    source = await open_source(tmp_path, FILES)
    with pytest.raises(InvalidArgument, match="columns cannot be 'nope': there is no such value; there are: "):
        await source.to_reader(form=form, columns=["nope"])
    with pytest.raises(InvalidArgument, match="another column has this name"):
        await source.to_reader(form=form, cursor_column="task" if form == "stored" else "row")
    with pytest.raises(InvalidArgument, match="name one"):
        await source.to_reader(form=form, columns=[])
    with pytest.raises(InvalidArgument, match="form cannot be"):
        await source.to_reader(form="atiff")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="there is no such value; there are: start"):
        await source.read_tasks(limit=3)  # type: ignore[call-arg]


async def test_bad_rows_are_named_or_left_out_among_trajectories(tmp_path: Path) -> None:
    bad = [row(n, **({"conversations": None} if n in {3, 4, 9} else {})) for n in range(10)]
    files = {"a.parquet": parquet(bad, row_group_size=4)}
    with pytest.raises(BadRow, match=r"Row 3 in a\.parquet"):
        await read(await open_source(tmp_path / "one", files), form="atif")
    source = await open_source(tmp_path / "two", files, on_bad_row="skip")
    table = await read(source, form="atif", cursor_column="cursor")
    assert table["row"].to_pylist() == [0, 1, 2, 5, 6, 7, 8]
    assert source.skipped_rows == 3
    cursors = [each.cursor async for each in source.stream_rows()]
    assert table["cursor"].to_pylist() == cursors


async def test_what_is_kept_goes_along_as_json(tmp_path: Path) -> None:
    source = await open_source(tmp_path, FILES, keep=["task", "row"])
    table = await read(source, form="atif", columns=["row", "kept"], stop=2)
    assert [json.loads(each) for each in table["kept"].to_pylist()] == [{"task": f"task_{n}", "row": n} for n in (0, 1)]


async def test_a_file_that_was_replaced_meanwhile_is_no_longer_read(tmp_path: Path) -> None:
    source = await open_source(tmp_path, FILES)
    reader = await source.to_reader(columns="task")
    path = next(tmp_path.rglob("b.parquet"))
    path.unlink()
    path.write_bytes(parquet(rows(3)))
    with pytest.raises(BadParquet):
        reader.read_all()


async def test_tasks_are_read_in_any_order_by_whoever_unpickles_them(tmp_path: Path) -> None:
    table = table_of(pa.array([talk(f"say {n}") for n in range(40)], MESSAGES), task=[f"task_{n}" for n in range(40)])
    source = await open_source(tmp_path, {"a.parquet": parquet(table, row_group_size=10)}, shuffle=True, seed=1)
    tasks = await source.read_tasks(form="stored", columns="task")
    packed = [pickle.dumps(each) for each in tasks]
    read = [pa.Table.from_batches(pickle.loads(each).batches()) for each in packed]
    assert [n for each in read for n in tasks_in(each)] == [each.row async for each in source.stream_rows()]
    assert sum(each.rows for each in tasks) == 40


async def test_a_piece_names_its_row_groups(tmp_path: Path) -> None:
    source = await open_source(tmp_path, FILES)
    (task,) = await source.read_tasks(start=6)
    assert task.row_groups == [("a.parquet", range(1, 3)), ("b.parquet", range(1))]
    assert task.size > 0
