"""ATIF documents as JSON bytes and back, losslessly."""

import msgspec

from hfsvc.atif.schema import Trajectory
from hfsvc.errors import InvalidTrajectory

_decoder = msgspec.json.Decoder(Trajectory)
_encoder = msgspec.json.Encoder()


def encode(trajectory: Trajectory) -> bytes:
    """Write a document as compact UTF-8 JSON, absent fields left out, fields in the format's order."""
    return _encoder.encode(trajectory)


def decode(document: bytes | str, *, where: str = "the document") -> Trajectory:
    """Read a document, with strict types.

    Args:
        document: UTF-8 JSON of one trajectory.
        where: How an error names the document.

    Raises:
        InvalidTrajectory: The text is no JSON, or a field is missing, unknown or of the wrong type.
    """
    try:
        return _decoder.decode(document)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidTrajectory(where=where, reason=str(error)) from error
