"""Exports by several processes: byte for byte what one process writes, with the same record, cursor and errors."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from hfsvc.errors import BadRow, DatasetChanged, InvalidArgument, InvalidExport, NotDownloaded
from hfsvc.export import Exported, ExportRequest, RowsExported, export_shards, export_to, export_trajectories
from hfsvc.export import pump as exporting
from hfsvc.export.fit_tally import FitTally
from hfsvc.export.writers import stream_writer
from hfsvc.models import DownloadedDataset, ReadOptions, TrajectoryRow
from hfsvc.testing import FakeDatasetService, FakeTrajectorySource
from hfsvc.trajectories import divided_reading, reading_order
from hfsvc.trajectories.source import FileTrajectorySource

from ..builders import REPO, everything, files_below
from ..processes.children import children_of, needs_proc
from ..trajectories.tables import open_source, parquet, row
from .documents import talk

CALLS = (
    '<tool_call>{"name": "a", "arguments": {"n": %d}}</tool_call><tool_call>{"name": "b", "arguments": {}}</tool_call>'
)


def made(number: int) -> dict[str, Any]:
    """A row of two turns, of which a style makes calls; some rows are bad, and some are long."""
    if number in {3, 30, 31, 119}:
        return row(number, conversations=[])
    said = [
        {"role": "user", "content": f"do {number} " * (400 if number % 10 == 0 else 1)},
        {"role": "assistant", "content": f"<think>hm {number}</think>" + CALLS % number},
        {"role": "user", "content": "done"},
        {"role": "assistant", "content": "Good."},
    ]
    return row(number, conversations=said, reward=number / 2, tags=[str(number)])


ROWS = [made(number) for number in range(120)]
FILES = {
    "a.parquet": parquet(ROWS[:70], row_group_size=9),
    "b.parquet": parquet(ROWS[70:90]),
    "c.parquet": parquet(ROWS[90:], row_group_size=4),
}
Options = Mapping[str, Any]
PLAIN: Options = {"style": "structured", "on_bad_row": "skip"}
CHOICES: dict[str, tuple[Options, Options]] = {
    "a shard in stripes": ({}, {"shard": (1, 3), "stripe": True}),
    "a query": ({}, {"where": "run_id:run-1"}),
    "a random order": ({"shuffle": True, "seed": 7}, {"start": 4}),
    "a sample without duplicates": ({"dedupe": "messages", "sample": 60, "seed": 7}, {}),
    "a limit in the middle": ({}, {"limit": 50, "start": 2}),
    "a limit before a bad row": ({"on_bad_row": "raise"}, {"limit": 10, "start": 20}),
    "no rows by a limit": ({}, {"limit": 0}),
    "one call a step": ({}, {"one_call_a_step": True}),
}


@pytest.fixture(autouse=True)
def _many_pieces_and_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divided_reading, "LEAST_BYTES", 4000)
    monkeypatch.setattr(reading_order, "WINDOW_BYTES", 1)
    monkeypatch.setattr(exporting, "CHUNK_BYTES", 12_000)


async def written(
    source: FileTrajectorySource, path: Path, name: str, workers: int, **request: Any
) -> tuple[Exported, dict[str, bytes]]:
    """What an export tells and leaves, always at the same place, since some files name it."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    done = await export_trajectories(source, ExportRequest(path=path / name, workers=workers, **request))
    return done, files_below(path)


async def check_same(root: Path, path: Path, name: str, options: Options, **request: Any) -> Exported:
    source = await open_source(root, FILES, **{**PLAIN, **options})
    rows = ExportRequest(path=path, **{key: value for key, value in request.items() if key != "format"}).rows
    assert len((await source.divide(rows)).begins) > 3
    alone, expected = await written(source, path, name, 1, **request)
    skipped = source.skipped_rows
    together, found = await written(source, path, name, 2, **request)
    assert expected
    assert found == expected
    assert together == alone
    assert source.skipped_rows == 2 * skipped
    return together


KEPT = ("task", "reward", "tags", "row")


