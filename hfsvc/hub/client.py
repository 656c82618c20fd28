"""The Hub's REST API for repositories: resolve a name to a commit, list the files of a commit."""

import json
from collections.abc import AsyncGenerator
from contextlib import suppress

from hfsvc.errors import (
    AuthenticationRequired,
    DatasetNotFound,
    HfsvcError,
    HubUnavailable,
    NoAccess,
    NotAHub,
    NotFound,
    RevisionNotFound,
)
from hfsvc.hub.content import HubContent
from hfsvc.hub.conversion_state import ConversionState, decode_listed, decode_viewer
from hfsvc.hub.errors import RequestContext
from hfsvc.hub.session import HubSession
from hfsvc.hub.urls import (
    NO_REVISIONS,
    RepoKind,
    conversion_files_url,
    conversion_state_url,
    following_page,
    info_url,
    resolve_url,
    tree_url,
    whoami_url,
    without_query,
)
from hfsvc.hub.wire import decode_entries, decode_info, next_page, remote_file
from hfsvc.hub.xet import XetStorage
from hfsvc.models import RemoteDataset, RemoteFile
from hfsvc.secret import Secret
from hfsvc.transfer.progress import OnRetry


class HubClient:
    """Knows datasets, commits and listings; touches no disk.

    Args:
        session: Carries every request.
        kind: Of the repositories: datasets, unless models are asked for.
    """

    def __init__(self, session: HubSession, kind: RepoKind = "datasets") -> None:
        self._session = session
        self._kind: RepoKind = kind

    @property
    def endpoint(self) -> str:
        """The Hub that is asked."""
        return self._session.endpoint

    async def resolve(
        self, repo: str, revision: str, *, token: Secret | None, on_retry: OnRetry | None = None
    ) -> RemoteDataset:
        """One commit for a name and a revision, with the dataset's canonical id. Costs one request, two after a rename.

        Raises:
            DatasetNotFound: Missing, or private to this caller.
            RevisionNotFound: No such branch, tag or commit.
            AuthenticationRequired: The token is not valid.
            GatedDataset, AccessDenied: The Hub refuses.
            NotAHub: The endpoint answers as no Hub does.
        """
        if revision in NO_REVISIONS:
            raise RevisionNotFound(repo=repo, revision=revision)
        url = info_url(self.endpoint, repo, revision, self._kind)
        try:
            response = await self._session.call(url, RequestContext(repo, revision), token=token, on_retry=on_retry)
        except AuthenticationRequired as error:
            raise await self._judge_refusal(error, token) from None
        return decode_info(response.body, revision, without_query(url))

    async def _judge_refusal(self, error: AuthenticationRequired, token: Secret | None) -> HfsvcError:
        # The Hub answers 401 to a bad token and, on some servers, for a missing repository; only whoami tells them apart.
        try:
            await self.whoami(token=token)
        except HfsvcError:
            return error
        return DatasetNotFound(repo=error.repo, token_sent=True, request_id=error.request_id)

    async def list_files(
        self, dataset: RemoteDataset, *, token: Secret | None, on_retry: OnRetry | None = None
    ) -> AsyncGenerator[RemoteFile, None]:
        """Every file of the pinned commit, page by page, in the Hub's order. Folders and unknown kinds are left out.

        Raises:
            NotAHub: A page is no listing, or does not say how the next one is asked for.
        """
        url: str | None = tree_url(self.endpoint, dataset.repo, dataset.commit, self._kind)
        seen: set[str] = set()
        while url:
            if url in seen:
                raise NotAHub(url=without_query(url), reason="its listing goes round in a circle")
            seen.add(url)
            context = RequestContext(dataset.repo, dataset.commit)
            response = await self._session.call(url, context, token=token, on_retry=on_retry)
            for entry in decode_entries(response.body, without_query(url)):
                if entry.type == "file":
                    yield remote_file(entry)
            url = _next_page(url, response.headers.get("link"))

    async def conversion_state(self, dataset: RemoteDataset, *, token: Secret | None) -> ConversionState:
        """What is told of the parquet copy of a dataset; nothing where nobody tells. One request, or two.

        Raises:
            ConversionNotReady: It is still being made.
            HfsvcError: As `HubSession.call` says, where the Hub limits, or the caller may not ask.
        """
        for url, decode in (
            (conversion_state_url(self.endpoint, dataset.repo), decode_viewer),
            (conversion_files_url(self.endpoint, dataset.repo), decode_listed),
        ):
            # Mirrors have no viewer, the viewer may be shut off, and it knows no token of this caller.
            with suppress(NotFound, NoAccess, NotAHub, HubUnavailable):
                context = RequestContext(dataset.repo, dataset.commit, "its parquet copy")
                response = await self._session.call(url, context, token=token)
                return decode(response.body, response.headers, without_query(url))
        return ConversionState()

    async def whoami(self, *, token: Secret | None) -> str:
        """The name of the token's owner. The Hub limits this call tightly: for diagnosis, never per download."""
        response = await self._session.call(whoami_url(self.endpoint), RequestContext("your account"), token=token)
        try:
            return str(json.loads(response.body)["name"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise NotAHub(url=whoami_url(self.endpoint), reason="it does not say whose token it is") from None

    def content(self, dataset: RemoteDataset, *, token: Secret | None) -> HubContent:
        """Access to the bytes of the pinned commit's files."""
        return HubContent(self._session, dataset, token=token)

    def storage(self, dataset: RemoteDataset, *, token: Secret | None, allowed: str | None) -> XetStorage:
        """The storage of chunks behind the pinned commit's files; `allowed` is its address behind a mirror."""
        return XetStorage(self._session, dataset, token=token, allowed=allowed)

    async def read_file(self, dataset: RemoteDataset, path: str, *, token: Secret | None) -> bytes:
        """The whole content of a small file of the pinned commit, not verified yet.

        Raises:
            FileNotFound: There is none.
            NotAHub: It has no end.
        """
        url = resolve_url(self.endpoint, dataset.repo, dataset.commit, path, self._kind)
        context = RequestContext(dataset.repo, dataset.commit, path)
        return (await self._session.call(url, context, token=token)).body

    def requests_left(self) -> int | None:
        """Requests for content that the Hub's rate limit leaves in this window, where an answer told."""
        return self._session.limiter.left("resolvers")


def _next_page(url: str, header: str | None) -> str | None:
    link = next_page(header)
    if link is None:
        return None
    target = following_page(url, link)
    if target is None:
        raise NotAHub(url=without_query(url), reason="its listing does not say how it goes on")
    return target
