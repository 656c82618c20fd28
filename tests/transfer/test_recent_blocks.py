from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hfsvc.transfer.recent_blocks import BlockBudget, FileBlock, RecentBlocks


def block(start: int, length: int = 10) -> FileBlock:
    return FileBlock(start, start + length, [bytes(length)])


def test_blocks_come_in_file_order_with_what_lies_on_disk_between_them() -> None:
    recent = RecentBlocks(BlockBudget(100))
    for start in (30, 0):
        recent.keep(block(start))
    assert recent.take(0, 60, 1000) == [block(0), FileBlock(10, 30, None), block(30), FileBlock(40, 60, None)]


def test_a_batch_ends_with_the_block_that_fills_it() -> None:
    recent = RecentBlocks(BlockBudget(100))
    for start in range(0, 50, 10):
        recent.keep(block(start))
    assert recent.take(0, 50, 25) == [block(0), block(10), block(20)]
    assert recent.take(30, 50, 25) == [block(30), block(40)]


def test_what_has_no_room_is_read_from_disk_and_forgetting_makes_room() -> None:
    budget = BlockBudget(15)
    recent, other = RecentBlocks(budget), RecentBlocks(budget)
    recent.keep(block(0))
    other.keep(block(0))
    assert other.take(0, 10, 10) == [FileBlock(0, 10, None)]
    recent.forget(recent.take(0, 10, 10))
    other.keep(block(10))
    assert other.take(10, 20, 10) == [block(10)]


def test_what_is_cleared_is_on_disk_only() -> None:
    budget = BlockBudget(10)
    recent = RecentBlocks(budget)
    recent.keep(block(0))
    recent.clear()
    assert recent.take(0, 10, 10) == [FileBlock(0, 10, None)]
    assert budget.take(10)


def test_views_count_with_the_buffers_that_they_keep() -> None:
    buffer, other = bytearray(1000), bytearray(1000)
    pieces: list[bytes | memoryview] = [
        memoryview(buffer)[:10],
        memoryview(buffer)[10:20],
        memoryview(other)[:10],
        b"0123456789",
    ]
    assert FileBlock(0, 40, pieces).memory == 2010
    assert FileBlock(0, 40, None).memory == 0


@given(st.permutations(range(12)), st.integers(0, 150), st.integers(1, 60), st.data())
def test_every_byte_is_taken_once_and_in_order_whatever_lands_when(
    order: list[int], room: int, most: int, data: st.DataObject
) -> None:
    budget = BlockBudget(room)
    recent, landed, hashed = RecentBlocks(budget), set[int](), 0
    for number in order:
        recent.keep(block(number * 10))
        landed.add(number)
        prefix = next(each for each in range(13) if each not in landed) * 10
        while hashed < prefix and data.draw(st.booleans()):
            taken = recent.take(hashed, prefix, most)
            assert taken[0].start == hashed
            assert all(left.stop == right.start for left, right in pairwise(taken))
            assert taken[-1].stop <= prefix
            hashed = taken[-1].stop
            recent.forget(taken)
    recent.forget(recent.take(hashed, 120, 120))
    assert budget.take(room)
    assert not budget.take(1)
