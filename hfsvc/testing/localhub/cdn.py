"""The CDN: signed addresses that expire, and the content behind them. It knows nothing of the Hub's headers."""

import base64
import hashlib
import json
import threading
import time
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from hfsvc.testing.localhub.error_pages import XML, access_denied
from hfsvc.testing.localhub.faulty_server import RoutedResponse
from hfsvc.testing.localhub.http_messages import Request, Response, content_response, text_response
from hfsvc.testing.localhub.records import RecordedRequest
from hfsvc.testing.localhub.repos import Repository, StoredFile
from hfsvc.testing.localhub.wire import disposition


@dataclass(frozen=True, slots=True)
class Grant:
    """What a signed address allows: one file until a time, in any ranges or only in the one it is pinned to."""

    repo: str
    file: StoredFile
    expires: int
    pinned: str | None


class Grants:
    """Signed addresses. An address is valid exactly as it was issued: nothing in it may be changed or sorted."""

    def __init__(self, lifetime_s: float) -> None:
        self._lifetime_s = lifetime_s
        self._issued: dict[str, Grant] = {}
        self._lock = threading.Lock()

    def issue(self, repo: Repository, file: StoredFile, pinned: str | None) -> str:
        """A new address, as path and query; `pinned` is the `Range` that the resolve request carried."""
        expires = int(time.time() + self._lifetime_s)
        policy = base64.b64encode(json.dumps({"Expires": expires, "Range": pinned}).encode()).decode()
        path = f"/xet-bridge-local/{repo.hub_id}/{file.xet_hash}"
        with self._lock:
            signature = hashlib.sha256(f"{path} {policy} {file.path} {len(self._issued)}".encode()).hexdigest()
            query = {
                "response-content-disposition": disposition(file.path),
                "Expires": str(expires),
                "Policy": policy,
                "Signature": signature,
                "Key-Pair-Id": "LOCALHUB",
            }
            target = f"{path}?{urlencode(query, quote_via=quote)}"
            self._issued[target] = Grant(repo.id, file, expires, pinned)
        return target

    def find(self, target: str) -> Grant | None:
        """What an address allows; None when it was never issued so."""
        return self._issued.get(target)

    def revoke(self) -> None:
        """Let every address issued so far be refused."""
        with self._lock:
            self._issued = {target: Grant(g.repo, g.file, 0, g.pinned) for target, g in self._issued.items()}


class Cdn:
    """Routes of the CDN: any signed address."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    async def answer(self, request: Request, record: RecordedRequest) -> RoutedResponse:
        """The content, or 403 with XML."""
        grant = self._grants.find(request.target)
        if grant is None:
            return RoutedResponse(_denied("Access denied"))
        record.repo, record.file = grant.repo, grant.file.path
        return RoutedResponse(self._content(request, grant), grant.file)

    def _content(self, request: Request, grant: Grant) -> Response:
        if time.time() >= grant.expires:
            return _denied("Request has expired")
        if grant.pinned is not None and request.headers.get("range") != grant.pinned:
            return _denied("invalid range")
        named = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": disposition(grant.file.path),
            # the CDN's etag looks like the content's sha256 and is not
            "ETag": f'"{grant.file.xet_hash}"',
            "X-Amz-Cf-Id": grant.file.xet_hash[:24],
        }
        return content_response(request, grant.file.content, named)


def _denied(message: str) -> Response:
    return text_response(access_denied(message), 403, XML)
