"""Names of datasets and addresses of the Hub: parsing, building, comparing origins. Pure."""

import re
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from hfsvc.errors import InvalidRepoId

PUBLIC_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
NO_REVISIONS = frozenset({"", ".", ".."})
"""What nothing is called: as a segment of an address they vanish, and what is asked for is something else."""
_VIEWER = "https://datasets-server.huggingface.co"
_PART = re.compile(r"\w(?:[\w.-]{0,94}\w)?", re.ASCII)
_GREEDY_REVISION = re.compile(r"(refs/(?:convert|pr)/[^/]+)(?:/(.*))?")
# A sign behind the name begins a revision; further on it belongs to a file's name.
_HF_ADDRESS = re.compile(r"([^/@]*(?:/[^/@]*)?)(?:@(.*)|/(.*))?", re.DOTALL)
_CLONED = re.compile(r"(?:ssh://)?git@(?:www\.)?(?:huggingface\.co|hf\.co)[:/]datasets/(.+?)(?:\.git)?/?")
_OTHER_KINDS = {"models": "a model", "spaces": "a space", "buckets": "a bucket", "collections": "a collection"}
_PAGES = {"tree", "blob", "resolve", "raw"}


RepoKind = Literal["datasets", "models"]


class RepoAddress(NamedTuple):
    """What a text names: a repository, and where the text says so a revision and a path inside it."""

    repo: str
    revision: str | None = None
    path: str | None = None


def parse_repo(text: str, endpoint: str) -> RepoAddress:
    """Read a dataset id in any of the forms people paste.

    Args:
        text: ``owner/name``, ``name``, ``datasets/owner/name``, each also with ``@revision`` or a ``/`` at its end;
            ``hf://datasets/owner/name[@revision][/path]``; a dataset page's address on the Hub or on `endpoint`, also
            without its scheme; or what git clones, ``git@hf.co:datasets/owner/name``.
        endpoint: Its host is accepted in addresses.

    Raises:
        InvalidRepoId: The text names no dataset, or breaks the Hub's rules for ids.
    """
    text = text.strip()
    if text.startswith("hf://"):
        return _parse_hf_uri(text)
    if cloned := _CLONED.fullmatch(text):
        return RepoAddress(_checked(cloned[1], text))
    if text.startswith(("git@", "ssh://")):
        raise InvalidRepoId(repo=text, reason="only git@hf.co:datasets/owner/name is a dataset's address")
    if "://" in text:
        return _parse_page(text, endpoint)
    if text.partition("/")[0].lower() in PUBLIC_HOSTS:
        return _parse_page(f"https://{text}", endpoint)
    repo, at, revision = text.partition("@")
    if at and (revision.strip("/") in NO_REVISIONS or "@" in revision):
        raise InvalidRepoId(repo=text, reason="what follows on '@' is no revision")
    # Whoever completes a name with the tab key gets the slash.
    return RepoAddress(_checked(_without_slash(repo).removeprefix("datasets/"), text), revision.rstrip("/") or None)


def _without_slash(repo: str) -> str:
    return repo[:-1] if repo.endswith("/") and repo.count("/") > 1 else repo


def check_repo_id(repo: str) -> str:
    """The id itself, when it keeps the Hub's rules.

    One optional ``/``; each part 1 to 96 of ``[A-Za-z0-9_.-]``, first and last a word character; no ``--``, no ``..``,
    not ending in ``.git`` (the rules of huggingface_hub 2.4).
    """
    return _checked(repo, repo)


def _checked(repo: str, text: str) -> str:
    parts = repo.split("/")
    if len(parts) == 3 and parts[0] in _OTHER_KINDS:
        raise InvalidRepoId(repo=text, reason=f"it names {_OTHER_KINDS[parts[0]]}")
    if len(parts) > 2 or not all(_PART.fullmatch(part) for part in parts):
        reason = "it must be owner/name, of letters, digits, '-', '_' and '.', each part at most 96 long"
        raise InvalidRepoId(repo=text, reason=reason)
    if "--" in repo or ".." in repo or repo.endswith(".git"):
        raise InvalidRepoId(repo=text, reason="it must not hold '--' or '..', nor end in '.git'")
    return repo


def _parse_hf_uri(text: str) -> RepoAddress:
    kind, _, rest = text.removeprefix("hf://").partition("/")
    if kind != "datasets":
        raise InvalidRepoId(repo=text, reason="only hf://datasets/owner/name is a dataset's address")
    repo, tail, path = _HF_ADDRESS.fullmatch(rest).groups()  # type: ignore[union-attr]  # it takes any text
    repo = _checked(repo.rstrip("/"), text)
    if tail is None:
        return RepoAddress(repo, None, path or None)
    # Not a web address: a path in it stands as it is, only the revision may be quoted.
    revision, inside = _split_revision(tail)
    return RepoAddress(repo, revision and unquote(revision), inside)


def _parse_page(text: str, endpoint: str) -> RepoAddress:
    try:
        parts = urlsplit(text)
    except ValueError:
        raise InvalidRepoId(repo=text, reason="it is no address") from None
    if parts.hostname not in PUBLIC_HOSTS | {urlsplit(endpoint).hostname}:
        raise InvalidRepoId(repo=text, reason="it is an address of another site")
    path = parts.path.removeprefix(urlsplit(endpoint).path).strip("/").removeprefix("api/").removesuffix(".git")
    if not path.startswith("datasets/"):
        raise InvalidRepoId(repo=text, reason="it is no page of a dataset")
    repo, rest = _split_page([unquote(part) for part in path.split("/")[1:]], path.split("/")[1:])
    revision, inside = _split_revision(rest) if rest else (None, None)
    return RepoAddress(_checked(repo, text), revision and unquote(revision), inside and unquote(inside))


