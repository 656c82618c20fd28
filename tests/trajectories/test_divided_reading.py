"""The division of readings into pieces: nothing is lost, nothing comes twice, and pieces are read as the stream is."""

import json
import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.errors import BadRow, HfsvcError
from hfsvc.models import TrajectoryRow
from hfsvc.trajectories import divided_reading, reading_order
from hfsvc.trajectories.batch_mapper import map_kept
from hfsvc.trajectories.chooser import Chosen
from hfsvc.trajectories.data_file import DataFile
from hfsvc.trajectories.divided_reading import MOST_ROWS, Stretch, divide
from hfsvc.trajectories.files.base import RowGroup
from hfsvc.trajectories.piece_reader import KeptFile, read_piece
from hfsvc.trajectories.positions import Positions
from hfsvc.trajectories.selection import RowRange
from hfsvc.trajectories.source import FileTrajectorySource

from .tables import open_source, parquet, row, rows

DATA = os.environ.get("HFSVC_TEST_DATA")
ENDINGS = {".jsonl", ".json", ".parquet", ".traj"}
MiB = 1 << 20


def file_of(path: str, first: int, groups: Sequence[tuple[int, int]]) -> DataFile:
    """A file whose row groups have so many rows and bytes."""
    found, start = [], 0
    for count, size in groups:
        found.append(RowGroup(start, start + count, size))
        start += count
    return DataFile(path, first, first + start, "content", None, pa.schema([]), [], tuple(found))  # type: ignore[arg-type]


def files_of(*files: Sequence[tuple[int, int]]) -> list[DataFile]:
    made, first = [], 0
    for number, groups in enumerate(files):
        made.append(file_of(f"{number}.parquet", first, groups))
        first = made[-1].stop
    return made


def divided(files: Sequence[DataFile], wanted: Sequence[int] | None = None, *, ordered: bool = True) -> list[Stretch]:
    found = range(files[-1].stop) if wanted is None else wanted
    chosen = Chosen(found, range(len(found)), {}, ordered=ordered)
    return divide(chosen, Positions([range(len(found))]), files, 16)


groups = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 80 * MiB)), min_size=1, max_size=6)


@given(st.lists(groups, min_size=1, max_size=4), st.data())
def test_stretches_are_the_reading_in_its_order(files: list[list[tuple[int, int]]], data: st.DataObject) -> None:
    made = files_of(*files)
    everything = range(made[-1].stop)
    step = data.draw(st.integers(1, 5))
    wanted: Sequence[int] = data.draw(
        st.sampled_from([everything, everything[::step]])
        | st.lists(st.sampled_from(everything), unique=True).map(sorted)
    )
    ordered = data.draw(st.booleans())
    found = list(wanted) if ordered else data.draw(st.permutations(list(wanted)))
    whole = Positions([range(len(found))])
    left = whole.part((data.draw(st.integers(0, 2)), 3), stripe=data.draw(st.booleans()))
    left = left.after(data.draw(st.integers(0, len(left))))
    stretches = divide(Chosen(found, range(len(found)), {}, ordered=ordered), left, made, 16)
    assert [number for each in stretches for number in each.rows] == [found[place] for place in left]
    before = 0
    for each in stretches:
        assert each.before == before
        assert each.rows
        before += len(each.rows)


def test_small_groups_and_files_become_one_piece_and_large_groups_several() -> None:
    small = divided(files_of([(10, MiB)] * 3, [(10, MiB)], [(10, MiB)] * 2))
    assert [list(each.rows) for each in small] == [[*range(60)]]
    assert small[0].size == 6 * MiB
    # Sixteen pieces of what is 160 MB in one group.
    assert [len(each.rows) for each in divided(files_of([(160, 160 * MiB)]))] == [10] * 16
    # Groups of about a piece's size stay whole, since what lies before a part of one would be decoded for it.
    assert [len(each.rows) for each in divided(files_of([(10, 15 * MiB)] * 16))] == [10] * 16
    assert max(each.size for each in divided(files_of([(6400, 64_000 * MiB)]))) <= divided_reading.MOST_BYTES


def test_a_piece_has_no_more_rows_than_a_process_can_count() -> None:
    assert max(len(each.rows) for each in divided(files_of([(100_000, 10)]))) <= MOST_ROWS


