"""The base of every struct that crosses a border."""

import msgspec


class Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all structs that cross borders: frozen, camelCase in JSON."""
