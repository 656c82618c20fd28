import random

import pytest

from hfsvc.models import ByteRange
from hfsvc.store.objects.memory_window import MemoryWindow
from hfsvc.store.objects.upload_part import MOST_PARTS, PART_BYTES, part_bytes

CHUNK = 8
MOST = 64


class Gathered:
    """A file whose ranges come in any order."""

    def __init__(self, size: int, *, is_small: bool) -> None:
        self.size = size
        self.is_small = is_small
        self.claimed = 0
        self.waiting = [ByteRange(start=at, stop=min(at + CHUNK, size)) for at in range(0, size, CHUNK)]
        self.running: list[ByteRange] = []
        self.there: set[int] = set()

    @property
    def front(self) -> int:
        if self.is_small:
            return 0
        at = 0
        while at in self.there:
            at += CHUNK
        return min(at, self.size)

    @property
    def in_memory(self) -> int:
        return sum(CHUNK for at in self.there if at >= self.front) + CHUNK * len(self.running)

    @property
    def is_over(self) -> bool:
        return not self.waiting and not self.running


@pytest.mark.parametrize("seed", range(50))
def test_memory_is_bounded_and_every_file_comes_to_its_end(seed: int) -> None:
    chance = random.Random(seed)
    files = [Gathered(chance.randint(1, 200), is_small=chance.random() < 0.3) for _ in range(12)]
    for each in files:
        each.size = min(each.size, 32) if each.is_small else each.size
        each.waiting = [each for each in each.waiting if each.start < 32] if each.is_small else each.waiting
    window = MemoryWindow(MOST, files=4)
    for each in files:
        window.enter(each)
    largest_small = 32
    while left := [each for each in files if not each.is_over]:
        admitted = [each for each in left if each.waiting and window.admits(each, each.waiting[0])]
        running = [each for each in left if each.running]
        assert admitted or running, "nothing can go on"
        assert sum(each.in_memory for each in left) <= MOST + largest_small
        if admitted and (not running or chance.random() < 0.6):
            file = chance.choice(admitted)
            file.running.append(file.waiting.pop(0))
            continue
        file = chance.choice(running)
        got = file.running.pop(chance.randrange(len(file.running)))
        if chance.random() < 0.2:
            # It failed, and comes back to the front of the queue.
            file.waiting.insert(0, got)
            file.waiting.sort(key=lambda each: each.start)
        else:
            file.there.add(got.start)
        if file.is_over:
            window.leave(file)


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, 80 * 10**9, 5 * 10**12])
def test_no_file_goes_up_in_more_parts_than_stores_take(size: int) -> None:
    assert size <= part_bytes(size) * MOST_PARTS
    assert part_bytes(size) % (1 << 20) == 0
