"""What a layout is: how the rows of a file become conversations."""

from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa

from hfsvc.rows import LayoutName
from hfsvc.trajectories.conversation import Conversation, Unreadable
from hfsvc.trajectories.layouts.facts import Facts


class Layout(Protocol):
    """One way of storing conversations, found in the columns of one file. Pure."""

    @property
    def name(self) -> LayoutName:
        """What people call it, as ``--layout`` takes it."""
        ...

    @property
    def messages(self) -> str:
        """The column that holds the messages."""
        ...

    @property
    def facts(self) -> Facts:
        """The other columns that are read."""
        ...

    @property
    def columns(self) -> list[str]:
        """The columns to read."""
        ...

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Unreadable]:
        """One conversation, or the reason why there is none, for every row of a batch with those columns."""
        ...

    def leaves_to_count(self, leaves: list[str]) -> list[str]:
        """What to read of a file with these paths, so that `count` can tell how many messages there are."""
        ...

    def count(self, batch: pa.RecordBatch) -> list[int]:
        """The number of messages of every row of a batch with what `leaves_to_count` names; 0 for unreadable ones."""
        ...
