"""The protocol that every layout implements: how the rows of a file become conversations."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from hfsvc.atif import Trajectory
from hfsvc.models import LayoutName
from hfsvc.trajectories.layouts.conversation import Conversation, Unreadable
from hfsvc.trajectories.layouts.message_counts import MessageCounts


class RowMetadata(Protocol):
    """The columns of rows beside their messages: agent, model, task and the like."""

    @property
    def columns(self) -> Mapping[str, Sequence[str]]:
        """``{what hfsvc calls it: its columns}``, of which the first that holds something counts."""
        ...

    def texts(self, batch: pa.RecordBatch, names: Collection[str]) -> Mapping[str, list[str | None]]:
        """What the rows of a batch have of `names`, as far as there is anything, written as texts."""
        ...


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
    def metadata(self) -> RowMetadata:
        """The other columns that are read."""
        ...

    @property
    def columns(self) -> list[str]:
        """The columns to read."""
        ...

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Trajectory | Unreadable]:
        """One conversation, or the reason why there is none, for every row of a batch with those columns.

        A row that is an ATIF document already comes as it is.
        """
        ...

    def leaves_to_count(self, leaves: list[str]) -> list[str]:
        """What to read of a file with these paths, so that `count` can tell how many messages there are."""
        ...

    def count(self, batch: pa.RecordBatch) -> list[int]:
        """The number of messages of every row of a batch with what `leaves_to_count` names; 0 for unreadable ones."""
        ...

    def message_counts(self, batch: pa.RecordBatch) -> MessageCounts:
        """Who speaks in a batch with `columns`, and how much; without making texts of what is said, where that goes."""
        ...
