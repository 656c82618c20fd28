"""Redirects: where one leads, however the address is written, and where none is followed to. Pure."""

import httpx

from hfsvc.errors import NotAHub
from hfsvc.hub.urls import is_downgrade, next_hop, without_query


def redirect_target(url: str, response: httpx.Response, endpoint: str) -> str:
    """Where a redirect leads; the `endpoint` may lie below a path of its host.

    Raises:
        NotAHub: Nowhere, or away from https.
    """
    target = next_hop(url, _location(response), endpoint)
    if target is None:
        raise NotAHub(url=without_query(url), reason="it redirects to no address that can be asked")
    if is_downgrade(url, target):
        raise NotAHub(url=without_query(url), reason="it redirects from https to http")
    return target


def _location(response: httpx.Response) -> str:
    # Byte by byte: servers also send what an address cannot hold, and httpx guesses one encoding for all headers together.
    raw = next(value for name, value in response.headers.raw if name.lower() == b"location")
    if raw.isascii():
        return raw.decode("ascii")
    return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in raw)
