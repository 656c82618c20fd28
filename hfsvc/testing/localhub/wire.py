"""JSON and headers as the Hub writes them, seen from its live answers and its own clients in 2026."""

import base64
import mimetypes
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from hfsvc.testing.localhub.distortions import masked
from hfsvc.testing.localhub.http_messages import Request, Response, json_response, text_response
from hfsvc.testing.localhub.repos import CommitTree, ConversionFacts, Repository, StoredFile

DATE = "2026-01-01T00:00:00.000Z"
EXPANDED_PAGE = 50
INFO_FIELDS = [
    "author",
    "cardData",
    "citation",
    "createdAt",
    "description",
    "disabled",
    "downloads",
    "downloadsAllTime",
    "gated",
    "lastModified",
    "likes",
    "mainSize",
    "paperswithcode_id",
    "private",
    "resourceGroup",
    "sha",
    "siblings",
    "tags",
    "trendingScore",
    "usedStorage",
]
_CONVERTED = re.compile(r"([^/]+)/(?:partial-)?(\w+(?:\.\w+)*)(?:-part\d+)?/\d+\.parquet")
TEXT_SUFFIXES = (".md", ".txt", ".json", ".jsonl", ".csv", ".tsv", ".yaml", ".yml", ".gitattributes", ".py", ".xml")


class HubError(Exception):
    """An answer of the Hub that is an error, with its code for machines where it has one."""

    def __init__(self, status: int, message: str, code: str | None = None, *, text: bool = False, **more: str) -> None:
        super().__init__(message)
        codes = {"X-Error-Code": code} if code else {}
        words = {"X-Error-Message": _as_header(message)}
        named = {name.replace("_", "-"): value for name, value in more.items()}
        plain = text_response(message, status) if text else json_response({"error": message}, status)
        self.response: Response = plain.adding({**codes, **words, **named})


def _as_header(text: str) -> str:
    """A text as a header can carry it, whatever was asked for."""
    return "".join(each if " " <= each <= "~" else "?" for each in text).strip()


def repo_not_found(*, anonymous: bool) -> HubError:
    """A missing repository, or a private one of others: the Hub does not tell which."""
    if anonymous:
        return invalid_credentials()
    return HubError(404, "Repository not found", "RepoNotFound")


def invalid_credentials() -> HubError:
    """No token where one is needed, or a token that is not valid."""
    realm = 'Bearer realm="Authentication required"'
    return HubError(401, "Invalid username or password.", WWW_Authenticate=realm)


def gated(repo: str, *, anonymous: bool) -> HubError:
    """Content of a gated dataset, for a caller without access."""
    restricted = f"Access to dataset {repo} is restricted"
    if anonymous:
        words = f"{restricted}. You must have access to it and be authenticated to access it. Please log in."
        return HubError(401, words, "GatedRepo")
    return HubError(
        403, f"{restricted} and you are not in the authorized list. Ask for access on its page.", "GatedRepo"
    )


def entry_not_found(commit: str) -> HubError:
    """A path that a commit does not have, on resolve."""
    return HubError(404, "Entry not found", "EntryNotFound", text=True, X_Repo_Commit=commit)


def file_entry(file: StoredFile, *, xet: bool = False) -> dict[str, Any]:
    """A file as tree and paths-info list it."""
    entry: dict[str, Any] = {"type": "file", "oid": file.oid, "size": file.size, "path": file.path}
    if file.sha256:
        entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": len(file.pointer)}
        if xet:
            entry["xetHash"] = file.xet_hash
    return entry


def folder_entry(path: str, oid: str) -> dict[str, Any]:
    """A folder as tree and paths-info list it."""
    return {"type": "directory", "oid": oid, "size": 0, "path": path}


def expanded(entry: Mapping[str, Any], commit: str) -> dict[str, Any]:
    """An entry with what ``expand=true`` adds."""
    last = {"id": commit, "title": "Upload files", "date": DATE}
    return {**entry, "lastCommit": last, "securityFileStatus": {"status": "safe"}}


@lru_cache(maxsize=8)
def tree_entries(tree: CommitTree, below: str, *, recursive: bool, xet: bool) -> tuple[Mapping[str, Any], ...] | None:
    """Everything below a folder, or only its members, in path order; None when there is no such folder.

    Remembered, because a large tree is asked for page by page.
    """
    if below not in tree.folders:
        return None
    prefix = f"{below}/" if below else ""
    folders = [folder_entry(path, oid) for path, oid in tree.folders.items() if path]
    entries = [*folders, *(file_entry(file, xet=xet) for file in tree.files.values())]
    found = [entry for entry in entries if entry["path"].startswith(prefix)]
    if not recursive:
        found = [entry for entry in found if "/" not in entry["path"][len(prefix) :]]
    return tuple(sorted(found, key=lambda entry: entry["path"].encode("utf-8", "surrogateescape")))


def page_of(request: Request, entries: Sequence[Mapping[str, Any]], page_size: int, origin: str) -> Response:
    """One page of a listing; `Link` leads to the next while there is one."""
    query = dict(request.query)
    limit = max(1, min(int(query.get("limit", page_size)), page_size))
    start = _offset(query["cursor"]) if "cursor" in query else 0
    stop = start + limit
    answer = json_response(entries[start:stop])
    if stop >= len(entries):
        return answer
    following = urlencode({**query, "cursor": _cursor(stop)})
    return answer.adding({"Link": f'<{origin}{request.raw_path}?{following}>; rel="next"'})


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode({"offset": offset})).decode()


