"""A round trip of HTTP/1.1 without I/O: a request on the wire, the head of its answer, and how the body is framed.

Source: RFC 9112 §6.3, as h11 reads it. A body that comes as it is never passes h11, which would copy it several times.
"""

import math
from collections.abc import Iterator
from typing import Final

import h11
import httpx

# As much as httpx takes.
MAX_HEAD: Final = 100 << 10
UNTIL_CLOSE: Final = math.inf
_WITHOUT_BODY: Final = frozenset({204, 304})


class RoundTrip:
    """A request, and the answer to it as far as it has come.

    Args:
        request: Its body is read already.

    Attributes:
        message: The request on the wire.
        head: Of the answer, once it is there.
        length: Bytes of the body, which come as they are; `UNTIL_CLOSE`, or None where chunks must be taken apart.
        ended: Whether a body of chunks is complete.

    Raises:
        httpx.LocalProtocolError: No request may look like this one.
    """

    def __init__(self, request: httpx.Request) -> None:
        self.head: h11.Response | None = None
        self.length: float | None = None
        self.ended = False
        self._method = request.method
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        try:
            self.message = b"".join(self._parser.send(event) or b"" for event in _events(request))
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error), request=request) from None

    @property
    def idempotent(self) -> bool:
        """Whether the request may be sent twice."""
        return self._method in {"GET", "HEAD"}

    @property
    def keeps_alive(self) -> bool:
        """Whether request and answer leave the connection open for another one."""
        return self._parser.our_state is h11.DONE

    @property
    def leftover(self) -> bytes:
        """What came after the end of a body of chunks."""
        return self._parser.trailing_data[0]

    def receive(self, data: bytes) -> Iterator[bytes]:
        """Take what came, and give what of it belongs to the body. With ``b""`` nothing more comes.

        Raises:
            httpx.RemoteProtocolError: It is no answer, or its end is missing.
        """
        try:
            self._parser.receive_data(data)
            if self.head is None:
                yield from self._begin()
            else:
                yield from self._chunks()
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error)) from None

    def _begin(self) -> Iterator[bytes]:
        while isinstance(event := self._parser.next_event(), h11.InformationalResponse):
            pass
        if isinstance(event, h11.Response):
            self.head, self.length = event, self._body_length(event)
            if self.length is None:
                yield from self._chunks()
            else:
                yield self._parser.trailing_data[0]

    def _body_length(self, head: h11.Response) -> float | None:
        if self._method == "HEAD" or head.status_code in _WITHOUT_BODY:
            return 0
        headers = dict(head.headers)
        if b"transfer-encoding" in headers:
            return None
        # What is no number, and numbers that contradict each other, h11 has refused.
        return int(headers[b"content-length"]) if b"content-length" in headers else UNTIL_CLOSE

    def _chunks(self) -> Iterator[bytes]:
        while isinstance(event := self._parser.next_event(), h11.Data):
            yield event.data
        self.ended = isinstance(event, h11.EndOfMessage)


def _events(request: httpx.Request) -> Iterator[h11.Event]:
    yield h11.Request(method=request.method.encode(), target=request.url.raw_path, headers=request.headers.raw)
    if request.content:
        yield h11.Data(data=request.content)
    yield h11.EndOfMessage()
