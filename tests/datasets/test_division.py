"""Division of files into shards: complete, disjoint, balanced, and the same for everyone."""

import random

from hypothesis import given
from hypothesis import strategies as st

from hfsvc.datasets.division import FILE_COST, divide
from hfsvc.models import RemoteFile
from hfsvc.store.merging import division_of

SIZES = st.one_of(st.integers(0, 3), st.integers(0, 10**4), st.integers(0, 10**12), st.just(0))
FILES = st.dictionaries(st.text(min_size=1, max_size=6), SIZES, max_size=40).map(
    lambda sizes: [RemoteFile(path=path, size=size, checksum=None) for path, size in sizes.items()]
)
COUNTS = st.integers(1, 12)


@given(FILES, COUNTS)
def test_every_file_is_in_one_shard(files: list[RemoteFile], count: int) -> None:
    shards = divide(files, count)
    assert len(shards) == count
    assert sorted(file.path for shard in shards for file in shard) == sorted(file.path for file in files)


@given(FILES, COUNTS, st.randoms(use_true_random=False))
def test_the_order_of_the_listing_makes_no_difference(
    files: list[RemoteFile], count: int, chance: random.Random
) -> None:
    mixed = [*files]
    chance.shuffle(mixed)
    assert divide(mixed, count) == divide(files, count)
    sizes = [[(file.path, file.size) for file in each] for each in (mixed, files)]
    assert division_of(sizes[0], count) == division_of(sizes[1], count)


@given(FILES, COUNTS)
def test_no_two_shards_differ_by_more_than_one_file(files: list[RemoteFile], count: int) -> None:
    costs = [sum(file.size + FILE_COST for file in shard) for shard in divide(files, count)]
    assert max(costs) - min(costs) <= max((file.size + FILE_COST for file in files), default=0)


@given(FILES, COUNTS)
def test_files_of_a_shard_are_in_order(files: list[RemoteFile], count: int) -> None:
    for shard in divide(files, count):
        assert [file.path.encode() for file in shard] == sorted(file.path.encode() for file in shard)


def test_many_small_files_are_spread_as_files_and_large_ones_as_bytes() -> None:
    small = [RemoteFile(path=f"{number:04}.json", size=0, checksum=None) for number in range(1000)]
    assert [len(shard) for shard in divide(small, 4)] == [250] * 4
    large = [RemoteFile(path=f"{number}.parquet", size=number << 30, checksum=None) for number in range(1, 9)]
    assert [sum(file.size for file in shard) >> 30 for shard in divide(large, 4)] == [9] * 4


def test_a_division_is_of_its_files_and_of_its_count() -> None:
    known = division_of([("a", 1), ("b", 2)], 2)
    others = [([("a", 1), ("b", 2)], 3), ([("a", 1)], 2), ([("a", 1), ("b", 3)], 2), ([("a", 1), ("c", 2)], 2)]
    assert known not in {division_of(*other) for other in others}
