"""The Hub's routes: the JSON API, and resolve with its redirects."""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote

import anyio.to_thread
import msgspec

from hfsvc.testing.localhub import wire
from hfsvc.testing.localhub.card import read_card
from hfsvc.testing.localhub.cdn import Grants
from hfsvc.testing.localhub.chunk_storage import ChunkStorage
from hfsvc.testing.localhub.distortions import gzipped, masked
from hfsvc.testing.localhub.faulty_server import RoutedResponse
from hfsvc.testing.localhub.http_messages import Request, Response, content_response, json_response, text_response
from hfsvc.testing.localhub.rate_limit import FixedWindow
from hfsvc.testing.localhub.records import Bucket, RecordedRequest
from hfsvc.testing.localhub.repo_registry import Caller, RepoRegistry, Tokens, caller_of
from hfsvc.testing.localhub.repos import CONVERSION, CommitTree, Repository, StoredFile
from hfsvc.testing.localhub.storage_routes import StorageTokens
from hfsvc.testing.localhub.stored_content import StoredContent
from hfsvc.testing.localhub.wire import HubError

OPEN_FILES = frozenset({"README.md", ".gitattributes"})
_HEADS = (
    "/api/resolve-cache/datasets/",
    "/api/resolve-cache/models/",
    "/api/datasets/",
    "/api/models/",
    "/datasets/",
)
# Models have no part of the address of their own before their names.
_MODEL_FILE = re.compile(r"/(?!api/)[^/]+(?:/[^/]+)?/(?:resolve|raw)/")
MOST_PATHS = 2000
COMMITS_PAGE = 50


@dataclass(frozen=True, slots=True)
class Visit:
    """A request about a repository, taken apart.

    Attributes:
        revision: As asked, decoded.
        path: Inside the repository, decoded.
    """

    request: Request
    record: RecordedRequest
    caller: Caller
    repo: Repository
    revision: str
    path: str
    tree: CommitTree

    @property
    def open_to_caller(self) -> bool:
        """False while a gated dataset's content and hashes are hidden from this caller."""
        return not self.repo.state.gated or self.caller.sees(self.repo.id)


@dataclass
class HubOptions:
    """How the Hub behaves; changes apply to the next request.

    Attributes:
        tokens: Valid tokens, each with globs of the private and gated repositories it sees; None lets every token in.
        page_size: Entries of a page of the tree.
        cdn_url: Base of a CDN that is run elsewhere and has the folder at its root; None is the own one.
        xet: Tell Xet hashes, and hold the files' chunks in the storage behind them.
    """

    tokens: Tokens | None = None
    page_size: int = 1000
    cdn_url: str | None = None
    xet: bool = False


