"""Structs as opaque texts that are safe in addresses and carry a checksum: how cursors are written. Pure."""

import base64
import binascii
import zlib
from typing import TypeVar

import msgspec

from hfsvc.errors import CursorMismatch

T = TypeVar("T", bound=msgspec.Struct)
_CHECKSUM_BYTES = 4


def pack(cursor: msgspec.Struct) -> str:
    """The text that stands for a cursor."""
    packed = msgspec.msgpack.encode(cursor)
    return base64.urlsafe_b64encode(packed + _checksum(packed)).rstrip(b"=").decode()


def unpack(text: str, kind: type[T]) -> T:
    """The cursor that a text stands for.

    Raises:
        CursorMismatch: It stands for none of this kind, or is damaged.
    """
    try:
        whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        packed, checksum = whole[:-_CHECKSUM_BYTES], whole[-_CHECKSUM_BYTES:]
        found = msgspec.msgpack.decode(packed, type=kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise CursorMismatch(reason="it is no cursor of this kind", malformed=True) from None
    if checksum != _checksum(packed):
        raise CursorMismatch(reason="it is damaged", malformed=True)
    return found


def _checksum(packed: bytes) -> bytes:
    # One wrong character would be another place: rows would be left out, or come twice.
    return zlib.crc32(packed).to_bytes(_CHECKSUM_BYTES, "big")
