"""Trajectories into files that other tools read. docs/export.md explains it."""

from hfsvc.export.formats import FORMATS, Format
from hfsvc.export.local_engine import export_shards, export_to, export_trajectories
from hfsvc.export.models import Exported, ExportRequest, RowsExported
from hfsvc.export.shares import export_splits, shares_of
from hfsvc.export.writers import Writer
from hfsvc.trajectories.columns.atif_columns import read_parquet

__all__ = [
    "FORMATS",
    "ExportRequest",
    "Exported",
    "Format",
    "RowsExported",
    "Writer",
    "export_shards",
    "export_splits",
    "export_to",
    "export_trajectories",
    "read_parquet",
    "shares_of",
]
