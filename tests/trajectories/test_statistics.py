import pickle
from bisect import bisect_right
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.models import Fidelity
from hfsvc.trajectories.layouts.conversation import Conversation, Message, Unreadable
from hfsvc.trajectories.layouts.message_counts import MessageCounts, count_characters, count_text, counts_of_rows
from hfsvc.trajectories.statistics import EDGES, MAX_VALUES, OTHERS, UNNAMED, Histogram, StatisticsBuilder

from .tables import broken_text

NUMBERS = st.lists(st.integers(0, 10**10))
CONVERSATIONS = st.lists(
    st.lists(st.tuples(st.sampled_from(["user", "assistant", None]), st.none() | st.text()), max_size=4)
)


def turns(*roles: str | None, characters: int = 1) -> MessageCounts:
    """One row of messages."""
    return MessageCounts([len(roles)], [*roles], [characters] * len(roles))


# ---- measuring ------------------------------------------------------------------------------------------------------


@given(st.lists(st.none() | st.text()), st.sampled_from([pa.string(), pa.large_string()]))
def test_texts_are_counted_in_arrow_as_in_python(texts: list[str | None], kind: pa.DataType) -> None:
    assert count_text(pa.array(texts, kind)) == [len(text or "") for text in texts]


def test_a_slice_of_texts_is_counted() -> None:
    assert count_text(pa.array(["a", "éé", None, "dddd"]).slice(1, 2)) == [2, 0]


@given(CONVERSATIONS)
def test_rows_tell_their_turns(rows: list[list[tuple[str | None, str | None]]]) -> None:
    found = counts_of_rows(
        Conversation([Message(*each) for each in row], {}) if row else Unreadable("messages", "empty") for row in rows
    )
    flat = [each for row in rows for each in row]
    assert found == MessageCounts(
        [len(row) or None for row in rows], [role for role, _ in flat], [len(text or "") for _, text in flat]
    )


def test_the_first_text_that_is_there_is_counted() -> None:
    assert count_text(pa.array([None, "a", None]), pa.array(["bb", "bb", None])) == [2, 1, 0]
    assert count_text(pa.array(["a"]), pa.array(["a"], pa.large_string())) is None


def test_text_that_is_no_utf8_is_not_counted() -> None:
    assert count_text(broken_text(b"good", b"\xff")) is None


@pytest.mark.parametrize("kind", [pa.string_view(), pa.list_(pa.string()), pa.null()])
def test_columns_of_other_types_are_not_counted(kind: pa.DataType) -> None:
    assert count_text(pa.nulls(1, kind)) is None


@pytest.mark.parametrize(
    ("content", "characters"),
    [
        (None, 0),
        ("é😀", 2),
        ([{"type": "text", "text": "abc"}, {"type": "image_url"}, "de"], 5),
        ({"text": "a"}, 1),
        (7, 0),
    ],
)
def test_the_texts_of_parts_count(content: Any, characters: int) -> None:
    assert count_characters(content) == characters


# ---- spreads --------------------------------------------------------------------------------------------------------


@given(st.lists(NUMBERS))
def test_a_spread_counts_every_number_once_however_it_comes(batches: list[list[int]]) -> None:
    spread = Histogram()
    for batch in batches:
        spread.add(batch)
    found, numbers = spread.result(), [number for batch in batches for number in batch]
    assert (found.count, found.total) == (len(numbers), sum(numbers))
    assert (found.smallest, found.largest) == ((min(numbers), max(numbers)) if numbers else (None, None))
    expected = Counter(EDGES[bisect_right(EDGES, number) - 1] for number in numbers)
    assert {each.at_least: each.count for each in found.buckets if each.count} == expected
    if found.buckets:
        assert found.buckets[0].count
        assert found.buckets[-1].count


def test_a_spread_of_nothing_has_a_mean() -> None:
    assert Histogram().result().mean == 0
    assert Histogram().result().buckets == ()


def test_empty_buckets_between_others_are_kept() -> None:
    spread = Histogram()
    spread.add([2, 50])
    assert [(each.at_least, each.below, each.count) for each in spread.result().buckets] == [
        (1, 3, 1),
        (3, 10, 0),
        (10, 30, 0),
        (30, 100, 1),
    ]


# ---- gathering ------------------------------------------------------------------------------------------------------


def test_batches_add_up() -> None:
    gathering = StatisticsBuilder()
    gathering.add(turns("user", "assistant", None, characters=10), {"agent": ["a"], "result": ["True"]})
    gathering.add(turns("user", characters=5), {"agent": ["a"], "model": ["m"]})
    gathering.add(MessageCounts([None, None], [], []), {"agent": [None, None], "model": [None, "m"]})
    found = gathering.result()
    assert (found.rows, found.bad_rows) == (4, 2)
    assert (found.steps.total, found.steps.largest, found.characters.total) == (4, 3, 35)
    assert [(role, each.messages, each.characters) for role, each in found.roles.items()] == [
        ("user", 2, 15),
        ("assistant", 1, 10),
        (UNNAMED, 1, 10),
    ]
    assert (found.agents, found.models, found.results) == ({"a": 2}, {"m": 2}, {"True": 1})


def test_columns_that_name_every_row_are_counted_in_bounded_memory() -> None:
    gathering = StatisticsBuilder()
    for number in range(MAX_VALUES + 50):
        gathering.add(turns(f"role {number}"), {"model": [f"model {number}"]})
    gathering.add(turns("role 0"), {"model": ["model 0"]})
    found = gathering.result()
    assert len(found.models) == len(found.roles) == MAX_VALUES + 1
    assert found.models[OTHERS] == found.roles[OTHERS].messages == 50
    assert found.models["model 0"] == found.roles["role 0"].messages == 2


batches = st.lists(st.tuples(st.integers(0, 3), st.lists(st.sampled_from("abcdef"), max_size=4)), max_size=4)


@given(st.lists(batches, max_size=5))
def test_parts_that_were_counted_elsewhere_make_the_same(parts: list[list[tuple[int, list[str]]]]) -> None:
    def add(statistics: StatisticsBuilder, length: int, values: list[str]) -> None:
        counts = MessageCounts([length or None], [*values[:length], *["x"] * (length - len(values))], [7] * length)
        statistics.add(counts, {"agent": values})
        statistics.recovered.add(
            Fidelity(style="structured", messages=1, calls=length, notations=dict.fromkeys(values, 1))
        )

    alone, together = StatisticsBuilder(most_values=3), StatisticsBuilder(most_values=3)
    for part in parts:
        elsewhere = StatisticsBuilder(most_values=None)
        for length, values in part:
            add(alone, length, values)
            add(elsewhere, length, values)
        together.merge(pickle.loads(pickle.dumps(elsewhere)))
    assert str(together.result()) == str(alone.result())