def _split_page(parts: list[str], raw: list[str]) -> tuple[str, str | None]:
    # A page of a single-name dataset is /datasets/squad/tree/...: the word after the id tells where the id ends.
    for length in (1, 2):
        if len(parts) > length and parts[length] in _PAGES | {"viewer", "discussions", "commits", "settings"}:
            return "/".join(parts[:length]), "/".join(raw[length + 1 :]) if parts[length] in _PAGES else None
    return "/".join(parts), None


def _split_revision(tail: str) -> tuple[str | None, str | None]:
    if greedy := _GREEDY_REVISION.fullmatch(tail):
        return greedy[1], greedy[2] or None
    revision, _, path = tail.partition("/")
    return revision or None, path or None


# ---- addresses the Hub knows ------------------------------------------------------------------------------------------


def info_url(endpoint: str, repo: str, revision: str, kind: RepoKind = "datasets") -> str:
    """Info at a revision. The revision is one segment: an open slash in it would be read as a path."""
    return f"{endpoint}/api/{kind}/{repo}/revision/{quote(revision, safe='')}"


def tree_url(endpoint: str, repo: str, commit: str, kind: RepoKind = "datasets") -> str:
    """First page of the recursive listing at a commit."""
    return f"{endpoint}/api/{kind}/{repo}/tree/{quote(commit, safe='')}?recursive=true"


def resolve_url(endpoint: str, repo: str, commit: str, path: str, kind: RepoKind = "datasets") -> str:
    """Where the content of a file begins. The path is encoded part by part and never normalised."""
    place = f"{endpoint}/{repo}" if kind == "models" else f"{endpoint}/{kind}/{repo}"
    return f"{place}/resolve/{quote(commit, safe='')}/{quote(path, safe='/')}"


def conversion_state_url(endpoint: str, repo: str) -> str:
    """Where the state of the Hub's parquet copy is told: by the viewer's server, a mirror's at its own address."""
    public = urlsplit(endpoint).hostname in PUBLIC_HOSTS
    return f"{_VIEWER if public else endpoint}/parquet?dataset={quote(repo, safe='')}"


def conversion_files_url(endpoint: str, repo: str) -> str:
    """Where the files of the Hub's parquet copy are listed by configuration and split."""
    return f"{endpoint}/api/datasets/{repo}/parquet"


def storage_token_url(endpoint: str, repo: str, commit: str) -> str:
    """Where a token is given for the storage that holds the chunks of a dataset's files."""
    return f"{endpoint}/api/datasets/{repo}/xet-read-token/{quote(commit, safe='')}"


def whoami_url(endpoint: str) -> str:
    """Who the token belongs to. Limited more tightly than the rest of the API."""
    return f"{endpoint}/api/whoami-v2"


# ---- origins ----------------------------------------------------------------------------------------------------------


# Half a dozen times for each request, while it is under way.
@lru_cache(maxsize=256)
def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port, the default port filled in."""
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default


def same_origin(url: str, other: str) -> bool:
    """True when both addresses reach the same server."""
    return origin(url) == origin(other)


def is_downgrade(url: str, target: str) -> bool:
    """True when a redirect would leave https."""
    return urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https"


def next_hop(url: str, location: str, endpoint: str) -> str | None:
    """The target of a redirect: relative or absolute, its query kept as it is; None where nothing can be asked there.

    Of a mirror that lies below a path of its host, `endpoint` names that path: what the Hub itself calls ``/api/…`` is
    below it, too.
    """
    try:
        target = urljoin(url, location)
        scheme, host, _ = origin(target)
    except ValueError:
        return None
    if location.startswith("/") and not location.startswith("//") and same_origin(target, endpoint):
        target = _below_prefix(target, endpoint)
    return target if scheme in {"http", "https"} and host else None


def _below_prefix(url: str, endpoint: str) -> str:
    prefix, parts = urlsplit(endpoint).path.rstrip("/"), urlsplit(url)
    return url if f"{parts.path}/".startswith(f"{prefix}/") else urlunsplit(parts._replace(path=prefix + parts.path))


def across_prefix(url: str, endpoint: str) -> str | None:
    """The same address outside of the path that `endpoint` lies below, or inside of it; None where there is no such path."""
    prefix, parts = urlsplit(endpoint).path.rstrip("/"), urlsplit(url)
    if not prefix or not same_origin(url, endpoint):
        return None
    inside = parts.path.startswith(f"{prefix}/")
    return urlunsplit(parts._replace(path=parts.path.removeprefix(prefix) if inside else prefix + parts.path))


def following_page(url: str, link: str) -> str | None:
    """The page of a listing that ``Link`` names as the next one, where `url` itself lies; None where it names none.

    Only what stands behind the ``?`` counts: behind a mirror, the address is the public Hub's, or one inside.
    """
    try:
        query = urlsplit(link).query
    except ValueError:
        return None
    if query and "recursive=" not in query:
        query = f"recursive=true&{query}"
    return urlunsplit(urlsplit(url)._replace(query=query)) if query else None


def without_query(url: str) -> str:
    """The address as it may be shown: a signed query is a secret."""
    return shown_origin(url) + urlsplit(url).path


def shown_origin(url: str) -> str:
    """Scheme, host and port as addresses have them."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{parts.port}" if parts.port else "")
