"""Datasets from the Hugging Face Hub on disk, verified; their agent trajectories as ATIF structs.

The names here load what they need on first use: importing the package imports neither pyarrow nor httpx.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hfsvc.atif import Trajectory
    from hfsvc.containers import Container, open_container
    from hfsvc.errors import HfsvcError
    from hfsvc.models import (
        DatasetRequest,
        DownloadedDataset,
        DownloadPlan,
        Event,
        VerifyReport,
    )
    from hfsvc.notebook import download, preload
    from hfsvc.protocols import DatasetService, TrajectorySource
    from hfsvc.rows import Fidelity, ReadOptions, SummaryPage, TrajectoryRow, TrajectorySummary
    from hfsvc.settings import Secret, Settings, load_settings

__version__ = "0.1.0"

_HOMES = {
    "Container": "containers",
    "DatasetRequest": "models",
    "DatasetService": "protocols",
    "DownloadPlan": "models",
    "DownloadedDataset": "models",
    "Event": "models",
    "Fidelity": "rows",
    "HfsvcError": "errors",
    "ReadOptions": "rows",
    "Secret": "settings",
    "Settings": "settings",
    "SummaryPage": "rows",
    "Trajectory": "atif",
    "TrajectoryRow": "rows",
    "TrajectorySource": "protocols",
    "TrajectorySummary": "rows",
    "VerifyReport": "models",
    "load_settings": "settings",
    "open_container": "containers",
    "preload": "notebook",
}

__all__ = [
    "Container",
    "DatasetRequest",
    "DatasetService",
    "DownloadPlan",
    "DownloadedDataset",
    "Event",
    "Fidelity",
    "HfsvcError",
    "ReadOptions",
    "Secret",
    "Settings",
    "SummaryPage",
    "Trajectory",
    "TrajectoryRow",
    "TrajectorySource",
    "TrajectorySummary",
    "VerifyReport",
    "download",
    "load_settings",
    "open_container",
    "preload",
]


class _CallableRoom(ModuleType):
    """`hfsvc.download` is a package of this project and the call that people look for under this name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        notebook = importlib.import_module("hfsvc.notebook")
        return notebook.download(*args, **kwargs)


importlib.import_module("hfsvc.download").__class__ = _CallableRoom


def __getattr__(name: str) -> Any:
    if home := _HOMES.get(name):
        return getattr(importlib.import_module(f"hfsvc.{home}"), name)
    raise AttributeError(f"module 'hfsvc' has no attribute {name!r}")
