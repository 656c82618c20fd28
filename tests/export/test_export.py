"""Every format: what goes in comes out, all of it, in order, whole under its name or not there."""

import gzip
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from inspect import signature
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hfsvc import atif
from hfsvc.atif import Trajectory
from hfsvc.errors import BadParquet, BadRow, CursorMismatch, InvalidExport, StoreNotWritable
from hfsvc.export import (
    Exported,
    ExportRequest,
    RowsExported,
    export_shards,
    export_to,
    export_trajectories,
    read_parquet,
    writers,
)
from hfsvc.export import pump as exporting
from hfsvc.models import TrajectoryRow
from hfsvc.protocols import RowStream
from hfsvc.testing import FakeTrajectorySource
from hfsvc.trajectories.row_stream import CountedStream, StreamTally

from ..builders import files_below
from .documents import BARE, EVERYTHING, talk

FOUND = [BARE, EVERYTHING, *map(talk, range(2, 30))]


async def write(path: Path, found: Sequence[Trajectory | None] = FOUND, **request: Any) -> Exported:
    return await export_trajectories(FakeTrajectorySource(found), ExportRequest(path=path, **request))


def lines_of(text: bytes) -> list[bytes]:
    assert text.endswith(b"\n") or not text
    return text.splitlines()


def zstd_text(path: Path) -> bytes:
    with pa.input_stream(path, compression="zstd") as stream:
        content: bytes = stream.read()
        return content


READERS: dict[str, Callable[[Path], Sequence[Trajectory]]] = {
    "a.jsonl": lambda path: list(map(atif.decode, lines_of(path.read_bytes()))),
    "a.ndjson": lambda path: list(map(atif.decode, lines_of(path.read_bytes()))),
    "a.jsonl.gz": lambda path: list(map(atif.decode, lines_of(gzip.decompress(path.read_bytes())))),
    "a.jsonl.zst": lambda path: list(map(atif.decode, lines_of(zstd_text(path)))),
    "a.parquet": lambda path: list(read_parquet(path)),
}


@pytest.mark.parametrize("name", READERS)
async def test_trajectories_come_back_equal_and_in_order(tmp_path: Path, name: str) -> None:
    done = await write(tmp_path / name)
    assert READERS[name](tmp_path / name) == FOUND
    assert (done.path, done.rows, done.skipped_rows, done.kept) == (tmp_path / name, len(FOUND), 0, False)
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", READERS)
async def test_an_export_of_nothing_is_an_empty_file(tmp_path: Path, name: str) -> None:
    assert (await write(tmp_path / name, [])).rows == 0
    assert READERS[name](tmp_path / name) == []


def table_rows(path: Path) -> int:
    rows: int = pq.read_table(path).num_rows
    return rows


COUNTERS: dict[tuple[str, str], Callable[[Path], int]] = {
    ("a.jsonl", "openai"): lambda path: len(lines_of(path.read_bytes())),
    ("a.jsonl.zst", "sharegpt"): lambda path: len(lines_of(zstd_text(path))),
    ("a.parquet", "openai"): table_rows,
    ("a.parquet", "sharegpt"): table_rows,
    ("a.parquet", "steps"): lambda path: len(set(pq.read_table(path).column("row").to_pylist())),
    ("a", "sts"): lambda path: len(list(path.glob("*.jsonl"))),
    ("a", "atif-dir"): lambda path: len(list(path.glob("*/*/agent/trajectory.json"))),
}


@pytest.mark.parametrize(("name", "format"), COUNTERS)
async def test_no_row_is_lost(tmp_path: Path, name: str, format: Any) -> None:
    done = await write(tmp_path / name, format=format)
    assert done.rows == COUNTERS[name, format](tmp_path / name) == len(FOUND)
    assert done.written > 0


async def test_rows_are_chosen_and_a_cursor_goes_on(tmp_path: Path) -> None:
    source = FakeTrajectorySource(FOUND)
    first = await export_trajectories(source, ExportRequest(path=tmp_path / "a.jsonl", start=3, stop=10))
    second = await export_trajectories(source, ExportRequest(path=tmp_path / "b.jsonl", cursor=first.cursor))
    found = [*READERS["a.jsonl"](tmp_path / "a.jsonl"), *READERS["a.jsonl"](tmp_path / "b.jsonl")]
    assert found == FOUND[3:]
    assert (first.rows, second.rows) == (7, len(FOUND) - 10)
    with pytest.raises(CursorMismatch):
        await export_trajectories(source, ExportRequest(path=tmp_path / "c.jsonl", cursor="nonsense"))
    assert not (tmp_path / "c.jsonl").exists()


async def test_shards_are_disjoint_and_together_whole(tmp_path: Path) -> None:
    done = await export_shards(FakeTrajectorySource(FOUND), ExportRequest(path=tmp_path / "a.jsonl"), 4)
    names = [f"a-{index:05d}-of-00004.jsonl" for index in range(4)]
    assert [each.path for each in done] == [tmp_path / name for name in names]
    assert [one for name in names for one in READERS["a.jsonl"](tmp_path / name)] == FOUND