def test_another_order_is_cut_where_rows_are_put_in_order() -> None:
    stretches = divided(files_of([(40, MiB)]), [*range(39, -1, -1)], ordered=False)
    assert [len(each.rows) for each in stretches] == [16, 16, 8]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of a few rows."""
    monkeypatch.setattr(divided_reading, "LEAST_BYTES", 2000)
    monkeypatch.setattr(reading_order, "WINDOW_BYTES", 1)


def jsonl(numbers: Iterator[int] | range) -> bytes:
    return b"".join(json.dumps(row(number)).encode() + b"\n" for number in numbers)


FILES = {
    "a.parquet": parquet(
        [row(n, conversations=[] if n in {3, 17} else row(n)["conversations"]) for n in range(40)], row_group_size=7
    ),
    "b.parquet": parquet(rows(30, 40)),
    "c.parquet": parquet(rows(20, 70), row_group_size=3),
}
CHOICES: dict[str, tuple[dict[str, Any], RowRange]] = {
    "all": ({}, RowRange()),
    "a stretch": ({}, RowRange(start=5, stop=61)),
    "a stripe": ({}, RowRange(shard=(1, 3), stripe=True)),
    "a shard": ({}, RowRange(shard=(2, 3))),
    "a query": ({}, RowRange(where="run_id:run-1")),
    "a sample": ({"sample": 25, "seed": 3}, RowRange()),
    "in random order": ({"shuffle": True, "seed": 3}, RowRange(start=2)),
    "with columns": ({"keep": ("task", "row")}, RowRange()),
}


async def pieces_of(source: FileTrajectorySource, rows: RowRange) -> list[TrajectoryRow | BadRow]:
    """What comes of all pieces, each as if another process read it, and every other one by another process."""
    stream = await source.divide(rows)
    readers = [KeptFile(), KeptFile()]
    found: list[TrajectoryRow | BadRow] = []
    for number, piece in enumerate(stream.pieces()):
        piece = pickle.loads(pickle.dumps(piece))
        for place, value in read_piece(piece, map_kept(source.options, lambda _: ""), readers[number % 2]):
            assert place == len(found)
            found.append(value)
    for each in readers:
        each.close()
    return found


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("choice", CHOICES)
async def test_pieces_are_read_as_the_stream_is(root: Path, choice: str) -> None:
    options, wanted = CHOICES[choice]
    source = await open_source(root, FILES, on_bad_row="skip", **options)
    stream = source.stream_rows(**wanted.asked)
    streamed = [(each.row, each.trajectory, each.kept) async for each in stream]
    found = await pieces_of(source, wanted)
    assert [(each.row, each.trajectory, each.kept) for each in found if not isinstance(each, BadRow)] == streamed
    assert sum(isinstance(each, BadRow) for each in found) == stream.record.left_out.get("bad", 0)
    assert len((await source.divide(wanted)).begins) > 3


@pytest.mark.usefixtures("small_pieces")
async def test_a_file_without_groups_is_read_on_where_a_piece_ended(root: Path) -> None:
    source = await open_source(root, {"a.jsonl": jsonl(range(200))})
    assert len((await source.divide(RowRange())).begins) > 3
    found = await pieces_of(source, RowRange())
    assert [each.row for each in found if not isinstance(each, BadRow)] == [*range(200)]


async def test_a_piece_names_its_rows_and_no_other_files(root: Path) -> None:
    source = await open_source(root, FILES, on_bad_row="skip")
    (piece,) = (await source.divide(RowRange(start=45, stop=50))).pieces()
    assert str(piece) == "rows 45 to 49 of b.parquet"
    assert piece.dataset.files == ("b.parquet",)


async def test_a_piece_that_is_left_in_the_middle_closes_its_file(root: Path) -> None:
    source = await open_source(root, FILES, on_bad_row="skip")
    (piece,) = (await source.divide(RowRange(stop=30))).pieces()
    kept = KeptFile()
    found = read_piece(piece, map_kept(source.options, lambda _: ""), kept)
    with closing(found):
        next(found)
    assert kept._known is None


def real_data() -> list[Path]:
    """Datasets that were really recorded: folders of cases, and files alone."""
    if not DATA:
        return []
    cases = [path for path in Path(DATA, "cases").iterdir() if path.is_dir()]
    return sorted([*cases, *(path for path in Path(DATA).rglob("*") if path.is_file() and path.suffix in ENDINGS)])


@pytest.mark.skipif(not DATA, reason="HFSVC_TEST_DATA names no folder with real rows")
@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("path", real_data(), ids=lambda path: str(path.relative_to(DATA)))
async def test_rows_of_every_layout_are_read_elsewhere_as_here(root: Path, path: Path) -> None:
    paths = [path] if path.is_file() else [each for each in sorted(path.rglob("*")) if each.is_file()]
    files = {str(each.relative_to(path.parent)): each.read_bytes() for each in paths}
    source = await open_source(root, files, on_bad_row="skip", style="structured")
    try:
        streamed = [(each.row, each.trajectory, each.fidelity) async for each in source.stream_rows()]
    except HfsvcError as error:
        with pytest.raises(type(error)):
            await pieces_of(source, RowRange())
        return
    found = [each for each in await pieces_of(source, RowRange()) if not isinstance(each, BadRow)]
    assert [(each.row, each.trajectory, each.fidelity) for each in found] == streamed
