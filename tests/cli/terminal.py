"""A terminal that tests hold the other end of."""

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LINE_ENDS = re.compile(r"\r|\n|\x1b\[1A")


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

    def read_all(self, encoding: str = "utf-8") -> str:
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
        return shown.decode(encoding, "replace")


@contextmanager
def open_terminal(columns: int = 0) -> Iterator[Terminal]:
    """A terminal of so many columns, or of no known size.

    Close `child` here once the process has it, so that its end can be seen.
    """
    keyboard, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24 if columns else 0, columns, 0, 0))
    try:
        yield Terminal(keyboard, child)
    finally:
        os.close(keyboard)


def lines_of(shown: str) -> list[str]:
    """Every line that was written, also those that others were written over, without what steers the terminal."""
    return [CONTROL.sub("", line) for line in LINE_ENDS.split(shown)]
