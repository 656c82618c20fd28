"""The plan of a delta: a storage in memory answers, and every copy is compared with the real layout of chunks."""

import tracemalloc
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.datasets.deltas import (
    LEAST_SAVED,
    MOST_FETCHED_RANGES,
    SMALLEST_GAP,
    SharedChunks,
    worthwhile,
)
from hfsvc.datasets.shared_runs import Doubtful
from hfsvc.hub.reconstruction import Chunk, ContentTerm
from hfsvc.models import CopiedRange

KiB, MiB = 1 << 10, 1 << 20
Stretch = tuple[str, int, int]


class Storage:
    """Xorbs by the lengths of their chunks, and files made of stretches of them."""

    def __init__(self, xorbs: dict[str, list[int]]) -> None:
        self.xorbs = xorbs

    def terms(self, file: Sequence[Stretch]) -> list[ContentTerm]:
        return [ContentTerm(xorb, start, stop, sum(self.xorbs[xorb][start:stop])) for xorb, start, stop in file]

    def layout(self, file: Sequence[Stretch]) -> list[Chunk]:
        chunks: list[Chunk] = []
        for xorb, start, stop in file:
            for number in range(start, stop):
                at = chunks[-1].stop if chunks else 0
                chunks.append(Chunk(xorb, number, at, at + self.xorbs[xorb][number]))
        return chunks


def at(layout: Sequence[Chunk], position: int) -> Chunk:
    return next(each for each in layout if each.start <= position < each.stop)


def identity(layout: Sequence[Chunk], position: int) -> tuple[str, int, int]:
    chunk = at(layout, position)
    return chunk.xorb, chunk.number, position - chunk.start


