"""Addresses of git blobs that need not be asked for: they lie beside the one that the Hub redirected to."""

from urllib.parse import quote

from hfsvc.hub.urls import same_origin, without_query
from hfsvc.models import RemoteFile

GIT_BLOB = "git-sha1:"


class BlobAddresses:
    """Where the git blobs of one commit lie, once the Hub has told it of one of them.

    A blob's resolve request is answered by a redirect to another address of the Hub's own, in which only the path is the
    file's (``/api/resolve-cache/datasets/{repo}/{commit}/{path}``, observed 2026). Each of both requests counts against the
    same limit; who goes there at once needs one. What comes is hashed, wherever it came from.

    Args:
        endpoint: Of the Hub.
        commit: Of the dataset.
    """

    def __init__(self, endpoint: str, commit: str) -> None:
        self._endpoint = endpoint
        self._commit = commit
        self._folder: str | None = None
        self._given: set[str] = set()

    def learn(self, file: RemoteFile, target: str) -> None:
        """Take in where the Hub's redirect leads for a file."""
        if self._folder is None and not self._given and _is_blob(file):
            self._folder = folder_of(target, file.path, self._commit, self._endpoint)

    def find(self, file: RemoteFile) -> str | None:
        """Where a file lies; None where it must be asked for.

        Who asks again was refused there: then no address is given any more.
        """
        if self._folder is None or not _is_blob(file):
            return None
        if file.path in self._given:
            self._folder = None
            return None
        self._given.add(file.path)
        return self._folder + quote(file.path, safe="/")


def folder_of(target: str, path: str, commit: str, endpoint: str) -> str | None:
    """The address that those of all files of a commit begin with; None where that of one file does not tell. Pure."""
    address, name = without_query(target), "/" + quote(path, safe="/")
    folder = address.removesuffix(name) if address.endswith(name) else ""
    told = same_origin(target, endpoint) and commit in folder.split("/")
    return f"{folder}/" if told else None


def _is_blob(file: RemoteFile) -> bool:
    return (file.checksum or "").startswith(GIT_BLOB)
