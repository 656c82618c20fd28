"""Datasets from the Hugging Face Hub on disk, verified; their agent trajectories as ATIF structs.

Public names come from here, and from `hfsvc.atif`, `hfsvc.errors` and `hfsvc.testing`. They load what they need on first
use: importing the package imports neither pyarrow nor httpx.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hfsvc.atif import Trajectory
    from hfsvc.containers import Container, open_container
    from hfsvc.datasets.locking import decode_lock, download_locked, encode_lock, lock_of
    from hfsvc.errors import HfsvcError
    from hfsvc.export import (
        Exported,
        ExportRequest,
        RowsExported,
        Writer,
        export_shards,
        export_splits,
        export_to,
        export_trajectories,
        read_parquet,
        shares_of,
    )
    from hfsvc.metrics import Counters, MetricsRecorder
    from hfsvc.models import (
        Bucket,
        BytesHashed,
        BytesReceived,
        CopiedRange,
        DamagedFile,
        DatasetConfig,
        DatasetRequest,
        DatasetShard,
        DatasetStatistics,
        DatasetUpdate,
        DatasetUsage,
        Delta,
        Distribution,
        DownloadedDataset,
        DownloadPlan,
        Event,
        Fidelity,
        FileLayout,
        FileStarted,
        FileVerified,
        Finished,
        FitRecord,
        Globs,
        KeptText,
        LockedDataset,
        LockedFile,
        LockFile,
        OnEvent,
        Planned,
        PlannedFile,
        RangeArguments,
        ReadOptions,
        RecoveryStatistics,
        RemoteTraffic,
        Retried,
        RoleStatistics,
        RowChoice,
        RuledOutLayout,
        SharedResult,
        SplitShare,
        StreamRecord,
        SummaryPage,
        TrajectoryRow,
        TrajectorySummary,
        ValueCount,
        ValueCounts,
        VerifyReport,
    )
    from hfsvc.notebook import download, preload
    from hfsvc.pages import make_report
    from hfsvc.protocols import BatchSource, DatasetService, ReadTask, RowStream, TrajectorySource
    from hfsvc.secret import Secret
    from hfsvc.server import ServerAccess, ServerApp, ServerLimits, create_app, make_access
    from hfsvc.settings import Settings, load_settings
    from hfsvc.train.arrow_reader import open_reader
    from hfsvc.train.row_iterator import RowIterator, iter_rows
    from hfsvc.trajectories.cursor import join_cursors
    from hfsvc.trajectories.known_datasets import KnownDataset
    from hfsvc.trajectories.mixed_source import MixedSource
    from hfsvc.trajectories.mixed_stream import MixPart
    from hfsvc.trajectories.styles.to_rows import to_rows

__version__ = "0.1.0"

_NAMES = {
    "models": (
        "Bucket BytesHashed BytesReceived CopiedRange DamagedFile DatasetConfig DatasetRequest DatasetShard DatasetStatistics DatasetUpdate DatasetUsage Delta Distribution "
        "DownloadPlan DownloadedDataset Event Fidelity FileLayout FileStarted FileVerified Finished FitRecord Globs KeptText LockFile LockedDataset LockedFile SharedResult OnEvent "
        "Planned PlannedFile RangeArguments ReadOptions RecoveryStatistics RemoteTraffic Retried RoleStatistics RowChoice RuledOutLayout SplitShare StreamRecord SummaryPage TrajectoryRow TrajectorySummary "
        "ValueCount ValueCounts VerifyReport"
    ),
    "containers": "Container open_container",
    "datasets.locking": "decode_lock download_locked encode_lock lock_of",
    "metrics": "Counters MetricsRecorder",
    "protocols": "BatchSource DatasetService ReadTask RowStream TrajectorySource",
    "export": "ExportRequest Exported RowsExported Writer export_shards export_splits export_to export_trajectories read_parquet shares_of",
    "errors": "HfsvcError",
    "train.arrow_reader": "open_reader",
    "train.row_iterator": "RowIterator iter_rows",
    "trajectories.cursor": "join_cursors",
    "trajectories.known_datasets": "KnownDataset",
    "trajectories.mixed_source": "MixedSource",
    "trajectories.mixed_stream": "MixPart",
    "secret": "Secret",
    "settings": "Settings load_settings",
    "server": "ServerAccess ServerApp ServerLimits create_app make_access",
    "atif": "Trajectory",
    "notebook": "download preload",
    "pages": "make_report",
    "trajectories.styles.to_rows": "to_rows",
}
_HOMES = {name: f"hfsvc.{home}" for home, names in _NAMES.items() for name in names.split()}

__all__ = [
    "BatchSource",
    "Bucket",
    "BytesHashed",
    "BytesReceived",
    "Container",
    "CopiedRange",
    "Counters",
    "DamagedFile",
    "DatasetConfig",
    "DatasetRequest",
    "DatasetService",
    "DatasetShard",
    "DatasetStatistics",
    "DatasetUpdate",
    "DatasetUsage",
    "Delta",
    "Distribution",
    "DownloadPlan",
    "DownloadedDataset",
    "Event",
    "ExportRequest",
    "Exported",
    "Fidelity",
    "FileLayout",
    "FileStarted",
    "FileVerified",
    "Finished",
    "FitRecord",
    "Globs",
    "HfsvcError",
    "KeptText",
    "KnownDataset",
    "LockFile",
    "LockedDataset",
    "LockedFile",
    "MetricsRecorder",
    "MixPart",
    "MixedSource",
    "OnEvent",
    "Planned",
    "PlannedFile",
    "RangeArguments",
    "ReadOptions",
    "ReadTask",
    "RecoveryStatistics",
    "RemoteTraffic",
    "Retried",
    "RoleStatistics",
    "RowChoice",
    "RowIterator",
    "RowStream",
    "RowsExported",
    "RuledOutLayout",
    "Secret",
    "ServerAccess",
    "ServerApp",
    "ServerLimits",
    "Settings",
    "SharedResult",
    "SplitShare",
    "StreamRecord",
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
    "decode_lock",
    "download",
    "download_locked",
    "encode_lock",
    "export_shards",
    "export_splits",
    "export_to",
    "export_trajectories",
    "iter_rows",
    "join_cursors",
    "load_settings",
    "lock_of",
    "make_access",
    "make_report",
    "open_container",
    "open_reader",
    "preload",
    "read_parquet",
    "shares_of",
    "to_rows",
]


def __getattr__(name: str) -> Any:
    if home := _HOMES.get(name):
        return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module 'hfsvc' has no attribute {name!r}")
