"""A Hugging Face Hub on the loopback device, with faults."""

from hfsvc.testing.localhub.distortions import (
    Chunked,
    Corrupt,
    Direct,
    Gzip,
    IgnoreRange,
    MaskedHashes,
    OtherRange,
    OtherTotal,
    Pointer,
    WrongHash,
)
from hfsvc.testing.localhub.fault_rules import Exchange, Fault, FaultRule
from hfsvc.testing.localhub.faults import (
    CaptivePortal,
    Cut,
    ForeignLinks,
    Garbage,
    HangUp,
    Missing,
    Redirect,
    Stall,
    Status,
    TooManyConnections,
    TooManyRequests,
    WithHeader,
    WithoutHeader,
    mirror_of,
)
from hfsvc.testing.localhub.http_messages import Request, Response
from hfsvc.testing.localhub.local_hub import LocalHub
from hfsvc.testing.localhub.records import RecordedRequest

__all__ = [
    "CaptivePortal",
    "Chunked",
    "Corrupt",
    "Cut",
    "Direct",
    "Exchange",
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
    "OtherRange",
    "OtherTotal",
    "Pointer",
    "RecordedRequest",
    "Redirect",
    "Request",
    "Response",
    "Stall",
    "Status",
    "TooManyConnections",
    "TooManyRequests",
    "WithHeader",
    "WithoutHeader",
    "WrongHash",
    "mirror_of",
]