@pytest.mark.parametrize(
    ("name", "format", "keep"),
    [
        *(("a.jsonl", None, keep) for keep in ((), KEPT)),
        *(("a.parquet", None, keep) for keep in ((), KEPT)),
        *(("a", "atif-dir", keep) for keep in ((), KEPT)),
        ("a.jsonl.zst", None, KEPT),
        ("a.jsonl.gz", "openai", KEPT),
        ("a.parquet", "steps", KEPT),
        ("a.parquet", "openai", KEPT),
        ("a.parquet", "sharegpt", KEPT),
        ("a.parquet", "prompt-completion", KEPT),
        ("a.jsonl", "sharegpt", ()),
        ("a.jsonl", "prompt-completion", ()),
        ("a", "sts", ()),
    ],
)
async def test_every_format_is_the_same(
    root: Path, tmp_path: Path, name: str, format: Any, keep: tuple[str, ...]
) -> None:
    done = await check_same(root, tmp_path / "out", name, {"keep": keep}, format=format)
    assert (done.rows, done.skipped_rows) == (116, 4)


@pytest.mark.parametrize("choice", CHOICES)
async def test_every_choice_is_the_same(root: Path, tmp_path: Path, choice: str) -> None:
    options, request = CHOICES[choice]
    if request.get("limit") == 0:
        source = await open_source(root, FILES, **{**PLAIN, **options})
        alone = await written(source, tmp_path / "out", "a.jsonl", 1, **request)
        assert await written(source, tmp_path / "out", "a.jsonl", 2, **request) == alone
        return
    await check_same(root, tmp_path / "out", "a.jsonl", options, **request)