class Hub:
    """Routes of the Hub. `origin`, `cdn_origin` and `storage_origin` are set once the ports are known."""

    def __init__(
        self,
        registries: Sequence[RepoRegistry],
        grants: Grants,
        windows: Mapping[Bucket, FixedWindow],
        options: HubOptions,
        storage: ChunkStorage,
        storage_tokens: StorageTokens,
    ) -> None:
        self._storage, self._storage_tokens = storage, storage_tokens
        self._taken: set[CommitTree] = set()
        self.storage_origin = ""
        self.origin = ""
        self.cdn_origin = ""
        self._registries = {registry.kind: registry for registry in registries}
        self._grants, self._windows, self._options = grants, windows, options
        self._verbs: dict[str, Callable[[Visit], RoutedResponse | Response]] = {
            "info": self._info,
            "revision": self._info,
            "tree": self._tree,
            "paths-info": self._paths_info,
            "refs": self._refs,
            "commits": self._commits,
            "parquet": self._parquet,
            "resolve": self._resolve,
            "resolve-cache": self._cached,
            "raw": self._raw,
            "xet-read-token": self._storage_token,
            "xet-write-token": self._storage_token,
        }

    async def answer(self, request: Request, record: RecordedRequest) -> RoutedResponse:
        """The answer to any request, with the headers that all answers of the Hub carry."""
        record.bucket = _bucket(request.raw_path)
        window = self._windows[record.bucket] if record.bucket else None
        allowed = window is None or window.take()
        try:
            answer = await self._route_anywhere(request, record) if allowed else RoutedResponse(_limited())
        except HubError as error:
            answer = RoutedResponse(error.response)
        common = {"X-Request-Id": request.headers.get("x-request-id") or str(uuid.uuid4())}
        if "authorization" not in request.headers:
            common["X-HF-Warning"] = "unauthenticated; Set a token to get higher rate limits."
        common |= window.headers() if window else {}
        return RoutedResponse(answer.response.adding(common), answer.file, answer.commit)

    async def _route_anywhere(self, request: Request, record: RecordedRequest) -> RoutedResponse:
        """Route at once where nothing needs to be looked up on disk, in a worker thread otherwise."""
        head, parts = _split(request.raw_path)
        repo = self._registry(head).known("/".join(parts[:2]))
        if repo and any(repo.is_pinned(part) for part in parts[2:4]):
            return self._route(request, record)
        return await anyio.to_thread.run_sync(self._route, request, record)

    def _route(self, request: Request, record: RecordedRequest) -> RoutedResponse:
        caller = caller_of(request, self._options.tokens)
        if request.raw_path == "/api/whoami-v2":
            return RoutedResponse(_whoami(caller))
        if request.raw_path == "/parquet":
            return RoutedResponse(self._viewer(request, caller))
        head, parts = _split(request.raw_path)
        if head is None or not parts:
            raise HubError(404, "Sorry, we can't find the page you are looking for.")
        registry = self._registry(head)
        asked = self._asked_repo(registry, parts)
        repo = _visible(registry, asked, caller)
        rest = parts[asked.count("/") + 1 :]
        if repo.id != asked:
            return RoutedResponse(_moved(request, head, repo.id, rest))
        record.repo = repo.id
        return self._visit(request, record, caller, repo, head, rest)

    def _visit(
        self, request: Request, record: RecordedRequest, caller: Caller, repo: Repository, head: str, rest: list[str]
    ) -> RoutedResponse:
        verb, revision, path = _verb(head, [unquote(part) for part in rest])
        if verb not in self._verbs:
            raise HubError(404, "Sorry, we can't find the page you are looking for.")
        tree = repo.refresh(revision)
        if tree is None:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        if self._options.xet:
            self._take_chunks(tree)
        found = self._verbs[verb](Visit(request, record, caller, repo, revision, path, tree))
        return found if isinstance(found, RoutedResponse) else RoutedResponse(found, commit=tree.commit)

    def _take_chunks(self, tree: CommitTree) -> None:
        # While the commit's files are there: its branch may have others later.
        if tree not in self._taken:
            for file in tree.files.values():
                if file.sha256:
                    self._storage.take(file.xet_hash, file.content)
            self._taken.add(tree)

    def _registry(self, head: str | None) -> RepoRegistry:
        return self._registries["datasets" if head is None or "datasets" in head else "models"]

    def _asked_repo(self, registry: RepoRegistry, parts: list[str]) -> str:
        names = [unquote(part) for part in parts[:2]]
        if len(names) == 2 and (registry.canonical("/".join(names)) or names[1] not in self._verbs):
            return "/".join(names)
        return names[0]

    # ---- the API ----------------------------------------------------------------------------------------------------

    def _info(self, visit: Visit) -> Response:
        values = {**wire.info(visit.repo, visit.tree, _card(visit)), "siblings": self._siblings(visit)}
        wanted = [value for key, value in visit.request.query if key in {"expand", "expand[]"}]
        if unknown := [name for name in wanted if name not in wire.INFO_FIELDS]:
            raise HubError(400, f"Invalid expand: {unknown[0]}. Valid values: {', '.join(wire.INFO_FIELDS)}")
        if wanted:
            values = {name: value for name, value in values.items() if name in {"_id", "id", *wanted}}
        return json_response(values)

    def _siblings(self, visit: Visit) -> list[dict[str, Any]]:
        files = [*visit.tree.files.values(), *visit.repo.extra.values()]
        return wire.siblings(files, blobs=visit.request.flag("blobs"), hidden=not visit.open_to_caller)

    def _tree(self, visit: Visit) -> Response:
        recursive, expand = visit.request.flag("recursive"), visit.request.flag("expand")
        entries = wire.tree_entries(visit.tree, visit.path, recursive=recursive, xet=self._options.xet)
        if entries is None:
            raise HubError(404, f'{visit.path} does not exist on "{visit.revision}"', "EntryNotFound")
        if not visit.path:
            entries = (*entries, *map(self._entry, visit.repo.extra.values()), *visit.repo.injected)
        size = min(self._options.page_size, wire.EXPANDED_PAGE) if expand else self._options.page_size
        return wire.page_of(visit.request, self._shown(visit, entries, expand=expand), size, self.origin)

    def _paths_info(self, visit: Visit) -> Response:
        paths, expand = _asked_paths(visit.request)
        if len(paths) > MOST_PATHS:
            raise HubError(400, f"Too many paths: at most {MOST_PATHS} are allowed")
        entries = [entry for path in paths if (entry := self._entry_at(visit, path.strip("/")))]
        return json_response(self._shown(visit, entries, expand=expand))

    def _refs(self, visit: Visit) -> Response:
        for name in visit.repo.branches:
            visit.repo.refresh(name)
        return json_response(wire.refs(visit.repo.refs(), pull_requests=visit.request.flag("include_prs")))

    def _commits(self, visit: Visit) -> Response:
        if not visit.open_to_caller:
            raise wire.gated(visit.repo.id, anonymous=visit.caller.anonymous)
        query, commits = dict(visit.request.query), visit.repo.commits()
        page, limit = int(query.get("p", 0)), int(query.get("limit", COMMITS_PAGE))
        shown = [wire.commit_entry(commit) for commit in commits[page * limit : (page + 1) * limit]]
        return json_response(shown, headers={"X-Total-Count": str(len(commits))})

    def _parquet(self, visit: Visit) -> Response:
        """The files of the parquet copy by configuration and split, or the way to one of them."""
        files = wire.converted_files(visit.tree)
        config, split, number = (*visit.path.split("/"), "", "")[:3]
        if number:
            return self._to_converted(visit, files.get((config, split), []), number)
        base = f"{self.origin}/api/datasets/{visit.repo.id}/parquet"
        listed = wire.listed_parquet(files, base)
        found = listed if not config else listed.get(config, {}) if not split else listed.get(config, {}).get(split, [])
        return json_response(found)

    def _to_converted(self, visit: Visit, files: Sequence[StoredFile], number: str) -> Response:
        stem = number.removesuffix(".parquet")
        if not stem.isdigit() or int(stem) >= len(files):
            raise wire.entry_not_found(visit.tree.commit)
        place = wire.converted_place(self.origin, visit.repo.id, files[int(stem)])
        return text_response(f"Found. Redirecting to {place}", 302, Location=place)

    def _viewer(self, request: Request, caller: Caller) -> Response:
        """What the viewer's own server tells of a parquet copy; it knows datasets by their ids only."""
        asked = dict(request.query).get("dataset", "")
        repo = self._registries["datasets"].get(asked)
        if repo is None or repo.conversion is None or (repo.state.private and not caller.sees(repo.id)):
            raise HubError(404, "The dataset does not exist, or is not accessible.", "ResponseNotFound")
        tree = repo.refresh(CONVERSION)
        files = wire.converted_files(tree) if tree else {}
        document = wire.viewer_parquet(repo, files, repo.conversion, self.origin)
        return json_response(document, headers={"X-Revision": repo.conversion.source_commit})

    def _storage_token(self, visit: Visit) -> Response:
        if not self._options.xet:
            raise HubError(404, "Sorry, we can't find the page you are looking for.")
        if not visit.open_to_caller:
            raise wire.gated(visit.repo.id, anonymous=visit.caller.anonymous)
        files = frozenset(file.xet_hash for file in visit.tree.files.values())
        token, ends = self._storage_tokens.issue(files)
        told = {"casUrl": self.storage_origin, "accessToken": token, "exp": ends}
        names = {"X-Xet-Cas-Url": self.storage_origin, "X-Xet-Access-Token": token}
        return json_response(told, headers={**names, "X-Xet-Token-Expiration": str(ends)})

    def _entry(self, file: StoredFile) -> dict[str, Any]:
        return wire.file_entry(file, xet=self._options.xet)

    def _entry_at(self, visit: Visit, path: str) -> dict[str, Any] | None:
        if file := visit.repo.file(visit.tree, path):
            return self._entry(file)
        folder = visit.tree.folders.get(path)
        return wire.folder_entry(path, folder) if folder else None

    def _shown(
        self, visit: Visit, entries: Sequence[Mapping[str, Any]], *, expand: bool
    ) -> Sequence[Mapping[str, Any]]:
        if not visit.open_to_caller:
            entries = [masked(entry) for entry in entries]
        return [wire.expanded(entry, visit.tree.commit) for entry in entries] if expand else entries

    # ---- content ----------------------------------------------------------------------------------------------------

    def _resolve(self, visit: Visit) -> RoutedResponse:
        file = self._readable_file(visit)
        if visit.request.headers.get("if-none-match") == f'"{file.etag}"':
            response = Response(304).adding({"ETag": f'"{file.etag}"'})
        elif file.sha256:
            response = self._to_cdn(visit, file)
        else:
            response = _to_cache(visit, file)
        commit = visit.tree.commit
        return RoutedResponse(response.adding({"X-Repo-Commit": commit}), file, commit)

    def _to_cdn(self, visit: Visit, file: StoredFile) -> Response:
        if self._options.cdn_url is None:
            location = self.cdn_origin + self._grants.issue(visit.repo, file, visit.request.headers.get("range"))
        else:
            location = f"{self._options.cdn_url.rstrip('/')}/{visit.repo.id}/{quote(file.path)}"
        linked = {
            "Location": location,
            "X-Linked-Size": str(file.size),
            "X-Linked-ETag": f'"{file.sha256}"',
            "Accept-Ranges": "bytes",
            "Cache-Control": "no-store",
        }
        if self._options.xet:
            route = f"{self.origin}/api/{visit.repo.kind}/{visit.repo.id}/xet-read-token/{visit.tree.commit}"
            linked |= {"X-Xet-Hash": file.xet_hash, "Link": f'<{route}>; rel="xet-auth"'}
        return text_response(f"Found. Redirecting to {location}", 302).adding(linked)

    def _cached(self, visit: Visit) -> RoutedResponse:
        file = self._readable_file(visit)
        return RoutedResponse(_git_content(visit, file, file.content), file, visit.tree.commit)

    def _raw(self, visit: Visit) -> RoutedResponse:
        file = self._readable_file(visit)
        content = StoredContent.of(file.pointer) if file.sha256 else file.content
        return RoutedResponse(_git_content(visit, file, content), file, visit.tree.commit)

    def _readable_file(self, visit: Visit) -> StoredFile:
        if visit.repo.state.disabled:
            raise HubError(403, "Access to this resource is disabled.")
        if not visit.open_to_caller and visit.path not in OPEN_FILES:
            raise wire.gated(visit.repo.id, anonymous=visit.caller.anonymous)
        file = visit.repo.file(visit.tree, visit.path)
        if file is None:
            raise wire.entry_not_found(visit.tree.commit)
        visit.record.file = file.path
        return file