def solve(storage: Storage, olds: Sequence[Sequence[Stretch]], new: Sequence[Stretch]) -> tuple[list[CopiedRange], int]:
    """The copies from some files, and how many questions they took; each copy is compared with the layouts."""
    shared = SharedChunks({str(number): storage.terms(old) for number, old in enumerate(olds)}, storage.terms(new))
    layouts = {str(number): storage.layout(old) for number, old in enumerate(olds)} | {"": storage.layout(new)}
    asked = 0
    while asked < 100 and (questions := shared.questions(8)):
        for question in questions:
            shared.learn(question, at(layouts[question.file], question.position))
        asked += len(questions)
    copies = shared.copies()
    for each in copies:
        for place in (each.start, each.stop - 1, (each.start + each.stop) // 2):
            stands_there = identity(layouts[each.donor], each.source + place - each.start)
            assert identity(layouts[""], place) == stands_there
    return copies, asked


lengths = st.lists(st.integers(8 * KiB, 128 * KiB), min_size=2, max_size=120)


World = tuple[Storage, list[list[Stretch]], list[Stretch]]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    xorbs = {str(number): draw(lengths) for number in range(draw(st.integers(1, 3)))}

    def stretch() -> Stretch:
        xorb = draw(st.sampled_from(sorted(xorbs)))
        start = draw(st.integers(0, len(xorbs[xorb]) - 1))
        return xorb, start, draw(st.integers(start + 1, len(xorbs[xorb])))

    def file() -> list[Stretch]:
        return [stretch() for _ in range(draw(st.integers(1, 5)))]

    return Storage(xorbs), [file() for _ in range(draw(st.integers(1, 3)))], file()


@given(worlds())
def test_what_is_copied_is_what_stands_there(world: World) -> None:
    storage, olds, new = world
    copies, _ = solve(storage, olds, new)
    size = sum(each.length for each in storage.terms(new))
    assert not copies or sum(each.length for each in copies) >= LEAST_SAVED * size


LARGE = Storage({"x": [64 * KiB + 999 * (number % 7) for number in range(1000)], "y": [50 * KiB] * 1000})


@pytest.mark.parametrize(
    ("new", "most"),
    [
        ([("x", 0, 1000)], 0),
        ([("x", 0, 1000), ("y", 0, 3)], 0),
        ([("y", 0, 3), ("x", 0, 1000)], 0),
        ([("x", 0, 400), ("y", 0, 3), ("x", 403, 1000)], 0),
        ([("x", 100, 900)], 4),
        ([("x", 500, 1000), ("x", 0, 500)], 0),
        ([("x", 0, 300), ("y", 0, 2), ("x", 302, 600), ("y", 2, 4), ("x", 602, 1000)], 8),
    ],
    ids=["same", "append", "prepend", "edit", "middle", "swap", "two edits"],
)
def test_few_questions_are_enough(new: list[Stretch], most: int) -> None:
    copies, asked = solve(LARGE, [[("x", 0, 1000)]], new)
    assert asked <= most
    assert sum(each.length for each in copies) == sum(each.length for each in LARGE.terms(new) if each.xorb == "x")


def test_what_is_the_same_in_many_places_is_copied_from_one() -> None:
    zeros = [("z", 0, 1)] * 5000
    copies, asked = solve(Storage({"z": [128 * KiB]}), [zeros], zeros)
    assert (sum(each.length for each in copies), asked) == (5000 * 128 * KiB, 0)


@pytest.mark.parametrize("of_old", [True, False])
def test_a_term_that_covers_thousands_of_others_costs_no_more_than_they_are_many(of_old: bool) -> None:
    one, many = [ContentTerm("x", 0, 40_000, 40_000 * KiB)], [ContentTerm("x", at, at + 1, KiB) for at in range(40_000)]
    shared = SharedChunks({"old": one}, many) if of_old else SharedChunks({"old": many}, one)
    assert sum(each.length for each in shared.copies()) in {0, 40_000 * KiB}


def test_versions_that_share_more_runs_than_can_be_are_doubtful() -> None:
    old = [ContentTerm("x", at, at + 1, KiB) for at in range(1000)]
    with pytest.raises(Doubtful):
        SharedChunks({"old": old}, [ContentTerm("x", 0, 1000, 1000 * KiB)] * 1000)


def test_memory_grows_with_terms_and_no_faster() -> None:
    # Each stretch of the new version begins and ends within one of the old.
    xorbs = [f"{number:064x}" for number in range(500)]
    old = [ContentTerm(xorb, 40 * at, 40 * at + 40, 40 * 64 * KiB) for at in range(20) for xorb in xorbs]
    new = [ContentTerm(xorb, 40 * at + 3, 40 * at + 43, 40 * 64 * KiB) for at in range(20) for xorb in xorbs]
    tracemalloc.start()
    try:
        shared = SharedChunks({"old": old}, new)
        assert shared.questions(8)
        shared.copies()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2500 * (len(old) + len(new))


def test_nothing_is_asked_where_little_can_be_gained() -> None:
    new = [("y", 0, 1000), ("x", 10, 30)]
    assert solve(LARGE, [[("x", 0, 1000)]], new) == ([], 0)


def copied(start: int, stop: int) -> CopiedRange:
    return CopiedRange(start=start, stop=stop, source=start, donor="old")


def test_gaps_that_are_close_together_are_fetched_as_one() -> None:
    near = [copied(0, 4 * MiB), copied(5 * MiB, 6 * MiB - 1), copied(7 * MiB, 8 * MiB), copied(9 * MiB, 20 * MiB)]
    assert worthwhile(near, 20 * MiB) == [near[0], near[2], near[3]]
    assert MiB == SMALLEST_GAP


def test_what_is_fetched_is_few_ranges() -> None:
    many = [copied(start * 4 * MiB, start * 4 * MiB + 2 * MiB + start) for start in range(300)]
    kept = worthwhile(many, 1200 * MiB)
    # Between n ranges to fetch are n - 1 stretches that are copied, and one before the first.
    assert len(kept) <= MOST_FETCHED_RANGES + 1
    # The shortest ones went.
    assert kept[1:] == many[-len(kept) + 1 :]


MIDDLE = [("x", 100, 900)]


@pytest.mark.parametrize(
    "lie",
    [
        lambda asked: Chunk("y", 100, asked, asked + 9),
        lambda asked: Chunk("x", 5000, asked, asked + 9),
        lambda asked: Chunk("x", 100, asked + 1, asked + 9),
        lambda asked: Chunk("x", 100, 0, 1 << 40),
        lambda asked: Chunk("x", 999, 0, asked + 9),
    ],
    ids=["another xorb", "no such chunk", "another place", "too long", "another order"],
)
def test_an_answer_that_cannot_be_is_doubtful(lie: Callable[[int], Chunk]) -> None:
    shared = SharedChunks({"old": LARGE.terms([("x", 0, 1000)])}, LARGE.terms(MIDDLE))
    (asked,) = shared.questions(1)
    with pytest.raises(Doubtful):
        shared.learn(asked, lie(asked.position))


def test_two_lengths_of_the_same_chunks_are_doubtful() -> None:
    with pytest.raises(Doubtful):
        SharedChunks({"old": [ContentTerm("x", 0, 9, 900_000)]}, [ContentTerm("x", 0, 9, 900_001)])


def test_what_several_files_have_is_copied_from_each_of_them() -> None:
    olds = [[("x", 0, 400)], [("x", 400, 1000)]]
    copies, asked = solve(LARGE, olds, [("x", 250, 750)])
    assert [each.donor for each in copies] == ["0", "1"]
    assert sum(each.length for each in copies) == sum(each.length for each in LARGE.terms([("x", 250, 750)]))
    assert asked <= 8


def test_what_follows_on_something_in_another_file_is_a_copy_of_its_own() -> None:
    # In their files, too, one begins where the other ends.
    olds = [[("x", 0, 500)], [("y", 0, 500), ("y", 500, 1000)]]
    storage = Storage({"x": [50 * KiB] * 500, "y": [50 * KiB] * 1000})
    copies, _ = solve(storage, olds, [("x", 0, 500), ("y", 500, 1000)])
    assert [(each.donor, each.source) for each in copies] == [("0", 0), ("1", 500 * 50 * KiB)]
