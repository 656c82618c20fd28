"""A terminal that tests hold the other end of."""

import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager


class Terminal:
    """What a process takes for a terminal.

    Attributes:
        child: The end that the process gets.
    """

    def __init__(self, keyboard: int, child: int) -> None:
        self.child = child
        self._own = keyboard

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._own, text.encode())

    def read_until(self, wanted: str) -> str:
        """What is shown until a text is there."""
        shown = b""
        while wanted.encode() not in shown:
            piece = os.read(self._own, 4096)
            assert piece, shown
            shown += piece
        return shown.decode()

    def read_all(self) -> str:
        """What is shown until the process has closed its end."""
        shown = b""
        while True:
            try:
                piece = os.read(self._own, 4096)
            except OSError:  # Linux says EIO when nobody holds the other end any more
                break
            if not piece:
                break
            shown += piece
        return shown.decode()


@contextmanager
def open_terminal() -> Iterator[Terminal]:
    """A terminal; close `child` here once the process has it, so that its end can be seen."""
    keyboard, child = pty.openpty()
    try:
        yield Terminal(keyboard, child)
    finally:
        os.close(keyboard)