def _visible(registry: RepoRegistry, asked: str, caller: Caller) -> Repository:
    repo = registry.get(registry.canonical(asked) or asked)
    if repo is None or (repo.state.private and not caller.sees(repo.id)):
        raise wire.repo_not_found(anonymous=caller.anonymous)
    return repo


# ---- requests -------------------------------------------------------------------------------------------------------


def _bucket(raw_path: str) -> Bucket | None:
    if raw_path.startswith(("/datasets/", "/api/resolve-cache/")) or _MODEL_FILE.match(raw_path):
        return "resolvers"
    return "api" if raw_path.startswith("/api/") else None


def _split(raw_path: str) -> tuple[str | None, list[str]]:
    """The part of the address before the repository, and the segments from there on, still encoded."""
    for head in _HEADS:
        if raw_path.startswith(head):
            return head, raw_path[len(head) :].split("/")
    if _MODEL_FILE.match(raw_path):
        return "/", raw_path[1:].split("/")
    return None, []


def _verb(head: str, rest: list[str]) -> tuple[str, str, str]:
    """What is asked, at which revision, for which path."""
    if head.startswith("/api/resolve-cache/"):
        rest = ["resolve-cache", *rest]
    if not rest:
        return "info", "main", ""
    if rest[0] == "parquet" and head.startswith("/api/"):
        return "parquet", CONVERSION, "/".join(rest[1:]).strip("/")
    if len(rest) == 1:
        return rest[0], "main", ""
    return rest[0], rest[1], "/".join(rest[2:]).strip("/")


