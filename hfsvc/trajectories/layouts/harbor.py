"""The layout ``harbor``: rows as ``harbor traces export`` writes them.

Source: the export's layout as published in 2025 and 2026. Columns may be missing, extra, in any order or of null type;
``conversations`` is a list of structs with ``role`` and ``content`` in either order, and both may be null.
"""

from functools import partial

from hfsvc.trajectories.layouts.fitting import fit_shape
from hfsvc.trajectories.layouts.structs import MessageShape

SHAPE = MessageShape("harbor", ("conversations",), "role", ("content",))
fit = partial(fit_shape, SHAPE)
