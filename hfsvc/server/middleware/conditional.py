"""ASGI middleware that tells clients when they have an answer already: what belongs to a commit does not change."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

import msgspec

from hfsvc import __version__
from hfsvc.errors import HfsvcError
from hfsvc.models import DownloadedDataset
from hfsvc.server.open_sources import OpenSources
from hfsvc.server.responses import App, Message, Receive, Scope, Send

# Rows, pages of summaries, facets.
_OF_A_COMMIT = re.compile(r"/api/(trajectories(\.jsonl)?(/.*)?|facets)")
# To be kept, and asked for again each time: the answer to that is cheap.
_CACHED = b"private, no-cache"
TagOf = Callable[[Scope], Awaitable[str | None]]


class AnswerTags:
    """Makes the tags of answers: another commit, other files of it or another question give another one.

    Args:
        sources: Tells which dataset a name means, how it is known, and what of it is on disk.
    """

    def __init__(self, sources: OpenSources) -> None:
        self._sources = sources

    async def tag_of(self, scope: Scope) -> str | None:
        """The tag of the answer to a request; None where none belongs to a commit, or an error comes."""
        if scope["method"] != "GET" or not _OF_A_COMMIT.fullmatch(scope["path"]):
            return None
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("source")
        try:
            repo = self._sources.repo(asked[0] if asked else None)
            dataset = await self._sources.find(repo)
        except HfsvcError:
            return None
        return None if dataset is None else self._tag(dataset, scope)

    def _tag(self, dataset: DownloadedDataset, scope: Scope) -> str:
        known = msgspec.json.encode(self._sources.known(dataset.repo))
        question = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
        parts = (__version__, dataset.repo, dataset.commit, *dataset.files, question)
        return hashlib.blake2b("\n".join(parts).encode() + known, digest_size=16).hexdigest()


class Conditional:
    """Answers 304 to who has the answer, and tells all others its tag.

    Args:
        app: Makes answers.
        tag_of: Gives the tag of the answer to a request, before it is made.
    """

    def __init__(self, app: App, tag_of: TagOf) -> None:
        self._app = app
        self._tag_of = tag_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tag = await self._tag_of(scope) if scope["type"] == "http" else None
        if tag is None:
            await self._app(scope, receive, send)
            return
        headers = [(b"etag", f'W/"{tag}"'.encode()), (b"cache-control", _CACHED)]

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        if has_tag(scope, tag):
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await self._app(scope, receive, tell)


def has_tag(scope: Scope, tag: str) -> bool:
    """Whether a request's ``If-None-Match`` names a tag, weak or strong. Pure."""
    named = b",".join(value for name, value in scope["headers"] if name.lower() == b"if-none-match").decode("latin-1")
    return named.strip() == "*" or tag in re.findall(r'(?:W/)?"([^"]*)"', named)
