from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.models import FACETS, SUMMARY_FIELDS, ReadOptions, SummaryPage, TrajectorySummary
from hfsvc.testing import FakeTrajectorySource
from hfsvc.testing.samples import openthoughts_rows, rows_table
from hfsvc.trajectories.files.parquet import ParquetRowFile
from hfsvc.trajectories.index.query import one_space
from hfsvc.trajectories.index.summaries import matching, summaries_of, summarise, summary_batch, summary_columns
from hfsvc.trajectories.layouts.base import Layout
from hfsvc.trajectories.layouts.detect import explain_layout
from tests.trajectories.tables import (
    DATE,
    MESSAGE,
    MESSAGES,
    broken_text,
    open_source,
    parquet,
    row,
    rows,
    table_of,
    talk,
)

A, B = "data/a.parquet", "data/b.parquet"


def rows_of(opened: pq.ParquetFile) -> ParquetRowFile:
    return ParquetRowFile(opened, "a.parquet", 0, lambda _: [])


def layout_of(opened: pq.ParquetFile) -> Layout:
    layout = explain_layout(rows_of(opened), "a.parquet", ReadOptions()).layout
    assert layout is not None
    return layout


def summaries(folder: Path, table: pa.Table, **options: Any) -> list[TrajectorySummary]:
    path = folder / "a.parquet"
    pq.write_table(table, path, **options)
    with pq.ParquetFile(path) as opened:
        layout = layout_of(opened)
        found: list[TrajectorySummary] = []
        for batch in opened.iter_batches(2, columns=summary_columns(rows_of(opened).leaves, layout)):
            found += summaries_of(summarise(batch, layout), range(len(found), len(found) + batch.num_rows))
    return found


def summary(**fields: str | None) -> TrajectorySummary:
    return TrajectorySummary(**dict.fromkeys(SUMMARY_FIELDS) | {"row": 0, "steps": 2} | fields)  # type: ignore[arg-type]


def matches(query: str | None, found: TrajectorySummary) -> bool:
    batch = summary_batch({name: [getattr(found, name)] for name in SUMMARY_FIELDS}, [found.steps])
    return matching(batch, query or "") == [0]


# ---- a row in short -------------------------------------------------------------------------------------------------


def test_a_summary_tells_a_row_without_its_messages(tmp_path: Path) -> None:
    assert summaries(tmp_path, rows_table([row(0), row(1, result="1.0", conversations=talk("a") * 3)])) == [
        TrajectorySummary(
            row=0,
            agent="terminus-2",
            model="teacher",
            task="task_0",
            episode="episode-1",
            trial_name="task_0__abc",
            run_id="run-0",
            date=DATE,
            steps=2,
        ),
        TrajectorySummary(
            row=1,
            agent="terminus-2",
            model="teacher",
            task="task_1",
            episode="episode-1",
            trial_name="task_1__abc",
            run_id="run-1",
            date=DATE,
            steps=6,
            result="1.0",
        ),
    ]


def test_a_row_with_nothing_but_messages_has_a_summary(tmp_path: Path) -> None:
    assert summaries(tmp_path, table_of([talk("a")])) == [summary()]


def test_bad_rows_have_a_summary_without_steps(tmp_path: Path) -> None:
    made = table_of([talk("a"), None, [], [None], None, talk("b")], task=list("abcdef"))
    found = summaries(tmp_path, made)
    assert [(each.row, each.task, each.steps) for each in found] == [
        (0, "a", 2),
        (1, "b", 0),
        (2, "c", 0),
        (3, "d", 1),
        (4, "e", 0),
        (5, "f", 2),
    ]


@pytest.mark.parametrize("columns", [{}, {"task": ["a", "b", "c"]}, {"task": pa.nulls(3)}])
def test_messages_of_null_type_are_no_steps(tmp_path: Path, columns: dict[str, Any]) -> None:
    found = summaries(tmp_path, table_of(pa.nulls(3), **columns))
    assert [(each.row, each.steps) for each in found] == [(0, 0), (1, 0), (2, 0)]


