"""Sizes as people write them."""

import pytest

from hfsvc.units import format_bytes, parse_bytes


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("2GB", 2_000_000_000),
        ("1.5 mb", 1_500_000),
        ("500MiB", 500 << 20),
        ("3k", 3000),
        ("7", 7),
        ("7 bytes", 7),
        ("2T", 2 * 10**12),
        ("12B", 12),
        ("-1", None),
        ("", None),
        ("GB", None),
        ("2XB", None),
        ("1iB", None),
        ("1,5GB", None),
        ("0x10", None),
    ],
)
def test_a_size_is_read_as_it_is_written(text: str, count: int | None) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize("count", [0, 999, 1000, 109_700_000, 3 * 10**12])
def test_what_is_shown_is_read_again(count: int) -> None:
    assert parse_bytes(format_bytes(count)) == count
