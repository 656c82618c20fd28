"""Which files on disk a file may share content with, by their paths."""

import pytest

from hfsvc.datasets.donors import MOST_DONORS, Donors


def shards(count: int, folder: str = "data/") -> list[str]:
    return [f"{folder}train-{number:05d}-of-{count:05d}.parquet" for number in range(count)]


def test_a_file_is_a_version_of_its_own_path_first() -> None:
    assert Donors(["a.parquet", "b.parquet"], []).find("a.parquet") == ["a.parquet"]
    assert Donors(["b.parquet"], []).find("a.parquet") == []


def test_what_did_not_change_is_no_version_of_anything() -> None:
    assert Donors([], []).find("a.parquet") == []


@pytest.mark.parametrize(("path", "likeliest"), [(0, {0}), (4, {3, 4}), (10, {9}), (5, {4, 5})])
def test_shards_that_got_one_more_are_made_of_those_about_the_same_place(path: int, likeliest: set[int]) -> None:
    found = Donors([], shards(10)).find(shards(11)[path])
    assert len(found) == MOST_DONORS
    assert {shards(10)[each] for each in likeliest} <= set(found[:2])


def test_twice_as_many_shards_are_halves_of_those_before() -> None:
    found = [Donors([], shards(10)).find(each)[0] for each in shards(20)]
    assert found == [shards(10)[number // 2] for number in range(20)]


def test_rows_move_between_shards_that_keep_their_names() -> None:
    parts = [f"part-{number}.parquet" for number in range(20)]
    assert Donors(parts, []).find("part-7.parquet") == ["part-7.parquet", "part-6.parquet", "part-8.parquet"]
    # A day is nearer to the day before than to the same one of another month.
    days = [f"2026-{month:02d}/{day:02d}.parquet" for month in (1, 2) for day in range(1, 29)]
    assert Donors(days, []).find("2026-02/15.parquet")[1:] == ["2026-02/14.parquet", "2026-02/16.parquet"]


def test_a_file_that_moved_is_found_by_its_name() -> None:
    assert Donors([], ["train.parquet", "test.parquet"]).find("data/train.parquet") == ["train.parquet"]
    assert Donors([], shards(3, "old/")).find(shards(3, "new/")[1])[0] == shards(3, "old/")[1]
    # What stays where it was is another file.
    assert Donors(["train.parquet"], []).find("data/train.parquet") == []


def test_a_file_of_another_name_is_looked_for_among_few() -> None:
    assert Donors([], ["train.parquet", "notes.md"]).find("all.parquet") == ["train.parquet"]
    assert Donors([], [f"{name}.parquet" for name in "abcd"]).find("all.parquet") == []


def test_numbers_of_any_size_are_compared() -> None:
    vast = f"{'9' * 200}-of-{'1' * 100}.parquet"
    assert Donors([], [vast, "0-of-0.parquet"]).find("1-of-2.parquet") == ["0-of-0.parquet", vast]


def test_many_files_are_gone_through_quickly_enough() -> None:
    donors = Donors([], shards(5_000))
    assert all(donors.find(each) for each in shards(5_001))
