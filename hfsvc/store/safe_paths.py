"""Checks of the paths that the Hub lists, which are not trusted. They are pure, but for those that look at the disk.

Refused is what leaves its folder under the rules of any system, and what this one cannot hold. What only others cannot hold
is found, so that people can be told: harmless datasets have such names.
"""

import errno
import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hfsvc.disk import disk_errors
from hfsvc.errors import StoreNotWritable, UnsafePath

STATE_FOLDER = ".hfsvc"
INDEX_NAME = "index.json"
MAX_NAME_BYTES = 255
_CANNOT_HOLD = {errno.EINVAL, errno.ENAMETOOLONG, errno.ENOENT, errno.EILSEQ}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What nearly all paths are: no other system than Windows has anything against them.
_PLAIN = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}/)*[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")
# Signs, the end of a part, names of devices.
_FOREIGN_TO_WINDOWS = re.compile(
    r'[<>:"|?*]|[. ](?:/|\Z)'
    r"|(?:\A|/)(?:con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\.|/|\Z)",
    re.IGNORECASE,
)


def check_path(path: str) -> str:
    """The path itself, when it may become a file below a dataset's folder.

    Raises:
        UnsafePath: Absolute, ``..``, backslash, control characters, a name that no disk can hold, the store's own folder;
            on Windows also drives, devices and what it reads as another name.
    """
    if reason := refusal(path):
        raise UnsafePath(path=path, reason=reason)
    return path


def check_dataset_folder(repo: str) -> str:
    """The id itself, when a folder of that name may lie in the root.

    Raises:
        UnsafePath: As for files, or it is the name of the index.
    """
    if repo.casefold() == INDEX_NAME:
        raise UnsafePath(path=repo, reason=f"{INDEX_NAME} is the store's own")
    return check_path(repo)


def refusal(path: str) -> str | None:
    """Why `check_path` refuses a path; None where it does not."""
    if _PLAIN.fullmatch(path) and os.name != "nt":
        return None
    if not path or path.startswith("/"):
        return "it is absolute or empty"
    if "\\" in path:
        return "it holds a backslash, which leads elsewhere on Windows"
    if _CONTROL.search(path):
        return "it holds control characters"
    return next((reason for part in path.split("/") if (reason := _part_refusal(part))), None)


def _part_refusal(part: str) -> str | None:
    if part in {"", ".", ".."}:
        return "it leaves its folder, or a part of it is empty"
    if part.casefold() == STATE_FOLDER:
        return f"{STATE_FOLDER} is the store's own"
    if os.name == "nt" and _FOREIGN_TO_WINDOWS.search(part):
        return "Windows cannot hold it, or reads it as another name"
    try:
        length = len(part.encode())
    except UnicodeEncodeError:
        return "it is no text"
    return f"a part of it is longer than {MAX_NAME_BYTES} bytes" if length > MAX_NAME_BYTES else None


def find_unportable(paths: Iterable[str]) -> tuple[str, ...]:
    """Those of the paths that other systems cannot hold, alone or beside another one of them."""
    seen: set[str] = set()
    found = []
    for path in paths:
        key = fold(path)
        if key in seen or _FOREIGN_TO_WINDOWS.search(path):
            found.append(path)
        seen.add(key)
    return tuple(found)


def check_names(folder: Path, paths: Sequence[str]) -> None:
    """Raise where the disk below an existing folder cannot hold a name that many disks hold, but not all.

    Raises:
        UnsafePath: It refuses the name.
        StoreNotWritable: It refuses every name.
    """
    longest = max(paths, key=lambda path: max(len(part.encode()) for part in path.split("/")), default=None)
    for path in {*find_unportable(paths), *filter(None, [longest])}:
        for part in path.split("/"):
            _try_name(folder, path, part)


def _try_name(folder: Path, path: str, part: str) -> None:
    probe = folder / part
    if os.path.lexists(probe):
        return
    try:
        probe.touch()
    except OSError as error:
        if error.errno in _CANNOT_HOLD:
            raise UnsafePath(path=path, reason=f"this disk cannot hold {part!r}") from None
        raise StoreNotWritable(path=str(folder), reason=error.strerror or str(error)) from error
    probe.unlink(missing_ok=True)


def check_together(paths: Iterable[str], *, case_sensitive: bool) -> None:
    """Raise where two paths need the same place.

    Args:
        paths: All files of a dataset.
        case_sensitive: Whether the disk keeps ``a`` and ``A``, and both unicode forms of a letter, apart.

    Raises:
        UnsafePath: One path is a file where another needs a folder, or two are one on this disk.
    """
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        key = path if case_sensitive else fold(path)
        if key in files and files[key] != path:
            raise UnsafePath(path=path, reason=f"on this disk it is the same file as {files[key]}")
        files[key] = path
        folders.update(dict.fromkeys(parents(key), path))
    for key in files.keys() & folders.keys():
        raise UnsafePath(path=files[key], reason=f"it is a file where {folders[key]} needs a folder")


def fold(path: str) -> str:
    """The form under which disks that ignore case and unicode forms look a name up."""
    return path.casefold() if path.isascii() else unicodedata.normalize("NFC", path.casefold())


def parents(path: str) -> Iterator[str]:
    """The folders that a path needs, outermost first."""
    parts = path.split("/")
    return ("/".join(parts[:length]) for length in range(1, len(parts)))


def is_case_sensitive(folder: Path) -> bool:
    """Whether the disk below an existing folder keeps names apart that differ in case."""
    probe = folder / "case-probe"
    try:
        probe.touch()
        return not (folder / "CASE-PROBE").exists()
    except OSError as error:
        raise StoreNotWritable(path=str(folder), reason=error.strerror or str(error)) from error
    finally:
        probe.unlink(missing_ok=True)


def inside(folder: Path, path: str) -> Path:
    """Where a checked path lies below `folder`, without leaving it through a link that someone put there.

    Raises:
        UnsafePath: A folder on the way is a link, or the place is taken by something that is no file.
        StoreNotWritable: The disk does not tell.
    """
    target = folder
    for part in check_path(path).split("/")[:-1]:
        target /= part
        mode = _mode(target)
        if stat.S_ISLNK(mode):
            raise UnsafePath(path=path, reason=f"{target} is a link, which may lead out of the store")
        if mode and not stat.S_ISDIR(mode):
            raise UnsafePath(path=path, reason=f"{target} is a file, and a folder is needed")
    target /= path.rpartition("/")[2]
    if stat.S_ISDIR(_mode(target)):
        raise UnsafePath(path=path, reason=f"{target} is a folder, and a file is needed")
    return target


def _mode(path: Path) -> int:
    with disk_errors(path, verb="read"):
        try:
            return os.lstat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return 0
