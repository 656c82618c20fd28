"""Several layouts of one file, of which every row has one: where one column is empty, another is full. Pure."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from hfsvc.atif import Trajectory
from hfsvc.models import LayoutName
from hfsvc.trajectories.layouts.base import Layout, RowMetadata
from hfsvc.trajectories.layouts.conversation import Conversation, Message, Unreadable
from hfsvc.trajectories.layouts.message_counts import CountedByRow

EMPTY = frozenset({"it is null", "it is empty"})
"""What readers say of a row whose column holds nothing."""

OF_NO_FRAMEWORK = "its objects are of no framework or API that is known"
"""What the layout ``frameworks`` says of a row that another one may read."""


_NOTHING = Message(None, None)


class InTurnLayout(CountedByRow):
    """Columns that hold the messages in turn.

    Args:
        layouts: Their readers, the likeliest first; each row is read by the first that finds something.
        main: The one that names the whole.
    """

    name: LayoutName

    def __init__(self, layouts: Sequence[Layout], main: Layout) -> None:
        self._layouts = layouts
        self.name = main.name
        self.messages = main.messages
        self.metadata: RowMetadata = main.metadata

    @property
    def columns(self) -> list[str]:
        return [*dict.fromkeys(column for layout in self._layouts for column in layout.columns)]

    def conversations(self, batch: pa.RecordBatch) -> Iterator[Conversation | Trajectory | Unreadable]:
        first, *others = self._layouts
        found = list(first.conversations(batch))
        for layout in others:
            if not any(map(_is_empty, found)):
                break
            found = [_filled(row, each, layout, batch) for row, each in enumerate(found)]
        return iter(found)

    def leaves_to_count(self, leaves: list[str]) -> list[str]:
        return [*dict.fromkeys(leaf for layout in self._layouts for leaf in layout.leaves_to_count(leaves))]

    def count(self, batch: pa.RecordBatch) -> list[int]:
        counts = (layout.count(batch) for layout in self._layouts)
        return [next(filter(None, row), 0) for row in zip(*counts, strict=True)]


def _is_empty(found: Conversation | Trajectory | Unreadable) -> bool:
    if isinstance(found, Unreadable):
        return found.reason in {*EMPTY, OF_NO_FRAMEWORK}
    return isinstance(found, Conversation) and all(message == _NOTHING for message in found.messages)


def _filled(
    row: int, found: Conversation | Trajectory | Unreadable, layout: Layout, batch: pa.RecordBatch
) -> Conversation | Trajectory | Unreadable:
    if not _is_empty(found):
        return found
    (other,) = layout.conversations(batch.slice(row, 1))
    return found if _is_empty(other) else other
