"""Datasets from the Hugging Face Hub on disk, verified; their agent trajectories as ATIF structs.

Public names come from here, and from `hfsvc.atif`, `hfsvc.errors` and `hfsvc.testing`. They load what they need on first
use: importing the package imports neither pyarrow nor httpx.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hfsvc.atif import Trajectory
    from hfsvc.containers import Container, open_container
    from hfsvc.errors import HfsvcError
    from hfsvc.export import (
        Exported,
        ExportRequest,
        RowsExported,
        Writer,
        export_shards,
        export_to,
        export_trajectories,
        read_parquet,
    )
    from hfsvc.metrics import Counters, MetricsRecorder
    from hfsvc.models import (
        Bucket,
        BytesReceived,
        DamagedFile,
        DatasetConfig,
        DatasetRequest,
        DatasetStatistics,
        Distribution,
        DownloadedDataset,
        DownloadPlan,
        Event,
        Fidelity,
        FileStarted,
        FileVerified,
        Finished,
        KeptText,
        OnEvent,
        Planned,
        PlannedFile,
        ReadOptions,
        Retried,
        RoleStatistics,
        SummaryPage,
        TrajectoryRow,
        TrajectorySummary,
        ValueCount,
        ValueCounts,
        VerifyReport,
    )
    from hfsvc.notebook import download, preload
    from hfsvc.pages import make_report
    from hfsvc.protocols import DatasetService, TrajectorySource
    from hfsvc.server import ServerApp, create_app
    from hfsvc.settings import Secret, Settings, load_settings
    from hfsvc.trajectories.known_datasets import KnownDataset
    from hfsvc.trajectories.styles.to_rows import to_rows

__version__ = "0.1.0"

_HOMES = {
    "Bucket": "hfsvc.models",
    "BytesReceived": "hfsvc.models",
    "Container": "hfsvc.containers",
    "Counters": "hfsvc.metrics",
    "DamagedFile": "hfsvc.models",
    "DatasetConfig": "hfsvc.models",
    "DatasetRequest": "hfsvc.models",
    "DatasetService": "hfsvc.protocols",
    "DatasetStatistics": "hfsvc.models",
    "Distribution": "hfsvc.models",
    "DownloadPlan": "hfsvc.models",
    "DownloadedDataset": "hfsvc.models",
    "Event": "hfsvc.models",
    "ExportRequest": "hfsvc.export",
    "Exported": "hfsvc.export",
    "Fidelity": "hfsvc.models",
    "FileStarted": "hfsvc.models",
    "FileVerified": "hfsvc.models",
    "Finished": "hfsvc.models",
    "HfsvcError": "hfsvc.errors",
    "KeptText": "hfsvc.models",
    "KnownDataset": "hfsvc.trajectories.known_datasets",
    "MetricsRecorder": "hfsvc.metrics",
    "OnEvent": "hfsvc.models",
    "Planned": "hfsvc.models",
    "PlannedFile": "hfsvc.models",
    "ReadOptions": "hfsvc.models",
    "Retried": "hfsvc.models",
    "RoleStatistics": "hfsvc.models",
    "RowsExported": "hfsvc.export",
    "Secret": "hfsvc.settings",
    "ServerApp": "hfsvc.server",
    "Settings": "hfsvc.settings",
    "SummaryPage": "hfsvc.models",
    "Trajectory": "hfsvc.atif",
    "TrajectoryRow": "hfsvc.models",
    "TrajectorySource": "hfsvc.protocols",
    "TrajectorySummary": "hfsvc.models",
    "ValueCount": "hfsvc.models",
    "ValueCounts": "hfsvc.models",
    "VerifyReport": "hfsvc.models",
    "Writer": "hfsvc.export",
    "create_app": "hfsvc.server",
    "download": "hfsvc.notebook",
    "export_shards": "hfsvc.export",
    "export_to": "hfsvc.export",
    "export_trajectories": "hfsvc.export",
    "load_settings": "hfsvc.settings",
    "make_report": "hfsvc.pages",
    "open_container": "hfsvc.containers",
    "preload": "hfsvc.notebook",
    "read_parquet": "hfsvc.export",
    "to_rows": "hfsvc.trajectories.styles.to_rows",
}

__all__ = [
    "Bucket",
    "BytesReceived",
    "Container",
    "Counters",
    "DamagedFile",
    "DatasetConfig",
    "DatasetRequest",
    "DatasetService",
    "DatasetStatistics",
    "Distribution",
    "DownloadPlan",
    "DownloadedDataset",
    "Event",
    "ExportRequest",
    "Exported",
    "Fidelity",
    "FileStarted",
    "FileVerified",
    "Finished",
    "HfsvcError",
    "KeptText",
    "KnownDataset",
    "MetricsRecorder",
    "OnEvent",
    "Planned",
    "PlannedFile",
    "ReadOptions",
    "Retried",
    "RoleStatistics",
    "RowsExported",
    "Secret",
    "ServerApp",
    "Settings",
    "SummaryPage",
    "Trajectory",
    "TrajectoryRow",
    "TrajectorySource",
    "TrajectorySummary",
    "ValueCount",
    "ValueCounts",
    "VerifyReport",
    "Writer",
    "create_app",
    "download",
    "export_shards",
    "export_to",
    "export_trajectories",
    "load_settings",
    "make_report",
    "open_container",
    "preload",
    "read_parquet",
    "to_rows",
]


def __getattr__(name: str) -> Any:
    if home := _HOMES.get(name):
        return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module 'hfsvc' has no attribute {name!r}")