@pytest.mark.parametrize(
    "kind",
    [
        MESSAGES,
        pa.list_(pa.field("element", MESSAGE)),
        pa.large_list(MESSAGE),
        pa.list_(pa.struct([("content", pa.string()), ("role", pa.string())])),
        pa.list_(pa.struct([("role", pa.null()), ("content", pa.string())])),
        pa.list_(
            pa.struct([("meta", pa.struct([("role", pa.string())])), ("role", pa.string()), ("content", pa.string())])
        ),
        pa.list_(pa.struct([("meta", MESSAGES), ("content", pa.string()), ("role", pa.string())])),
    ],
    ids=lambda kind: str(kind)[:60],
)
def test_steps_are_counted_however_messages_are_stored(tmp_path: Path, kind: pa.DataType) -> None:
    made = pa.array([[{"content": "a"}] * 3, None, [{"content": "b"}], []], kind)
    assert [each.steps for each in summaries(tmp_path, table_of(made, task=list("abcd")))] == [3, 0, 1, 0]


def test_the_text_of_messages_is_not_read(tmp_path: Path) -> None:
    table = rows_table([row(0, result="1.0", trace_source="main", instruction="long")])
    pq.write_table(table, tmp_path / "a.parquet")
    with pq.ParquetFile(tmp_path / "a.parquet") as opened:
        layout = layout_of(opened)
        read = {*SUMMARY_FIELDS, "conversations.list.element.role"}
        assert {*summary_columns(rows_of(opened).leaves, layout)} == read - {"key"}


def test_text_that_is_no_utf_8_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    found = summaries(tmp_path, table_of([talk("a"), talk("b")], task=broken_text(b"a\xff", b"b")))
    assert [each.task for each in found] == ["a\ufffd", "b"]


def test_every_summary_survives_json(tmp_path: Path) -> None:
    for each in summaries(tmp_path, rows_table(openthoughts_rows(20))):
        assert msgspec.json.decode(msgspec.json.encode(each), type=TrajectorySummary) == each


# ---- queries --------------------------------------------------------------------------------------------------------

FOUND = summary(agent="Terminus-2", task="task_10 Straße", trial_name="task_10__x", result="1.0", model="a/b:c")


@pytest.mark.parametrize(
    "query",
    [
        None,
        "",
        "  ",
        "task_1",
        "TASK_10",
        "terminus",
        "minus task",
        "strasse",
        "STRASSE",
        "agent:terminus",
        "AGENT:Terminus task:10",
        "result:1.0",
        "model:b:c",
        "b:c",
        "task:",
        "task_10 \t task_10",
    ],
)
def test_a_query_matches_when_all_its_words_occur(query: str | None) -> None:
    assert matches(query, FOUND)


@pytest.mark.parametrize(
    "query",
    ["task_11", "task_10 other", "agent:task", "task:terminus", "run_id:task", "other:task_10", "steps:2", ":task_1"],
)
def test_a_query_does_not_match_where_a_word_is_missing(query: str) -> None:
    assert not matches(query, FOUND)


@given(field=st.sampled_from(SUMMARY_FIELDS), value=st.text(min_size=1, max_size=20))
def test_every_word_of_a_field_finds_it(field: str, value: str) -> None:
    found = summary(**{field: value})
    for word in value.split():
        assert word.startswith('"') or matches(f"{field}:{word}", found)
        assert ":" in word or matches(word.upper(), summary(**{field: value.upper()}))


@given(field=st.sampled_from(SUMMARY_FIELDS), value=st.text(max_size=20), more=st.text("a ", max_size=2))
def test_a_whole_value_finds_itself_and_no_longer_one(field: str, value: str, more: str) -> None:
    quoted = '"' + value.replace('"', '""') + '"'
    longer = f"{value}{more}"
    same = one_space(value.casefold()) == one_space(longer.casefold())
    assert matches(f"{field}:{quoted}", summary(**{field: longer})) is same


