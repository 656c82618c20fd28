"""The layout ``sharegpt``: messages of ``from`` and ``value``.

Roles are ``human``, ``gpt``, ``function_call`` and ``observation``; the system's prompt is often a column of its own.
"""

from functools import partial

from hfsvc.trajectories.layouts.fitting import fit_shape
from hfsvc.trajectories.layouts.structs import MessageShape

SHAPE = MessageShape(
    "sharegpt", ("conversations", "conversation", "messages", "trajectory", "traj"), "from", ("value",), parts=True
)
fit = partial(fit_shape, SHAPE)