async def test_shards_that_are_there_are_kept_when_a_run_goes_on(tmp_path: Path) -> None:
    source, request = FakeTrajectorySource(FOUND), ExportRequest(path=tmp_path / "a.jsonl", resume=True)
    (tmp_path / "a-00001-of-00003.jsonl").write_text("as it was")
    done = await export_shards(source, request, 3)
    assert [each.kept for each in done] == [False, True, False]
    assert (tmp_path / "a-00001-of-00003.jsonl").read_text() == "as it was"
    done = await export_shards(source, msgspec.structs.replace(request, resume=False), 3)
    assert [each.kept for each in done] == [False] * 3
    assert (tmp_path / "a-00001-of-00003.jsonl").read_text() != "as it was"


async def test_chunks_and_row_groups_end_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "CHUNK_BYTES", 2000)
    monkeypatch.setattr(writers, "ROW_GROUP_BYTES", 6000)
    await write(tmp_path / "a.parquet")
    parquet = pq.ParquetFile(tmp_path / "a.parquet")
    assert 1 < parquet.num_row_groups < len(FOUND)
    assert READERS["a.parquet"](tmp_path / "a.parquet") == FOUND


async def test_a_writer_of_ones_own_gets_all_rows_in_order() -> None:
    class Numbers:
        written = 0

        def __init__(self) -> None:
            self.seen: list[int] = []

        def write(self, rows: Sequence[TrajectoryRow]) -> None:
            self.seen += [row.row for row in rows]

    writer = Numbers()
    done = await export_to(FakeTrajectorySource(FOUND), writer, start=1, shard=(1, 2))
    assert writer.seen == list(range(1 + len(FOUND[1:]) // 2, len(FOUND)))
    assert (done.path, done.rows) == (None, len(writer.seen))


async def test_progress_ends_with_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "CHUNK_BYTES", 1)
    monkeypatch.setattr(exporting, "REPORT_EVERY_S", 0)
    events: list[RowsExported] = []
    source = FakeTrajectorySource(FOUND)
    done = await export_trajectories(source, ExportRequest(path=tmp_path / "a.jsonl", start=5), on_event=events.append)
    assert [event.done for event in events] == [*range(1, len(FOUND) - 4), len(FOUND) - 5]
    assert {event.total for event in events} == {len(FOUND) - 5}
    assert (events[-1].written, events[-1].cursor) == (done.written, done.cursor)


# ---- what goes wrong ------------------------------------------------------------------------------------------------

TARGETS = [("a.jsonl", None), ("a.jsonl.zst", None), ("a.parquet", None), ("a", "sts"), ("a", "atif-dir")]


@pytest.mark.parametrize(("name", "format"), TARGETS)
async def test_a_bad_row_ends_it_and_leaves_nothing(tmp_path: Path, name: str, format: Any) -> None:
    with pytest.raises(BadRow) as caught:
        await write(tmp_path / name, [talk(0), None, talk(2)], format=format)
    assert (caught.value.row, caught.value.file, caught.value.column) == (1, "fake.parquet", "conversations")
    assert not files_below(tmp_path)


async def test_bad_rows_are_skipped_and_counted_where_the_source_skips_them(tmp_path: Path) -> None:
    source = FakeTrajectorySource([None, talk(1), None, talk(3), None], on_bad_row="skip")
    events: list[RowsExported] = []
    done = await export_trajectories(source, ExportRequest(path=tmp_path / "a.jsonl"), on_event=events.append)
    assert (done.rows, done.skipped_rows) == (2, 3)
    assert (events[-1].done, events[-1].total) == (5, 5)
    assert READERS["a.jsonl"](tmp_path / "a.jsonl") == [talk(1), talk(3)]


async def test_what_is_there_stays_when_an_export_over_it_fails(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("as it was")
    with pytest.raises(BadRow):
        await write(tmp_path / "a.jsonl", [talk(0), None])
    assert files_below(tmp_path) == {"a.jsonl": b"as it was"}


async def test_a_cancelled_export_leaves_nothing(tmp_path: Path) -> None:
    class Endless(FakeTrajectorySource):
        def stream_rows(self, **where: Any) -> RowStream[TrajectoryRow]:
            return CountedStream(self._and_no_end(super().stream_rows(**where)), StreamTally())

        async def _and_no_end(self, rows: RowStream[TrajectoryRow]) -> AsyncGenerator[TrajectoryRow, None]:
            async for row in rows:
                yield row
            reached.set()
            await anyio.sleep_forever()

    reached = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(export_trajectories, Endless(FOUND), ExportRequest(path=tmp_path / "a.jsonl"))
        await reached.wait()
        group.cancel_scope.cancel()
    assert not files_below(tmp_path)


async def test_a_listener_that_fails_ends_it(tmp_path: Path) -> None:
    def listen(_: RowsExported) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await export_trajectories(
            FakeTrajectorySource(FOUND), ExportRequest(path=tmp_path / "a.jsonl"), on_event=listen
        )
    assert not files_below(tmp_path)


@pytest.mark.parametrize("format", ["sts", "atif-dir"])
async def test_a_folder_is_never_written_over(tmp_path: Path, format: Any) -> None:
    (tmp_path / "a").mkdir()
    first = await write(tmp_path / "a", format=format)
    before = files_below(tmp_path)
    with pytest.raises(InvalidExport):
        await write(tmp_path / "a", format=format)
    kept = await write(tmp_path / "a", format=format, resume=True)
    assert files_below(tmp_path) == before
    assert kept.kept
    assert kept.path == first.path


async def test_a_folder_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(StoreNotWritable):
        await write(tmp_path / "a.jsonl")
    assert list(tmp_path.iterdir()) == [tmp_path / "a.jsonl"]


async def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "elsewhere" / "b.jsonl")
    await write(tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").is_symlink()
    assert READERS["a.jsonl"](tmp_path / "elsewhere" / "b.jsonl") == FOUND


async def test_a_device_stays_a_device(tmp_path: Path) -> None:
    assert (await write(Path("/dev/null"), format="jsonl")).rows == len(FOUND)
    assert Path("/dev/null").is_char_device()


def test_only_our_own_parquet_is_read_back(tmp_path: Path) -> None:
    pq.write_table(pa.table({"steps": [1]}), tmp_path / "a.parquet")
    with pytest.raises(BadParquet):
        list(read_parquet(tmp_path / "a.parquet"))
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadParquet):
        list(read_parquet(tmp_path / "b.parquet"))


async def test_any_text_is_written_whatever_the_format(tmp_path: Path) -> None:
    odd = talk(0, trial_name="../../\ud800\x00 con", task="x" * 500)
    step = msgspec.structs.replace(odd.steps[0], message="half \ud800", extra={"n": 1 << 80, "odd": float("nan")})
    odd = msgspec.structs.replace(odd, session_id="\ud801", steps=[step])
    for name, format in [*TARGETS[:3], *COUNTERS]:
        folder = tmp_path / f"{name}-{format}"
        folder.mkdir()
        assert (await write(folder / name, [odd], format=format)).rows == 1
    (folder,) = (tmp_path / "a-sts" / "a").iterdir()
    assert folder.name == "00000000-con.jsonl"
    assert json.loads(lines_of(folder.read_bytes())[0])["id"]


async def test_an_asynchronous_listener_is_awaited(tmp_path: Path) -> None:
    heard: list[RowsExported] = []

    async def listen(event: RowsExported) -> None:
        await anyio.lowlevel.checkpoint()
        heard.append(event)

    await export_trajectories(FakeTrajectorySource(FOUND), ExportRequest(tmp_path / "a.jsonl"), on_event=listen)
    assert heard[-1].done == len(FOUND)


async def test_a_path_may_be_a_text_and_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    text: Any = "~/a.jsonl"
    await export_trajectories(FakeTrajectorySource(FOUND), ExportRequest(text))
    await export_trajectories(FakeTrajectorySource(FOUND), ExportRequest(Path("~/b.jsonl")))
    assert {*files_below(tmp_path)} == {"a.jsonl", "b.jsonl"}


@pytest.mark.parametrize("letter", ["x", "ü", "画"])
async def test_a_name_may_be_as_long_as_file_systems_take(tmp_path: Path, letter: str) -> None:
    name = letter * (249 // len(letter.encode())) + ".jsonl"
    assert len(name.encode()) > 250
    await export_trajectories(FakeTrajectorySource(FOUND), ExportRequest(tmp_path / name))
    assert {*files_below(tmp_path)} == {name}


@pytest.mark.parametrize(("limit", "expected"), [(7, [2, 2, 3]), (2, [0, 1, 1]), (100, [6, 7, 7]), (0, [0, 0, 0])])
async def test_a_limit_is_that_of_all_shards_together(tmp_path: Path, limit: int, expected: list[int]) -> None:
    source = FakeTrajectorySource(FOUND[:1] * 20)
    done = await export_shards(source, ExportRequest(path=tmp_path / "a.jsonl", limit=limit), 3)
    assert [each.rows for each in done] == expected


async def test_parquet_is_cut_by_what_it_holds_and_says_where_its_pages_lie(tmp_path: Path) -> None:
    """A row that is new at the start leaves most bytes of a file what they are; pages of single rows can be found."""
    some = [talk(number, answer=Random(number).randbytes(4_000).hex()) for number in range(1_200)]
    before, after = tmp_path / "before.parquet", tmp_path / "after.parquet"
    await write(before, some)
    await write(after, [talk(1_200), *some])
    with pq.ParquetFile(before) as parquet:
        group = parquet.metadata.row_group(0)
        assert all(group.column(number).has_offset_index for number in range(group.num_columns))
    size, old = 4 << 10, before.read_bytes()
    blocks = [old[start : start + size] for start in range(0, len(old), size * 8)]
    kept = sum(block in after.read_bytes() for block in blocks)
    if "use_content_defined_chunking" not in signature(pq.ParquetWriter).parameters:
        pytest.skip("this pyarrow cuts pages by rows alone")
    # Cut by rows alone, two thirds stay.
    assert kept > len(blocks) * 0.8
