"""Datasets from the Hugging Face Hub on disk, verified; their agent trajectories as ATIF structs.

The names here load what they need on first use: importing the package imports neither pyarrow nor httpx.
"""

import importlib
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
        Fidelity,
        ReadOptions,
        SummaryPage,
        TrajectoryRow,
        TrajectorySummary,
        VerifyReport,
    )
    from hfsvc.notebook import download, preload
    from hfsvc.protocols import DatasetService, TrajectorySource
    from hfsvc.settings import Secret, Settings, load_settings

__version__ = "0.1.0"

_HOMES = {
    "Container": "containers",
    "DatasetRequest": "models",
    "DatasetService": "protocols",
    "DownloadPlan": "models",
    "DownloadedDataset": "models",
    "Event": "models",
    "Fidelity": "models",
    "HfsvcError": "errors",
    "ReadOptions": "models",
    "Secret": "settings",
    "Settings": "settings",
    "SummaryPage": "models",
    "Trajectory": "atif",
    "TrajectoryRow": "models",
    "TrajectorySource": "protocols",
    "TrajectorySummary": "models",
    "VerifyReport": "models",
    "download": "notebook",
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


def __getattr__(name: str) -> Any:
    if home := _HOMES.get(name):
        return getattr(importlib.import_module(f"hfsvc.{home}"), name)
    raise AttributeError(f"module 'hfsvc' has no attribute {name!r}")
