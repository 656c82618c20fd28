"""Writing to a stream whose reader may stop reading, such as a pipe. Blocks: call it from a worker thread."""

import io
import os
import select
import sys
from typing import Any, BinaryIO

from anyio import from_thread

PATIENCE_S = 0.2


def patient(out: BinaryIO) -> "BinaryIO | PatientStream":
    """The stream by its descriptor, where it has one."""
    try:
        descriptor = out.fileno()
    except io.UnsupportedOperation:
        return out
    out.flush()
    return PatientStream(descriptor)


class PatientStream:
    """Writes to a descriptor; a cancelled caller need not wait for the reader.

    Args:
        descriptor: Stays open.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, text: Any) -> int:
        """Write all of it.

        Raises:
            BrokenPipeError: The reader has left.
        """
        rest = memoryview(text)
        while rest:
            from_thread.check_cancelled()
            rest = rest[self._write_some(rest) :]
        return len(text)

    def _write_some(self, text: memoryview) -> int:
        if sys.platform == "win32":
            # There a pipe tells nobody whether it has room.
            return os.write(self._descriptor, text)
        _, ready, _ = select.select([], [self._descriptor], [], PATIENCE_S)
        # No more than what a pipe takes at once when it says that it has room.
        return os.write(self._descriptor, text[: select.PIPE_BUF]) if ready else 0
