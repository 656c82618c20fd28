"""Files of the user's own as a dataset that is already on disk: one file, a folder, or a glob.

Nothing is recorded of them and nothing is asked of the Hub. Their commit stands for what the disk says of them: names,
sizes and times of change.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from anyio import to_thread

from hfsvc.errors import PathNotFound
from hfsvc.models import DatasetRequest, DownloadedDataset, OnEvent
from hfsvc.models.file_kinds import kind_of
from hfsvc.settings import make_absolute
from hfsvc.store.directories import rows_folder

LOOK_AGAIN_S = 1.0
LOCAL_REVISION = "local"
"""What stands for a revision: there is no other than what is there."""
_SIGNS = re.compile(r"[*?\[]")
_PATHS = ("/", "./", "../", "~/", ".\\", "..\\")


def is_path(name: str | os.PathLike[str]) -> bool:
    """Whether a name is one of files rather than of a dataset.

    A path object, an absolute path, one that begins with ``./``, ``../`` or ``~/``, a glob, a single word that is there on
    disk or ends as a file of rows does, a file of rows that is there, or a path of more than two parts that is.
    ``owner/name`` is a dataset, whatever lies on disk.
    """
    if not isinstance(name, str):
        return True
    if "://" in name:
        return False
    if name in {".", "..", "~"} or name.startswith(_PATHS) or _SIGNS.search(name) or Path(name).is_absolute():
        return True
    slashes, is_data, path = name.count("/"), kind_of(name) is not None, Path(name)
    if slashes == 0:
        return is_data or path.exists()
    if slashes == 1:
        return is_data and path.is_file()
    return not name.startswith("datasets/") and path.exists()


class LocalFiles:
    """What `hfsvc.trajectories.source` asks of a `DatasetService`, answered for files of the user's own.

    Args:
        path: Of a file or folder, or a glob.

    Attributes:
        path: Of them, absolute.
        name: What they are called: the last part of the path. Bytes of it that are no UTF-8 are shown as one character.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = make_absolute(Path(path)).resolve()
        self.name = os.fsencode(self.path.name).decode("utf-8", "replace") or "files"
        self._known: DownloadedDataset | None = None
        self._looked_s = -LOOK_AGAIN_S

    @property
    def digest(self) -> str:
        """Stands for the path in names of caches."""
        return hashlib.blake2b(os.fsencode(self.path), digest_size=8).hexdigest()

    def sidecars(self, root: Path) -> Path:
        """Where sidecars of theirs lie in the store at `root`."""
        return rows_folder(root, f"local/{self.digest}")

    async def get_download_info(self, repo: str) -> DownloadedDataset | None:
        """What is there now, or was a moment ago.

        Raises:
            PathNotFound: Nothing is there.
        """
        if self._known is None or time.monotonic() - self._looked_s >= LOOK_AGAIN_S:
            self._known = await to_thread.run_sync(self._look, repo)
            self._looked_s = time.monotonic()
        return self._known

    async def is_downloaded(self, repo: str) -> bool:
        """Always: there is nowhere else that they could be."""
        return True

    async def download(self, request: DatasetRequest, *, on_event: OnEvent | None = None) -> DownloadedDataset:
        """Nothing can be.

        Raises:
            PathNotFound: Always.
        """
        raise PathNotFound(path=str(self.path))

    def _look(self, repo: str) -> DownloadedDataset:
        folder, files = self._files()
        if not files:
            raise PathNotFound(path=str(self.path))
        told = [(path, (folder / path).stat()) for path in files]
        listed = "".join(f"{path}\n{status.st_size} {status.st_mtime_ns}\n" for path, status in told)
        return DownloadedDataset(
            repo=repo,
            folder=str(folder),
            files=tuple(files),
            total_bytes=sum(status.st_size for _, status in told),
            downloaded_at=datetime.fromtimestamp(max(status.st_mtime for _, status in told), UTC),
            revision=LOCAL_REVISION,
            commit=hashlib.sha1(listed.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest(),
        )

    def _files(self) -> tuple[Path, list[str]]:
        """The folder, and the paths of the files below it, in byte order."""
        if self.path.is_dir():
            folder, found = self.path, _files_below(self.path)
        elif self.path.is_file():
            folder, found = self.path.parent, iter([self.path])
        else:
            folder, found = _before_signs(self.path), iter(files_of_glob(self.path))
        return folder, sorted((path.relative_to(folder).as_posix() for path in found), key=os.fsencode)


def files_of_glob(path: Path) -> list[Path]:
    """The files that a glob finds, sorted."""
    folder = _before_signs(path)
    return sorted(filter(Path.is_file, folder.glob(str(path.relative_to(folder)))))


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        # What begins with a dot belongs to tools.
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in files if not name.startswith("."))


def _before_signs(path: Path) -> Path:
    """The folder above the first part of a glob that is one."""
    return next((above for above in path.parents if not _SIGNS.search(str(above))), path.parent)
