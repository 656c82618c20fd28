"""Which layout a file has. Pure."""

import pyarrow as pa

from hfsvc.errors import BadParquet
from hfsvc.rows import ReadOptions
from hfsvc.trajectories.layouts.harbor import HarborRows
from hfsvc.trajectories.layouts.layout import Layout

LAYOUTS: tuple[Layout, ...] = (HarborRows(),)


def choose_layout(schema: pa.Schema, file: str, options: ReadOptions) -> Layout:
    """The layout of a file with these columns: the one that was asked for, else the first that fits.

    Raises:
        BadParquet: It has not the columns of the one that was asked for, or of any.
    """
    wanted = [each for each in LAYOUTS if options.layout in {None, each.name}]
    reasons = [(each, each.misfit(schema)) for each in wanted]
    for layout, reason in reasons:
        if reason is None:
            return layout
    raise BadParquet(file=file, reason="; ".join(f"{reason}" for _, reason in reasons))