def _offset(cursor: str) -> int:
    try:
        return int(msgspec.json.decode(base64.urlsafe_b64decode(cursor))["offset"])
    except (ValueError, KeyError, TypeError, msgspec.DecodeError):
        raise HubError(400, "Invalid cursor") from None


def info(repo: Repository, tree: CommitTree, card: Mapping[str, Any]) -> dict[str, Any]:
    """A dataset's info with every default field but `siblings`."""
    license_tags = [f"license:{card['license']}"] if "license" in card else []
    used = sum(file.size for file in tree.files.values())
    return {
        "_id": repo.state.hub_id or repo.hub_id,
        "id": repo.id,
        "author": repo.id.split("/")[0],
        "sha": tree.commit,
        "lastModified": DATE,
        "createdAt": DATE,
        "private": repo.state.private,
        "gated": repo.state.gated,
        "disabled": repo.state.disabled,
        "tags": [*license_tags, "region:us"],
        "downloads": 0,
        "likes": 0,
        "cardData": dict(card),
        "usedStorage": used,
        "mainSize": used,
        "description": "",
    }


def siblings(files: Iterable[StoredFile], *, blobs: bool, hidden: bool) -> list[dict[str, Any]]:
    """Files as info lists them; with `blobs` sizes and hashes too, masked where they are `hidden`."""
    return [_sibling(file, hidden=hidden) if blobs else {"rfilename": file.path} for file in files]


def _sibling(file: StoredFile, *, hidden: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"rfilename": file.path, "size": file.size, "blobId": file.oid}
    if file.sha256:
        listed = masked(file_entry(file)) if hidden else file_entry(file)
        entry["lfs"] = {"sha256": listed["lfs"]["oid"], "size": file.size, "pointerSize": len(file.pointer)}
    return entry


def refs(commits: Mapping[str, str], *, pull_requests: bool) -> dict[str, Any]:
    """Branches, tags, conversions and, when asked for, pull requests."""
    kinds = {"refs/tags/": "tags", "refs/convert/": "converts", "refs/pr/": "pullRequests", "": "branches"}
    found: dict[str, Any] = {"branches": [], "converts": [], "tags": []}
    if pull_requests:
        found["pullRequests"] = []
    for name, commit in commits.items():
        prefix, kind = next((prefix, kind) for prefix, kind in kinds.items() if name.startswith(prefix))
        ref = {"name": name.removeprefix(prefix), "ref": name if prefix else f"refs/heads/{name}"}
        if kind in found:
            found[kind].append({**ref, "targetCommit": commit})
    return found


def converted_files(tree: CommitTree) -> dict[tuple[str, str], list[StoredFile]]:
    """The files of a parquet copy by configuration and split, in order."""
    found: dict[tuple[str, str], list[StoredFile]] = {}
    for path, file in sorted(tree.files.items()):
        if place := _CONVERTED.fullmatch(path):
            found.setdefault((place[1], place[2]), []).append(file)
    return found


def converted_place(origin: str, repo: str, file: StoredFile) -> str:
    """Where a file of a parquet copy is resolved."""
    return f"{origin}/datasets/{repo}/resolve/refs%2Fconvert%2Fparquet/{quote(file.path)}"


def listed_parquet(files: Mapping[tuple[str, str], Sequence[StoredFile]], base: str) -> dict[str, dict[str, list[str]]]:
    """The files of a parquet copy as the Hub lists them, by addresses below `base`."""
    found: dict[str, dict[str, list[str]]] = {}
    for (config, split), each in files.items():
        places = [f"{base}/{quote(config)}/{quote(split)}/{number}.parquet" for number in range(len(each))]
        found.setdefault(config, {})[split] = places
    return found


def viewer_parquet(
    repo: Repository,
    files: Mapping[tuple[str, str], Sequence[StoredFile]],
    facts: ConversionFacts,
    origin: str,
) -> dict[str, Any]:
    """The files of a parquet copy as the viewer lists them, with what is missing."""

    def named(parts: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
        return [{"dataset": repo.id, "config": config, "split": split} for config, split in parts]

    listed = [
        {
            "dataset": repo.id,
            "config": config,
            "split": split,
            "url": converted_place(origin, repo.id, file),
            "filename": file.path.rpartition("/")[2],
            "size": file.size,
        }
        for (config, split), each in files.items()
        for file in each
    ]
    return {
        "parquet_files": listed,
        "pending": named(facts.pending),
        "failed": named(facts.failed),
        "partial": facts.partial,
    }


def commit_entry(commit: str) -> dict[str, Any]:
    """A commit as the commit list has it."""
    author = {"user": "localhub", "avatar": "/avatars/localhub.svg"}
    return {"id": commit, "title": "Upload files", "message": "", "authors": [author], "date": DATE}


def whoami(name: str) -> dict[str, Any]:
    """A user with a read token."""
    access = {"displayName": "localhub", "role": "read", "createdAt": DATE}
    account = {"type": "user", "id": "64aa00000000000000000000", "name": name, "fullname": name, "isPro": False}
    return {**account, "orgs": [], "auth": {"type": "access_token", "accessToken": access}}


def content_type(path: str) -> str:
    """As resolve tells it: all text is plain text."""
    if path.lower().endswith(TEXT_SUFFIXES):
        return "text/plain; charset=utf-8"
    return mimetypes.guess_type(path)[0] or "application/octet-stream"


def disposition(path: str) -> str:
    """`Content-Disposition` with the file's name, encoded and in plain ASCII."""
    name = path.rsplit("/", 1)[-1]
    plain = name.encode("ascii", "replace").decode().replace('"', "'")
    return f"inline; filename*=UTF-8''{quote(name, safe='')}; filename=\"{plain}\";"