async def test_row_groups_end_where_they_do_with_one(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hfsvc.export.writers.ROW_GROUP_BYTES", 10_000)
    await check_same(root, tmp_path / "out", "a.parquet", {"keep": ("reward",)})


async def test_a_cursor_goes_on_with_any_number_of_workers(root: Path, tmp_path: Path) -> None:
    source = await open_source(root, FILES, **PLAIN)
    whole = await export_trajectories(source, ExportRequest(path=tmp_path / "whole.jsonl"))
    first = await export_trajectories(source, ExportRequest(path=tmp_path / "1.jsonl", limit=33, workers=2))
    rest = await export_trajectories(source, ExportRequest(path=tmp_path / "2.jsonl", cursor=first.cursor, workers=2))
    again = await export_trajectories(source, ExportRequest(path=tmp_path / "3.jsonl", cursor=first.cursor))
    assert rest.cursor == again.cursor == whole.cursor
    parts = [(tmp_path / name).read_bytes() for name in ("1.jsonl", "2.jsonl")]
    assert b"".join(parts) == (tmp_path / "whole.jsonl").read_bytes()


async def test_shards_are_the_same(root: Path, tmp_path: Path) -> None:
    source = await open_source(root, FILES, **PLAIN)
    found = []
    for workers in (1, 2):
        request = ExportRequest(path=tmp_path / str(workers) / "a.jsonl", workers=workers)
        await export_shards(source, request, 3)
        found.append(files_below(tmp_path / str(workers)))
    assert found[0] == found[1]


async def test_rows_of_other_files_are_the_same(root: Path, tmp_path: Path) -> None:
    lines = b"".join(talk_line(number) for number in range(80))
    source = await open_source(root, {"a.jsonl": lines})
    alone = await written(source, tmp_path / "out", "a.jsonl", 1)
    assert await written(source, tmp_path / "out", "a.jsonl", 2) == alone


def talk_line(number: int) -> bytes:
    from hfsvc.atif import encode

    return encode(talk(number)) + b"\n"


@needs_proc
async def test_a_bad_row_is_raised_as_with_one_and_leaves_nothing(root: Path, tmp_path: Path) -> None:
    source = await open_source(root, FILES, style="structured")
    raised = []
    for workers in (1, 2):
        with pytest.raises(BadRow) as error:
            await export_trajectories(source, ExportRequest(path=tmp_path / "out" / "a.jsonl", workers=workers))
        raised.append(str(error.value))
    assert raised[0] == raised[1]
    assert files_below(tmp_path / "out") == {}
    assert not (tmp_path / "out").exists()
    assert children_of(os.getpid()) == set()


async def test_progress_goes_up_to_all_rows(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "REPORT_EVERY_S", 0)
    events: list[RowsExported] = []
    source = await open_source(root, FILES, **PLAIN)
    request = ExportRequest(path=tmp_path / "a.jsonl", workers=2)
    done = await export_trajectories(source, request, on_event=events.append)
    assert len(events) > 4
    assert [each.done for each in events] == sorted(each.done for each in events)
    assert (events[-1].done, events[-1].total, events[-1].cursor) == (120, 120, done.cursor)


async def test_a_stream_of_lines_can_have_workers(root: Path, tmp_path: Path) -> None:
    source = await open_source(root, FILES, **PLAIN)
    for workers in (1, 2):
        with (tmp_path / str(workers)).open("wb") as out:
            await export_to(source, stream_writer(out, "openai"), one_call_a_step=True, workers=workers)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


async def test_what_cannot_be_divided_is_refused(root: Path, tmp_path: Path) -> None:
    request = ExportRequest(path=tmp_path / "a.jsonl", workers=2)
    with pytest.raises(InvalidArgument, match="files of one's own"):
        await export_trajectories(FakeTrajectorySource([talk(0)]), request)

    class Own:
        written = 0

        def write(self, rows: object) -> None: ...

    source = await open_source(root, FILES, **PLAIN)
    with pytest.raises(InvalidArgument, match="writer of one's own"):
        await export_to(source, Own(), workers=2)

    class Tokens:
        schema = pa.schema([("input_ids", pa.list_(pa.int32()))])
        tally = FitTally()

        def batch(self, rows: object) -> pa.RecordBatch:
            raise NotImplementedError

        def rows(self, row: TrajectoryRow) -> list[TrajectoryRow]:
            raise NotImplementedError

    with pytest.raises(InvalidExport, match="one process"):
        await export_trajectories(
            source, ExportRequest(path=tmp_path / "a.parquet", format="tokens", workers=2), tokens=Tokens()
        )
    with pytest.raises(InvalidExport, match="one process"):
        await export_trajectories(source, request, fitter=Tokens())
    assert [*tmp_path.glob("a.*")] == []
    with pytest.raises(InvalidArgument, match="from 0 on"):
        ExportRequest(path=tmp_path, workers=-1)


class Moving(FakeDatasetService):
    """A service whose dataset is at another commit as soon as `moved` is set."""

    moved = False

    async def get_download_info(self, repo: str) -> DownloadedDataset | None:
        found = await super().get_download_info(repo)
        return msgspec.structs.replace(found, commit="1" * 40) if found and self.moved else found


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_dataset_that_changes_meanwhile_is_refused(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(exporting, "REPORT_EVERY_S", 0)
    datasets = Moving(root, {REPO: FILES})
    await datasets.download(everything())
    source = FileTrajectorySource(REPO, datasets=datasets, options=ReadOptions(on_bad_row="skip"))

    def move(_: RowsExported) -> None:
        datasets.moved = True
        (root / REPO / "c.parquet").unlink(missing_ok=True)

    with pytest.raises(DatasetChanged):
        await export_trajectories(source, ExportRequest(path=tmp_path / "a.jsonl", workers=workers), on_event=move)
    assert [*tmp_path.glob("*a.jsonl*")] == []


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_file_that_is_gone_is_named(root: Path, tmp_path: Path, workers: int) -> None:
    source = await open_source(root, FILES, **PLAIN)
    assert await source.count() == 120
    (root / REPO / "b.parquet").unlink()
    with pytest.raises(NotDownloaded, match=r"b\.parquet"):
        await export_trajectories(source, ExportRequest(path=tmp_path / "a.jsonl", workers=workers))
