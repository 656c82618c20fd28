"""Tools for tests of services built on hfsvc: a loopback Hub with faults, fakes and contract tests of both protocols.

Importing this costs nothing until it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hfsvc.testing.contracts import DatasetServiceContract, DatasetWorld, TrajectorySourceContract, TrajectoryWorld
    from hfsvc.testing.fake_datasets import FakeDatasetService
    from hfsvc.testing.fake_trajectories import FakeTrajectorySource
    from hfsvc.testing.localhub import (
        CaptivePortal,
        Chunked,
        Corrupt,
        Cut,
        Direct,
        Exchange,
        Fault,
        FaultRule,
        ForeignLinks,
        Garbage,
        Gzip,
        HangUp,
        IgnoreRange,
        LocalHub,
        MaskedHashes,
        Missing,
        OtherChunks,
        OtherLengths,
        OtherRange,
        OtherTotal,
        Pointer,
        RecordedRequest,
        Redirect,
        Request,
        Response,
        ShortRange,
        SlowConnection,
        Stall,
        Status,
        TooManyConnections,
        TooManyRequests,
        WithHeader,
        WithoutHeader,
        WrongHash,
        mirror_of,
    )
    from hfsvc.testing.samples import (
        openthoughts_rows,
        rows_table,
        sample_messages,
        sample_row,
        sample_rows,
        sample_trajectory,
        write_openthoughts_sample,
        write_sample_hub,
    )

_NAMES = {
    "contracts": "DatasetServiceContract DatasetWorld TrajectorySourceContract TrajectoryWorld",
    "fake_datasets": "FakeDatasetService",
    "fake_trajectories": "FakeTrajectorySource",
    "localhub": (
        "CaptivePortal Chunked Corrupt Cut Direct Exchange Fault FaultRule ForeignLinks Garbage Gzip HangUp "
        "IgnoreRange LocalHub MaskedHashes Missing OtherChunks OtherLengths OtherRange OtherTotal Pointer RecordedRequest Redirect "
        "Request Response ShortRange SlowConnection Stall Status TooManyConnections TooManyRequests WithHeader WithoutHeader "
        "WrongHash mirror_of"
    ),
    "samples": (
        "openthoughts_rows rows_table sample_messages sample_row sample_rows sample_trajectory "
        "write_openthoughts_sample write_sample_hub"
    ),
}
_HOMES = {name: f"hfsvc.testing.{home}" for home, names in _NAMES.items() for name in names.split()}

__all__ = [
    "CaptivePortal",
    "Chunked",
    "Corrupt",
    "Cut",
    "DatasetServiceContract",
    "DatasetWorld",
    "Direct",
    "Exchange",
    "FakeDatasetService",
    "FakeTrajectorySource",
    "Fault",
    "FaultRule",
    "ForeignLinks",
    "Garbage",
    "Gzip",
    "HangUp",
    "IgnoreRange",
    "LocalHub",
    "MaskedHashes",
    "Missing",
    "OtherChunks",
    "OtherLengths",
    "OtherRange",
    "OtherTotal",
    "Pointer",
    "RecordedRequest",
    "Redirect",
    "Request",
    "Response",
    "ShortRange",
    "SlowConnection",
    "Stall",
    "Status",
    "TooManyConnections",
    "TooManyRequests",
    "TrajectorySourceContract",
    "TrajectoryWorld",
    "WithHeader",
    "WithoutHeader",
    "WrongHash",
    "mirror_of",
    "openthoughts_rows",
    "rows_table",
    "sample_messages",
    "sample_row",
    "sample_rows",
    "sample_trajectory",
    "write_openthoughts_sample",
    "write_sample_hub",
]


def __getattr__(name: str) -> Any:
    if home := _HOMES.get(name):
        return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
