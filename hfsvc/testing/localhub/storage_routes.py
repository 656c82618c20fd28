"""Routes of the storage of chunks: what a file is made of, and ranges of xorbs. It knows tokens of its own only."""

import re
import secrets
import threading
import time
from typing import Any
from urllib.parse import quote

import anyio.to_thread

from hfsvc.testing.localhub.chunk_storage import ChunkStorage, Term
from hfsvc.testing.localhub.faulty_server import RoutedResponse
from hfsvc.testing.localhub.http_messages import Request, Response, json_response, satisfy, text_response
from hfsvc.testing.localhub.records import RecordedRequest
from hfsvc.testing.localhub.uploaded_shard import read_shard

_HASH = re.compile(r"[0-9a-f]{64}")


class StorageTokens:
    """Tokens that open the storage. One opens the files of its commit, or where `of_one_commit` is off, all of them."""

    def __init__(self, lifetime_s: float, *, of_one_commit: bool) -> None:
        self.lifetime_s = lifetime_s
        self.of_one_commit = of_one_commit
        self._issued: dict[str, tuple[float, frozenset[str]]] = {}
        self._lock = threading.Lock()

    def issue(self, files: frozenset[str]) -> tuple[str, int]:
        """A new token, and when it ends (Unix seconds)."""
        token, ends = f"xet_{secrets.token_hex(16)}", time.time() + self.lifetime_s
        with self._lock:
            self._issued[token] = ends, files
        return token, int(ends)

    def is_valid(self, token: str) -> bool:
        """Whether a token opens anything."""
        return time.time() < self._issued.get(token, (0.0, frozenset()))[0]

    def opens(self, token: str, file_hash: str) -> bool:
        """Whether a valid token opens a file."""
        return not self.of_one_commit or file_hash in self._issued[token][1]

    def revoke(self) -> None:
        """Let every token issued so far be refused."""
        with self._lock:
            self._issued.clear()


class StorageRoutes:
    """Routes of the storage. `origin` is set once the port is known."""

    def __init__(self, storage: ChunkStorage, tokens: StorageTokens) -> None:
        self.origin = ""
        self._storage = storage
        self._tokens = tokens
        self._signed: set[str] = set()

    async def answer(self, request: Request, record: RecordedRequest) -> RoutedResponse:
        """The answer to any request."""
        return RoutedResponse(await anyio.to_thread.run_sync(self._answer, request))

    def _answer(self, request: Request) -> Response:
        if request.raw_path.startswith("/xorb/"):
            return self._xorb_range(request)
        _, _, token = request.headers.get("authorization", "").partition(" ")
        if not self._tokens.is_valid(token):
            return text_response("unauthorized", 401)
        parts = request.raw_path.strip("/").split("/")
        routes = {
            ("GET", "reconstructions", 3): lambda: self._reconstruction(request, parts[0], parts[-1], token),
            ("HEAD", "files", 3): lambda: self._file(parts[-1]),
            ("POST", "xorbs", 4): lambda: self._take_xorb(parts[-1], request.body),
            ("POST", "shards", 2): lambda: self._take_shard(request.body, parts[0]),
            ("POST", "telemetry", 2): lambda: json_response({}),
        }
        route = routes.get((request.method, parts[1] if len(parts) > 1 else "", len(parts)))
        return route() if route else text_response("not found", 404)

    # ---- reading ----------------------------------------------------------------------------------------------------

    def _reconstruction(self, request: Request, version: str, file_hash: str, token: str) -> Response:
        if not _HASH.fullmatch(file_hash):
            return text_response("bad hash", 400)
        if file_hash not in self._storage.files or not self._tokens.opens(token, file_hash):
            return text_response("not found", 404)
        size = self._storage.size(file_hash)
        part = satisfy(request.range, size) or (0, size)
        if part == "unsatisfiable":
            return text_response("range not satisfiable", 416)
        found = self._storage.cut(file_hash, *part)
        terms = [
            {
                "hash": each.xorb,
                "unpacked_length": self._storage.xorbs[each.xorb].length(each),
                "range": {"start": each.start, "end": each.stop},
            }
            for each in found.terms
        ]
        places = self._places_v2(found.terms) if version == "v2" else self._places_v1(found.terms)
        return json_response({"offset_into_first_range": found.skipped, "terms": terms, **places})

    def _places_v2(self, terms: list[Term]) -> dict[str, Any]:
        xorbs: dict[str, list[Any]] = {}
        for each in dict.fromkeys(terms):
            start, stop = self._stored(each)
            place = {"chunks": {"start": each.start, "end": each.stop}, "bytes": {"start": start, "end": stop - 1}}
            xorbs.setdefault(each.xorb, []).append({"url": self._sign(each.xorb, start, stop), "ranges": [place]})
        return {"xorbs": xorbs}

    def _places_v1(self, terms: list[Term]) -> dict[str, Any]:
        xorbs: dict[str, list[Any]] = {}
        for each in dict.fromkeys(terms):
            start, stop = self._stored(each)
            place = {"range": {"start": each.start, "end": each.stop}, "url": self._sign(each.xorb, start, stop)}
            xorbs.setdefault(each.xorb, []).append({**place, "url_range": {"start": start, "end": stop - 1}})
        return {"fetch_info": xorbs}

    def _stored(self, term: Term) -> tuple[int, int]:
        stored = self._storage.xorbs[term.xorb].stored
        return stored[term.start], stored[term.stop]

    def _sign(self, xorb: str, start: int, stop: int) -> str:
        target = (
            f"/xorb/{xorb}?X-Xet-Signed-Range={quote(f'bytes={start}-{stop - 1}')}&Signature={secrets.token_hex(8)}"
        )
        self._signed.add(target)
        return self.origin + target

    def _xorb_range(self, request: Request) -> Response:
        signed = dict(request.query).get("X-Xet-Signed-Range")
        if request.target not in self._signed or request.range is None or request.headers.get("range") != signed:
            return text_response("access denied", 403)
        xorb, (start, stop) = request.path.rpartition("/")[2], request.range
        total = self._storage.xorbs[xorb].stored[-1]
        part = {"Content-Range": f"bytes {start}-{(stop or total) - 1}/{total}"}
        return Response(206, body=self._storage.read(xorb, start, stop or total)).adding(part)

    def _file(self, file_hash: str) -> Response:
        if file_hash not in self._storage.files:
            return text_response("not found", 404)
        return Response(200).adding({"Content-Length": str(self._storage.size(file_hash))})

    # ---- uploading --------------------------------------------------------------------------------------------------

    def _take_xorb(self, name: str, stored: bytes) -> Response:
        was_inserted = name not in self._storage.xorbs
        try:
            self._storage.put_xorb(name, stored)
        except ValueError:
            return text_response("bad xorb", 400)
        return json_response({"was_inserted": was_inserted})

    def _take_shard(self, body: bytes, version: str) -> Response:
        if version != "v1":
            return text_response("not found", 404)
        try:
            for file_hash, file in read_shard(body).items():
                self._storage.put_file(file_hash, file.terms, file.sha256)
        except ValueError:
            return text_response("bad shard", 400)
        return json_response({"result": 1})
