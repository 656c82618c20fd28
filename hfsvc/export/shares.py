"""Splits of an export: a file each, no value of a field in two of them."""

from collections.abc import Callable, Mapping

import msgspec

from hfsvc.errors import InvalidArgument
from hfsvc.export.encoders import TableMaker
from hfsvc.export.fit_tally import RowFitter
from hfsvc.export.formats import named_before_ending
from hfsvc.export.local_engine import export_trajectories
from hfsvc.export.models import Exported, ExportRequest, OnExport
from hfsvc.models import SplitShare
from hfsvc.protocols import TrajectorySource

_TOLERANCE = 1e-9


def shares_of(splits: Mapping[str, float], *, by: str, seed: int) -> dict[str, SplitShare]:
    """The share of values that each split has. Pure.

    Args:
        splits: ``{name: fraction}``, above 0 and together at most 1; what is left of 1 is in no split.
        by: The field whose values are dealt out.
        seed: Of the dealing.

    Raises:
        InvalidArgument: The fractions are none.
    """
    shares, start = dict[str, SplitShare](), 0.0
    for name, fraction in splits.items():
        if not 0 < fraction <= 1 or start + fraction > 1 + _TOLERANCE:
            raise InvalidArgument(
                name="splits", given=f"{name}={fraction:g}", reason="fractions are above 0, and together at most 1"
            )
        stop = start + fraction
        shares[name] = SplitShare(by=by, start=start, stop=1.0 if abs(stop - 1) < _TOLERANCE else stop, seed=seed)
        start = stop
    return shares


async def export_splits(
    open_source: Callable[[SplitShare], TrajectorySource],
    request: ExportRequest,
    shares: Mapping[str, SplitShare],
    *,
    on_event: OnExport | None = None,
    tokens: TableMaker | None = None,
    fitter: RowFitter | None = None,
) -> dict[str, Exported]:
    """Write a file or folder for each split, one after the other, each as `export_trajectories` does.

    Args:
        open_source: Gives the source of a share, ``lambda share: container.source(name, share=share)``.
        request: What to write; ``-NAME`` is put before the ending of its name.
        shares: As `shares_of` gives them.
        on_event: As for `export_trajectories`, like the next two.
        tokens: Makes the rows of the format ``tokens``.
        fitter: Makes rows fit.
    """
    done = dict[str, Exported]()
    for name, share in shares.items():
        part = msgspec.structs.replace(
            request, path=request.path.with_name(named_before_ending(request.path.name, name))
        )
        done[name] = await export_trajectories(
            open_source(share), part, on_event=on_event, tokens=tokens, fitter=fitter
        )
    return done
