"""Rows that came out of their file as nothing at all, carried along in their batch. Pure."""

from collections.abc import Mapping

import pyarrow as pa

# No key of a row has this name.
_COLUMN = "(fault)"


def with_faults(batch: pa.RecordBatch, faults: Mapping[int, str]) -> pa.RecordBatch:
    """The batch, some of whose rows stand for something that could not be read.

    Every batch of a file gets the column, so that all have the same columns.

    Args:
        batch: Those rows hold nulls.
        faults: By row of the batch: what is wrong, as the end of a sentence.
    """
    reasons = pa.array([faults.get(row) for row in range(batch.num_rows)], pa.string())
    return batch.append_column(_COLUMN, reasons)


def faults_of(batch: pa.RecordBatch) -> dict[int, str]:
    """What `with_faults` noted, for any slice of that batch."""
    if _COLUMN not in batch.schema.names:
        return {}
    reasons = batch.column(_COLUMN).to_pylist()
    return {row: reason for row, reason in enumerate(reasons) if reason is not None}
