"""A Hub as people mock it: a function from requests to answers that are whole in memory."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx

from ..builders import COMMIT, REPO, noise, sha256

ENDPOINT = "https://hub.test"
BIG = noise(700_000)
SMALL = b"notes\n"
FILES = {"big.parquet": BIG, "small.parquet": SMALL}
CDN = "https://cdn.test/content"


class MockHub:
    """Answers for one dataset of two LFS files, and counts.

    Attributes:
        asked: The addresses that were asked for.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        path = request.url.path
        if request.url.host == "cdn.test":
            return self._content(request)
        if "/revision/" in path:
            return httpx.Response(200, json={"id": REPO, "sha": COMMIT})
        if "/tree/" in path:
            return httpx.Response(200, json=[_entry(name, content) for name, content in FILES.items()])
        name = path.rpartition("/")[2]
        facts = {"location": f"{CDN}/{name}?Signature=geheim", "x-repo-commit": COMMIT}
        return httpx.Response(302, headers=facts | {"x-linked-etag": f'"{sha256(FILES[name])[7:]}"'})

    @staticmethod
    def _content(request: httpx.Request) -> httpx.Response:
        assert request.url.params["Signature"] == "geheim"
        content = FILES[request.url.path.rpartition("/")[2]]
        if not (found := re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))):
            return httpx.Response(200, content=content)
        start, last = int(found[1]), int(found[2])
        said = f"bytes {start}-{last}/{len(content)}"
        return httpx.Response(206, headers={"content-range": said}, content=content[start : last + 1])


def _entry(name: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(content), "lfs": {"oid": sha256(content)[7:]}}


Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


def as_asgi(hub: MockHub) -> Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]:
    """The same answers as an ASGI application."""

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        host = dict(scope["headers"])[b"host"].decode()
        target = scope["raw_path"].decode() + "?" + scope["query_string"].decode()
        response = hub(httpx.Request(scope["method"], f"https://{host}{target}", headers=scope["headers"]))
        await send({"type": "http.response.start", "status": response.status_code, "headers": response.headers.raw})
        await send({"type": "http.response.body", "body": response.content[:1000], "more_body": True})
        await send({"type": "http.response.body", "body": response.content[1000:]})

    return app