def _asked_paths(request: Request) -> tuple[list[str], bool]:
    if request.headers.get("content-type", "").startswith("application/json"):
        asked = msgspec.json.decode(request.body)
        paths = asked.get("paths", [])
        return ([paths] if isinstance(paths, str) else paths), asked.get("expand") is True
    form = parse_qs(request.body.decode())
    return form.get("paths", []), form.get("expand", ["false"])[0].lower() == "true"


# ---- answers --------------------------------------------------------------------------------------------------------


def _whoami(caller: Caller) -> Response:
    if caller.anonymous:
        raise wire.invalid_credentials()
    return json_response(wire.whoami("localhub"))


def _limited() -> Response:
    return json_response({"error": "We had to rate limit you. Wait, or use a token."}, 429)


def _moved(request: Request, head: str, repo: str, rest: list[str]) -> Response:
    query = request.target[len(request.raw_path) :]
    location = head + "/".join([repo, *rest]) + query
    return text_response(f"Temporary Redirect. Redirecting to {location}", 307, Location=location)


def _to_cache(visit: Visit, file: StoredFile) -> Response:
    where = f"/api/resolve-cache/{visit.repo.kind}/{visit.repo.id}/{visit.tree.commit}/{quote(file.path)}"
    location = f"{where}?{quote(visit.request.raw_path, safe='')}=&etag=%22{file.oid}%22"
    words = f"Temporary Redirect. Redirecting to {location}"
    return text_response(words, 307, Location=location).adding({"X-Linked-ETag": f'"{file.oid}"'})


def _git_content(visit: Visit, file: StoredFile, content: StoredContent) -> Response:
    named = {
        "Content-Type": wire.content_type(file.path),
        "Content-Disposition": wire.disposition(file.path),
        "ETag": f'"{file.oid}"',
        "X-Repo-Commit": visit.tree.commit,
    }
    response = content_response(visit.request, content, named)
    packs = "gzip" in visit.request.headers.get("accept-encoding", "") and named["Content-Type"].startswith("text/")
    if packs and response.status in {200, 206}:
        return gzipped(response)
    return response


def _card(visit: Visit) -> Mapping[str, Any]:
    if visit.repo.state.card is not None:
        return visit.repo.state.card
    readme = visit.tree.files.get("README.md")
    return read_card(readme.content.read_all().decode("utf-8", "replace")) if readme else {}
