"""The Hub's JSON as tolerant structs: unknown fields pass, and nothing of these leaves this room."""

import re
from typing import Annotated, Any

import msgspec

from hfsvc.errors import InvalidRepoId, NotAHub
from hfsvc.hub.card import read_configs
from hfsvc.hub.urls import check_repo_id
from hfsvc.models import RemoteDataset, RemoteFile

_SHA256 = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
# Not in capitals: it is a name, and goes into addresses as it is.
_XET_HASH = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)
# RFC 8288 §3: parameters in any order, blanks around every sign, texts that hold commas, several relations in one.
_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"[^"]*"|[^\s";,]+))?)*)')
_LINK_PARAMETER = re.compile(r';\s*([^\s=;,]+)\s*=\s*("[^"]*"|[^\s";,]+)')


Size = Annotated[int, msgspec.Meta(ge=0)]


class RepoInfo(msgspec.Struct, frozen=True, rename={"hub_id": "_id", "card_data": "cardData"}):
    """Answer of the info call, the fields we rely on."""

    id: str
    sha: str
    hub_id: str | None = None
    card_data: Any = None
    tags: list[Any] | None = None


class LfsPointer(msgspec.Struct, frozen=True):
    """Of an LFS or Xet file: `oid` is the sha256 of the content, or 64 stars while the Hub masks it."""

    oid: str | None = None
    size: Size | None = None


class TreeEntry(msgspec.Struct, frozen=True, rename={"xet_hash": "xetHash"}):
    """One line of a listing. `oid` is a git sha1: of the content, or of the pointer where `lfs` is there."""

    type: str
    path: str
    size: Size | None = None
    oid: str | None = None
    lfs: LfsPointer | None = None
    xet_hash: str | None = None


_info = msgspec.json.Decoder(RepoInfo)
_entries = msgspec.json.Decoder(list[TreeEntry])


def decode_info(body: bytes, revision: str, url: str) -> RemoteDataset:
    """The dataset that an info answer describes.

    Raises:
        NotAHub: The body is not an info answer, its id is none, or its commit is not 40 hex digits.
    """
    try:
        info = _info.decode(body)
        check_repo_id(info.id)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidRepoId) as error:
        raise NotAHub(url=url, reason=f"it sent no dataset info ({error})") from None
    if not _SHA1.fullmatch(info.sha):
        raise NotAHub(url=url, reason="its dataset info names no commit")
    return RemoteDataset(
        repo=info.id,
        hub_id=info.hub_id,
        revision=revision,
        commit=info.sha.lower(),
        license=_license(info),
        configs=read_configs(info.card_data),
    )


def decode_entries(body: bytes, url: str) -> list[TreeEntry]:
    """One page of a listing. An entry that is odd in itself keeps what can be used of it.

    Raises:
        NotAHub: The body is no listing.
    """
    try:
        return _entries.decode(body)
    except msgspec.ValidationError:
        return _decode_one_by_one(body, url)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotAHub(url=url, reason=f"it sent no file listing ({error})") from None


def _decode_one_by_one(body: bytes, url: str) -> list[TreeEntry]:
    try:
        return [_usable(fields) for fields in msgspec.json.decode(body, type=list[dict[str, Any]])]
    except msgspec.MsgspecError as error:
        raise NotAHub(url=url, reason=f"it sent no file listing ({error})") from None


def _usable(fields: dict[str, Any]) -> TreeEntry:
    """An entry without those of its facts that have another type.

    Raises:
        msgspec.ValidationError: It does not say what it is, or where.
    """
    lfs = fields.get("lfs")
    parts = {
        "lfs": LfsPointer(**_fitting(LfsPointer, lfs if isinstance(lfs, dict) else {})) if lfs is not None else None
    }
    named = msgspec.convert({"type": fields.get("type"), "path": fields.get("path")}, TreeEntry)
    return msgspec.structs.replace(named, **_fitting(TreeEntry, fields | parts))


def _fitting(kind: type[msgspec.Struct], fields: dict[str, Any]) -> dict[str, Any]:
    return {
        each.name: fields[each.encode_name]
        for each in msgspec.structs.fields(kind)
        if each.encode_name in fields and _fits(fields[each.encode_name], each.type)
    }


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def remote_file(entry: TreeEntry) -> RemoteFile:
    """The file that an entry describes. A hash that is not hex (masked for gated datasets) is no hash."""
    # Of LFS files the outer size may be the pointer's.
    size = entry.lfs.size if entry.lfs and entry.lfs.size is not None else entry.size
    fault = "no size that can be used" if size is None else None
    xet_hash = entry.xet_hash if entry.xet_hash and _XET_HASH.fullmatch(entry.xet_hash) else None
    return RemoteFile(path=entry.path, size=size or 0, checksum=_entry_checksum(entry), fault=fault, xet_hash=xet_hash)


def _entry_checksum(entry: TreeEntry) -> str | None:
    if entry.lfs is None:
        return checksum_of_etag(entry.oid, sha1_only=True)
    return f"sha256:{entry.lfs.oid.lower()}" if entry.lfs.oid and _SHA256.fullmatch(entry.lfs.oid) else None


def checksum_of_etag(etag: str | None, *, sha1_only: bool = False) -> str | None:
    """The content hash in an ``X-Linked-ETag``: 64 hex digits are a sha256, 40 a git blob's sha1, else None."""
    text = (etag or "").removeprefix("W/").strip('"').lower()
    if _SHA1.fullmatch(text):
        return f"git-sha1:{text}"
    return f"sha256:{text}" if not sha1_only and _SHA256.fullmatch(text) else None


def next_page(link: str | None) -> str | None:
    """The next page's address in a ``Link`` header, if there is one; it may be relative."""
    return next((target for target, parameters in _LINK.findall(link or "") if "next" in _relations(parameters)), None)


def _relations(parameters: str) -> list[str]:
    named = (value for name, value in _LINK_PARAMETER.findall(parameters) if name.lower() == "rel")
    return next(named, "").strip("\"'").lower().split()


def _license(info: RepoInfo) -> str | None:
    card = info.card_data if isinstance(info.card_data, dict) else {}
    named = card.get("license")
    if isinstance(named, list):
        named = ", ".join(str(each) for each in named)
    tagged = (tag.removeprefix("license:") for tag in info.tags or () if str(tag).startswith("license:"))
    return str(named) if named else next(tagged, None)
