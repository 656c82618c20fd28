"""What a layout is: how the rows of a file become conversations."""

from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa

from hfsvc.trajectories.conversation import Conversation, Unreadable


class Layout(Protocol):
    """One way of storing conversations in columns. Pure."""

    @property
    def name(self) -> str:
        """What people call it, as ``--layout`` takes it."""
        ...

    def misfit(self, schema: pa.Schema) -> str | None:
        """What a file with these columns lacks to be of this layout; None when it fits."""
        ...

    def columns(self, schema: pa.Schema) -> list[str]:
        """The columns to read."""
        ...

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Unreadable]:
        """One conversation, or the reason why there is none, for every row of a batch with those columns."""
        ...
