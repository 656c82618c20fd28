"""What the transport ``auto`` is in this process: sockets of our own, or httpx as those know it who patch it.

A module of its own, for the pytest plugin sets it in test runs that have nothing to do with any Hub.
"""

from typing import Literal

auto: Literal["sockets", "httpx"] = "sockets"
