"""Cutting of content into chunks where the content says, as Xet does it: a rolling gear hash, least and longest lengths.

Source: the public specification of Xet. The reference client cuts at the same places.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from hfsvc.testing.localhub.gear import GEAR

LEAST_BYTES = 8 << 10
MOST_BYTES = 128 << 10
MASK_BITS = 16
# A byte's influence is gone after so many more.
REACH = 64
PIECE_BYTES = 4 << 20


def cut_into_chunks(data: bytes) -> list[int]:
    """The lengths of the chunks of a content, in order."""
    cuts = [*_possible_cuts(data)]
    lengths: list[int] = []
    start = 0
    while start < len(data):
        stop = min(_first_cut(cuts, start + LEAST_BYTES), start + MOST_BYTES, len(data))
        lengths.append(stop - start)
        start = stop
    return lengths


def _first_cut(cuts: Sequence[int], least: int) -> int:
    at = bisect_left(cuts, least)
    return cuts[at] if at < len(cuts) else least + MOST_BYTES


def _possible_cuts(data: bytes) -> Iterator[int]:
    """Every place at which the hash of the last bytes allows a cut."""
    for start in range(0, len(data), PIECE_BYTES):
        before = max(0, start - REACH + 1)
        for at in _cuts_in(data[before : start + PIECE_BYTES]):
            if before + at > start:
                yield before + at


def _cuts_in(piece: bytes) -> list[int]:
    import pyarrow as pa
    import pyarrow.compute

    # Its functions are made when it is imported, out of sight of type checkers.
    pc: Any = pyarrow.compute
    bytes_of_it = pa.Array.from_buffers(pa.uint8(), len(piece), [None, pa.py_buffer(piece)])
    hashes = pc.take(_gear(), bytes_of_it)
    # After each pass an element holds twice as many bytes: its own, and those that came before.
    for reach in (1, 2, 4, 8, 16, 32):
        if len(piece) > reach:
            earlier = pc.shift_left(hashes.slice(0, len(piece) - reach), pa.scalar(reach, pa.uint64()))
            hashes = pa.concat_arrays([hashes.slice(0, reach), pc.add(hashes.slice(reach), earlier)])
    small = pc.less(hashes, pa.scalar(1 << (64 - MASK_BITS), pa.uint64()))
    return [at + 1 for at in pc.indices_nonzero(small).to_pylist()]


@lru_cache(maxsize=1)
def _gear() -> Any:
    import pyarrow as pa

    return pa.array(GEAR, pa.uint64())
