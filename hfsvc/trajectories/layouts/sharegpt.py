"""The layout ``sharegpt``: messages of ``from`` and ``value``.

Roles are ``human``, ``gpt``, ``function_call`` and ``observation``; the system's prompt is often a column of its own.
"""

from functools import partial

from hfsvc.trajectories.layouts.structs import Shape, fit_structs

SHAPE = Shape("sharegpt", ("conversations", "messages", "trajectory"), "from", ("value",))
fit = partial(fit_structs, SHAPE)
