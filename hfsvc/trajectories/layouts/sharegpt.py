"""The layout ``sharegpt``: messages of ``from`` and ``value``.

Roles are ``human``, ``gpt``, ``function_call`` and ``observation``; the system's prompt is often a column of its own.
"""

from functools import partial

from hfsvc.trajectories.layouts.structs import MessageShape, fit_structs

SHAPE = MessageShape("sharegpt", ("conversations", "messages", "trajectory"), "from", ("value",))
fit = partial(fit_structs, SHAPE)
