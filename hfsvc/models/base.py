"""The base of every struct that crosses a border, and what several of them hold."""

from typing import Annotated

import msgspec

Workers = Annotated[int, msgspec.Meta(ge=0)]
"""How many processes share the work; 0 for one a core."""


class Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all structs that cross borders: frozen, camelCase in JSON."""
