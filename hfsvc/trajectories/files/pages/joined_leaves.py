"""One array out of several that hold different leaves of the same rows, as pyarrow makes one of all of them. Pure.

Pages of different leaves end at different rows, so pyarrow is given the leaves of a nested column apart: of a list of
structs once the lists of roles, once the lists of contents. They have the same rows and the same lists, so what is missing
in the one is taken from the other.
"""

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa

from hfsvc.trajectories.files.pages.base import MalformedPages


class LeafArray(NamedTuple):
    """Rows of a column of which only some leaves were read.

    Attributes:
        values: The rows, with an offset of 0 at every level, as `pyarrow.concat_arrays` makes them.
        leaves: Which, by their number in the column.
    """

    values: pa.Array
    leaves: frozenset[int]


def join_leaves(whole: pa.DataType, parts: Sequence[LeafArray]) -> pa.Array:
    """The rows with the leaves of all parts.

    Args:
        whole: The column's type when all leaves are read.
        parts: Of the same rows, no leaf twice.

    Raises:
        MalformedPages: They are not of the same lists.
    """
    return _joined(whole, 0, parts)


def _joined(whole: pa.DataType, first: int, parts: Sequence[LeafArray]) -> pa.Array:
    if len(parts) == 1:
        return parts[0].values
    values = parts[0].values
    if any(len(part.values) != len(values) for part in parts):
        raise MalformedPages("the leaves of a column are not of the same rows")
    if isinstance(whole, pa.BaseExtensionType):
        stored = [LeafArray(_storage(part.values), part.leaves) for part in parts]
        return pa.ExtensionArray.from_storage(whole, _joined(whole.storage_type, first, stored))
    if pa.types.is_struct(whole):
        return _joined_struct(whole, first, parts)
    if pa.types.is_map(whole):
        return _joined_map(whole, first, parts)
    elements = _joined(whole.value_type, first, _elements_of(parts))
    return _relisted(values, _list_type(whole, elements.type), elements)


def _joined_struct(whole: pa.DataType, first: int, parts: Sequence[LeafArray]) -> pa.Array:
    # What was read of a part has only the fields in which it has leaves.
    found: list[tuple[pa.Field, pa.Array]] = []
    taken = [0] * len(parts)
    for field in map(whole.field, range(whole.num_fields)):
        stop = first + leaf_count(field.type)
        inner: list[tuple[pa.Field, LeafArray]] = []
        for number, part in enumerate(parts):
            if not part.leaves.isdisjoint(range(first, stop)):
                array = part.values
                inner.append((array.type.field(taken[number]), LeafArray(array.field(taken[number]), part.leaves)))
                taken[number] += 1
        if inner:
            made = _joined(field.type, first, [part for _, part in inner])
            found.append((inner[0][0].with_type(made.type), made))
        first = stop
    values = parts[0].values
    kind = pa.struct([field for field, _ in found])
    children = [array for _, array in found]
    return pa.Array.from_buffers(kind, len(values), values.buffers()[:1], values.null_count, children=children)


def _joined_map(whole: pa.DataType, first: int, parts: Sequence[LeafArray]) -> pa.Array:
    """A map, or what pyarrow makes of one whose keys or values are missing: a list of structs."""
    entries = pa.struct([whole.key_field, whole.item_field])
    made = _joined(entries, first, _elements_of(parts))
    values = next((part.values for part in parts if not pa.types.is_map(part.values.type)), parts[0].values)
    if made.type.num_fields < len(entries):
        return _relisted(values, pa.list_(values.type.value_field.with_type(made.type)), made)
    kind = pa.map_(made.type.field(0), made.type.field(1), keys_sorted=whole.keys_sorted)
    return _relisted(values, whole if kind.equals(whole) else kind, made)


def _list_type(whole: pa.DataType, elements: pa.DataType) -> pa.DataType:
    """The type of lists of these elements. Where leaves are missing in it, pyarrow forgets what the element was called."""
    if elements.equals(whole.value_type):
        return whole
    if pa.types.is_fixed_size_list(whole):
        return pa.list_(elements, whole.list_size)
    return pa.large_list(elements) if pa.types.is_large_list(whole) else pa.list_(elements)


def leaf_count(kind: pa.DataType) -> int:
    """How many leaves a column of this type has."""
    if isinstance(kind, pa.BaseExtensionType):
        return leaf_count(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return 1
    inner = [kind.field(index).type for index in range(kind.num_fields)]
    return sum(map(leaf_count, inner)) if inner else 1


def _storage(values: pa.Array) -> pa.Array:
    return values.storage if isinstance(values, pa.ExtensionArray) else values


def _elements_of(parts: Sequence[LeafArray]) -> list[LeafArray]:
    return [LeafArray(_elements(part.values), part.leaves) for part in parts]


def _elements(values: pa.Array) -> pa.Array:
    """What lists hold, or maps: structs of keys and values."""
    if not pa.types.is_map(values.type):
        return values.values
    entries = pa.struct([values.type.key_field, values.type.item_field])
    children = [values.keys, values.items]
    return pa.Array.from_buffers(entries, len(values.keys), [None], 0, children=children)


def _relisted(values: pa.Array, kind: pa.DataType, elements: pa.Array) -> pa.Array:
    """The same lists, of another type and of other elements."""
    if len(_elements(values)) != len(elements):
        raise MalformedPages("the leaves of a column are not of the same lists")
    buffers = values.buffers()[: 1 if pa.types.is_fixed_size_list(kind) else 2]
    return pa.Array.from_buffers(kind, len(values), buffers, values.null_count, children=[elements])
