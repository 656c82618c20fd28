"""For tests of services built on hfsvc: a loopback Hub with faults. Importing this costs nothing until it is used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hfsvc.testing.localhub import LocalHub

__all__ = ["LocalHub"]


def __getattr__(name: str) -> Any:
    if name == "LocalHub":
        from hfsvc.testing.localhub import LocalHub

        return LocalHub
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
