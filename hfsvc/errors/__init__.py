"""Every error hfsvc raises, as one shallow tree grouped by what the caller can do.

::

    HfsvcError
    ├── FixRequest              exit 2   InvalidRepoId, InvalidSettings, InvalidPattern, InvalidExport,
    │                                    MissingExtra
    ├── NotFound                exit 3   DatasetNotFound, RevisionNotFound, FileNotFound, UnknownSource,
    │                                    NotDownloaded, SplitNotFound, TrajectoryNotFound, PathNotFound
    ├── NoAccess                exit 4   AuthenticationRequired, GatedDataset, AccessDenied
    ├── TryLater                exit 5   RateLimited, HubUnavailable (RangeRefused), NotAHub,
    │                                    TransferStalled, Offline
    ├── Damaged                 exit 6   ChecksumMismatch, BadListing, InvalidTrajectory, BadRow, BadParquet,
    │                                    BadDocuments, CursorMismatch, DatasetChanged
    ├── LocalStorage            exit 7   NoSpace, StoreNotWritable, StoreLocked, DamagedIndex, UnsafePath
    └── DownloadFailed          the highest exit code among its `failures`

An error keeps its facts as attributes and composes its one sentence from them. No error holds a token or a signed URL:
`url` is always without its query.
"""

from hfsvc.errors.access import AccessDenied, AuthenticationRequired, GatedDataset, NoAccess
from hfsvc.errors.damage import (
    BadDocuments,
    BadListing,
    BadParquet,
    BadRow,
    ChecksumMismatch,
    CursorMismatch,
    Damaged,
    DatasetChanged,
    InvalidTrajectory,
)
from hfsvc.errors.missing import (
    DatasetNotFound,
    FileNotFound,
    NotDownloaded,
    NotFound,
    PathNotFound,
    RevisionNotFound,
    SplitNotFound,
    TrajectoryNotFound,
    UnknownSource,
)
from hfsvc.errors.requests import (
    FixRequest,
    InvalidExport,
    InvalidPattern,
    InvalidRepoId,
    InvalidSettings,
    MissingExtra,
)
from hfsvc.errors.root import HfsvcError
from hfsvc.errors.several import DownloadFailed
from hfsvc.errors.storage import DamagedIndex, LocalStorage, NoSpace, StoreLocked, StoreNotWritable, UnsafePath
from hfsvc.errors.waiting import HubUnavailable, NotAHub, Offline, RangeRefused, RateLimited, TransferStalled, TryLater

__all__ = [
    "AccessDenied",
    "AuthenticationRequired",
    "BadDocuments",
    "BadListing",
    "BadParquet",
    "BadRow",
    "ChecksumMismatch",
    "CursorMismatch",
    "Damaged",
    "DamagedIndex",
    "DatasetChanged",
    "DatasetNotFound",
    "DownloadFailed",
    "FileNotFound",
    "FixRequest",
    "GatedDataset",
    "HfsvcError",
    "HubUnavailable",
    "InvalidExport",
    "InvalidPattern",
    "InvalidRepoId",
    "InvalidSettings",
    "InvalidTrajectory",
    "LocalStorage",
    "MissingExtra",
    "NoAccess",
    "NoSpace",
    "NotAHub",
    "NotDownloaded",
    "NotFound",
    "Offline",
    "PathNotFound",
    "RangeRefused",
    "RateLimited",
    "RevisionNotFound",
    "SplitNotFound",
    "StoreLocked",
    "StoreNotWritable",
    "TrajectoryNotFound",
    "TransferStalled",
    "TryLater",
    "UnknownSource",
    "UnsafePath",
]