@pytest.mark.parametrize("field", SUMMARY_FIELDS)
def test_an_empty_value_finds_rows_without_one(field: str) -> None:
    assert matches(f'{field}:""', summary())
    assert not matches(f'{field}:""', summary(**{field: "a"}))


@given(query=st.text(max_size=30) | st.text('agent:" a"', max_size=30))
def test_no_query_fails(query: str) -> None:
    assert matches(query, summary()) in {True, False}


# ---- pages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("offset", "limit"), [(0, 5), (3, 4), (4, 100), (11, 1), (12, 5), (99, 5), (0, 0), (5, 0)])
async def test_a_page_is_a_part_of_all_rows(root: Path, offset: int, limit: int) -> None:
    source = await open_source(root, {A: parquet(rows(5)), B: parquet(rows(7, 5), row_group_size=2)})
    page = await source.list_summaries(offset, limit)
    assert (page.total, page.offset) == (12, offset)
    assert [each.row for each in page.items] == list(range(12))[offset : offset + limit]


async def test_half_a_character_is_found_nowhere(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows(3))})
    assert (await source.list_summaries(0, 3, "task_\udcff")).total == 0
    assert (await source.list_summaries(0, 3, "task:\udcff")).total == 0
    assert await source.find_rows("\udcff") == ()


async def test_a_page_of_a_query_counts_matches(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows(5)), B: parquet(rows(7, 5))})
    page = await source.list_summaries(1, 2, "run_id:run-1")
    assert (page.total, [each.row for each in page.items]) == (6, [3, 5])
    assert await source.list_summaries(0, 9, "nothing") == SummaryPage(total=0, offset=0, items=())


async def test_summaries_include_rows_that_are_no_trajectories(root: Path) -> None:
    source = await open_source(root, {A: parquet([row(0), row(1, conversations=None)])})
    assert [(each.row, each.steps) for each in (await source.list_summaries(0, 9)).items] == [(0, 2), (1, 0)]


async def test_a_page_before_the_first_row_is_refused(root: Path) -> None:
    source = await open_source(root, {A: parquet(rows(5))})
    with pytest.raises(ValueError, match="counted from 0"):
        await source.list_summaries(-1, 5)


async def test_a_row_is_found_by_the_key_that_is_its_own(root: Path) -> None:
    made = [{**row(number), "uuid": f"u{number % 3}", "trial_name": f"u{number}"} for number in range(5)]
    source = await open_source(root, {A: parquet(made)}, columns={"key": "uuid"})
    assert await source.find_rows("u1") == (1, 4)
    assert await source.find_rows("u4") == (4,)
    assert await source.find_rows("u1", by="trial_name") == (1,)
    assert [each.key for each in (await source.list_summaries(0, 9, "key:u2")).items] == ["u2"]
    assert await (await open_source(root, {A: parquet(made)})).find_rows("u1") == (1,)


async def test_rows_of_an_export_are_found_and_counted_by_their_trace_source(root: Path) -> None:
    made = [row(0, trace_source="main"), row(1, trace_source="summarization-1-answers"), row(2, trace_source="main")]
    source = await open_source(root, {"data/a.parquet": parquet([*made, row(3, trace_source=None)])})
    assert "trace_source" in FACETS
    everything = (await source.list_summaries(0, 9)).items
    assert [each.trace_source for each in everything] == ["main", "summarization-1-answers", "main", None]
    for query, expected in (("trace_source:main", [0, 2]), ("answers", [1]), ('trace_source:""', [3])):
        assert [each.row for each in (await source.list_summaries(0, 9, query)).items] == expected
    counts = await source.count_values("trace_source")
    assert [(each.value, each.rows) for each in counts.values] == [("main", 2), ("summarization-1-answers", 1)]
    assert counts.without == 1
    fake = FakeTrajectorySource(await source.get_trajectories(0, 9))
    assert await fake.count_values("trace_source") == counts
