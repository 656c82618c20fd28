import os

import pytest

from hfsvc.datasets.plan import check_room, make_plan
from hfsvc.datasets.selecting import nothing_selected, select
from hfsvc.errors import NoSpace
from hfsvc.models import ByteRange, Globs
from hfsvc.store.inventory import Inventory
from hfsvc.transfer.ranges import RangeSet
from tests.builders import dataset, lfs


def kept(count: int) -> RangeSet:
    return RangeSet([ByteRange(start=0, stop=count)])


def test_a_selection_is_sorted_by_bytes_and_has_each_path_once() -> None:
    listing = [lfs(name) for name in ("b", "ä", "B", "a/b", "a", "b")]
    assert [file.path for file in select(dataset(), listing, [Globs(include=("**",))]).files] == [
        "B",
        "a",
        "a/b",
        "b",
        "ä",
    ]


def test_what_one_selection_leaves_out_another_may_mean() -> None:
    listing = [lfs(name) for name in ("a.txt", "b.txt", "c.md")]
    selections = [Globs(include=("*.txt",), exclude=("b*",)), Globs(include=("b.txt",))]
    chosen = select(dataset(), listing, selections).files
    assert [file.path for file in chosen] == ["a.txt", "b.txt"]


def test_the_plan_covers_every_selected_file_and_counts_every_byte_once() -> None:
    files = [lfs("a", b"a" * 10), lfs("b", b"b" * 20), lfs("c", b"b" * 20), lfs("d", b"d" * 40), lfs("e", b"")]
    here = Inventory(frozenset({"a"}), {}, {"b": kept(5), "c": kept(5)}, free_bytes=1000)
    plan = make_plan(dataset(), files, here, recorded=["a", "z", "y"])
    assert [file.path for file in plan.files] == ["a", "b", "c", "d", "e"]
    assert (plan.total_bytes, plan.present_bytes, plan.kept_bytes, plan.fetch_bytes) == (90, 10, 5, 55)
    assert plan.files[2].copy_of == "b"
    assert plan.removed == ("y", "z")
    assert plan.hub_requests == 2


def test_room_is_needed_for_what_is_fetched_and_for_what_is_copied() -> None:
    files = [lfs("a", b"a" * 10), lfs("b", b"a" * 10)]
    check_room(make_plan(dataset(), files, Inventory(frozenset(), {}, {}, 20)), "/")
    with pytest.raises(NoSpace) as caught:
        check_room(make_plan(dataset(), files, Inventory(frozenset(), {}, {}, 19)), "/")
    assert (caught.value.needed, caught.value.free) == (20, 19)


def test_unknown_room_is_not_no_room() -> None:
    plan = make_plan(dataset(), [lfs("a", b"a" * 10)], Inventory(frozenset(), {}, {}, None))
    check_room(plan, "/")
    assert plan.free_bytes is None


def test_no_match_shows_some_of_what_is_there() -> None:
    listing = [lfs(f"{number:02}.txt") for number in range(25)]
    error = nothing_selected(dataset(), listing, [Globs(include=("*.parquet",))])
    assert (len(error.available), error.total) == (10, 25)
    assert "15 more" in str(error)
    assert os.linesep not in str(error)
