"""The column of a file that comes nearest to messages, where no layout fits: what a person would have to name. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa

from hfsvc.trajectories.files.arrow_values import is_list
from hfsvc.trajectories.layouts.objects import CONTENTS, ROLES, find_objects, may_hold_objects

_SPEAKERS = (*ROLES, "speaker", "author", "sender", "source", "type", "turn_type", "name", "who")
_SAID = (*CONTENTS, "message", "utterance", "body", "said", "text")


class NearestColumn(NamedTuple):
    """A column of objects, and which of their keys may be who speaks and what is said; None where none looks like it."""

    column: str
    keys: tuple[str, ...]
    role: str | None
    content: str | None

    def advice(self) -> str:
        """What to pass, as people write it at a shell."""
        named = (("messages", self.column), ("role", self.role or "KEY"), ("content", self.content or "KEY"))
        return " ".join(f"--column {name}={value}" for name, value in named)


def nearest_column(schema: pa.Schema, head: pa.RecordBatch | None) -> NearestColumn | None:
    """The column of a file that looks most like messages; None where none holds objects."""
    found = [*_columns_of_objects(schema, head)]
    return max(found, key=lambda each: (each.role is not None) + (each.content is not None), default=None)


def _columns_of_objects(schema: pa.Schema, head: pa.RecordBatch | None) -> Iterator[NearestColumn]:
    for field in schema:
        if is_list(field.type) and pa.types.is_struct(field.type.value_type):
            yield _nearest(field.name, (each.name for each in field.type.value_type))
        elif head is not None and schema.names.count(field.name) == 1 and may_hold_objects(field.type):
            for row in find_objects(head.column(field.name)):
                if not isinstance(row, str):
                    yield _nearest(field.name, dict.fromkeys(key for each in row.objects for key in each))
                    break


def _nearest(column: str, keys: Iterable[str]) -> NearestColumn:
    keys = tuple(keys)
    role = next((name for name in _SPEAKERS if name in keys), None)
    content = next((name for name in _SAID if name in keys and name != role), None)
    return NearestColumn(column, keys, role, content)
