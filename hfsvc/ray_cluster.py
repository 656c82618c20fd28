"""The Ray cluster that is worked on: the one that is named, else one of this machine alone. Its noise goes to its own logs."""

import importlib
import logging
import os
import socket
from typing import Any

from hfsvc.errors import InvalidArgument, MissingExtra

ADDRESS = "RAY_ADDRESS"
CONNECT_S = 10
TLS = "RAY_USE_TLS"
_LOCAL = "local"
# Of HTTP/2, which gRPC speaks: how a client begins, and the kind of frame that every server begins with.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_HEAD_BYTES, _SETTINGS = 9, b"\x04"


def joined_cluster(address: str | None = None) -> Any:
    """Ray, connected to a cluster: that which it is connected to already, else that of an address, else one of this machine.

    Args:
        address: As ``ray.init`` takes it; None for ``RAY_ADDRESS``. Without both, no cluster is joined, whatever runs here.

    Raises:
        MissingExtra: Ray is not installed.
        InvalidArgument: No cluster answers there.
    """
    try:
        ray = importlib.import_module("ray")
    except ImportError as error:
        raise MissingExtra(wanted="Ray", extra="ray") from error
    if not ray.is_initialized():
        _join(ray, address)
    return ray


def _join(ray: Any, address: str | None) -> None:
    # Ray would join any cluster that it finds traces of on this machine.
    named = address or os.environ.get(ADDRESS) or _LOCAL
    own = {"include_dashboard": False} if named == _LOCAL else {}
    try:
        _check_answers(named)
        ray.init(address=named, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (OSError, ValueError, RuntimeError) as error:
        reason = f"no Ray cluster answers there ({type(error).__name__})"
        hint = "Start one with ray start --head, or name none for one of this machine alone."
        raise InvalidArgument(name="address" if address else ADDRESS, given=named, reason=reason, hint=hint) from None


def _check_answers(address: str) -> None:
    """Ray itself tries for minutes, and says so, where nobody listens or somebody else does.

    Raises:
        OSError: No server of gRPC is there; as well where it is silent.
    """
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if not port.isdecimal() or os.environ.get(TLS, "0") not in {"", "0"}:
        return
    with socket.create_connection((host.strip("[]"), int(port)), CONNECT_S) as connection:
        connection.sendall(_PREFACE)
        if connection.recv(_HEAD_BYTES, socket.MSG_WAITALL)[3:4] != _SETTINGS:
            raise ConnectionError("something else listens there")
