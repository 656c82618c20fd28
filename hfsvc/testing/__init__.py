"""Tools for tests of services built on hfsvc: a loopback Hub with faults, and fakes of both protocols.

Importing this costs nothing until it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hfsvc.testing.fakes import FakeDatasetService, FakeTrajectorySource
    from hfsvc.testing.localhub import LocalHub

__all__ = ["FakeDatasetService", "FakeTrajectorySource", "LocalHub"]

_HOMES = {"FakeDatasetService": "fakes", "FakeTrajectorySource": "fakes", "LocalHub": "localhub"}


def __getattr__(name: str) -> Any:
    if home := _HOMES.get(name):
        return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
