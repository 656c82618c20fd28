"""Rows that a later episode of the same attempt continues: those that ``--episodes last`` leaves out. Pure.

Source: Harbor's exporter. With all episodes it writes a row for every turn of the agent, and each holds the ones before
it; ``episode`` counts them, in an attempt that ``trial_name``, ``run_id`` and ``trace_source`` name together.
"""

import re
from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_128_digest

_NUMBER = re.compile(r"(?:episode-)?(\d{1,9})")
_WIDTH = 16


class EpisodeRow(NamedTuple):
    """A row's attempt, and its episode in it. `row` counts from 0 over the dataset."""

    row: int
    trial_name: str | None
    run_id: str | None
    trace_source: str | None
    episode: str | None


def superseded(rows: Iterable[EpisodeRow]) -> "array[int]":
    """The numbers of all rows that a later episode of the same attempt goes on from, rising.

    A row that names no trial, or no episode by number, is never among them, nor is one of two equal last ones.
    """
    keys, episodes, numbers = bytearray(), array("q"), array("q")
    for each in rows:
        number = _NUMBER.fullmatch(each.episode or "")
        if number and each.trial_name:
            # Digests: the names of two million rows would take ten times the memory.
            keys += xxh3_128_digest(repr(each[1:4]).encode())
            episodes.append(int(number[1]))
            numbers.append(each.row)
    return array("q", sorted(numbers[index] for index in _not_last(keys, episodes)))


def _not_last(keys: bytearray, episodes: "array[int]") -> Iterator[int]:
    attempt, last = None, 0
    for index in _by_attempt(keys, episodes):
        if (key := keys[index * _WIDTH : (index + 1) * _WIDTH]) != attempt:
            attempt, last = key, episodes[index]
        elif episodes[index] < last:
            yield index


def _by_attempt(keys: bytearray, episodes: "array[int]") -> memoryview:
    """Indices in the order of attempts, the last episode first. Arrow sorts them without an object for each."""
    count = len(episodes)
    columns = [
        pa.FixedSizeBinaryArray.from_buffers(pa.binary(_WIDTH), count, [None, pa.py_buffer(keys)]),
        pa.Int64Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(episodes)]),
    ]
    by = pc.SortOptions([("key", "ascending"), ("episode", "descending")])
    order = pc.call_function("sort_indices", [pa.table(columns, ["key", "episode"])], by)
    return memoryview(order.buffers()[1] or b"").cast("Q")[:count]
