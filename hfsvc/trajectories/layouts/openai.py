"""The layout ``openai``: messages as that chat API takes them.

``role`` and ``content``, which is text or a list of parts, with ``tool_calls`` or the older ``function_call``, and
results by ``tool_call_id`` or ``name``. Rows that write their calls into the text (``<function=…>``, fenced blocks) are
of this layout too: what the text says is for the style to find out.
"""

from functools import partial

from hfsvc.trajectories.layouts.conversation import LIKELY_COLUMNS
from hfsvc.trajectories.layouts.fitting import fit_shape
from hfsvc.trajectories.layouts.structs import MessageShape

SHAPE = MessageShape("openai", LIKELY_COLUMNS, "role", ("content",), parts=True)
fit = partial(fit_shape, SHAPE)
