"""Reading back what was exported as parquet. Blocks: call it from a worker thread."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hfsvc.atif import Trajectory
from hfsvc.errors import BadParquet
from hfsvc.export.atif_columns import FORMAT, FORMAT_KEY, trajectories_of
from hfsvc.trajectories.files.base import bad_parquet
from hfsvc.trajectories.files.parquet import BUFFER_BYTES, iter_batches


def read_parquet(path: Path) -> Iterator[Trajectory]:
    """The trajectories of a file of the format ``parquet``, in order, in bounded memory, equal to those written.

    Raises:
        BadParquet: It is another file, or is cut.
        FileNotFoundError: It is not there.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER_BYTES) as parquet:
            schema = parquet.schema_arrow
            if (schema.metadata or {}).get(FORMAT_KEY) != FORMAT:
                raise BadParquet(file=str(path), reason="hfsvc did not export it as parquet")
            for _, batch in iter_batches(parquet, schema.names, 0):
                yield from trajectories_of(batch)
    except pa.ArrowException as error:
        raise bad_parquet(path, error) from error
