"""The layout ``swe-agent``: turns of ``role`` and ``text``, where the agent is ``ai``.

A system's turn has its text in ``system_prompt``, and none in ``text``.
"""

from functools import partial

from hfsvc.trajectories.layouts.fitting import fit_shape
from hfsvc.trajectories.layouts.structs import MessageShape

SHAPE = MessageShape("swe-agent", ("trajectory", "history", "messages", "traj"), "role", ("text", "system_prompt"))
fit = partial(fit_shape, SHAPE)
