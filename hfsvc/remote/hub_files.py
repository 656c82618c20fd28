"""The files of one commit on the Hub, read in worker threads by the ranges that are asked for."""

import io
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa
from anyio import from_thread
from anyio.lowlevel import EventLoopToken

from hfsvc.aio.loop_task import LoopTask
from hfsvc.models import RemoteFile
from hfsvc.models.file_kinds import PARQUET, kind_of
from hfsvc.remote.range_reader import RangeReader
from hfsvc.remote.spans import Bytes, Span, assembled, uncovered
from hfsvc.trajectories.files.dataset_files import REMOTE_LOGGER, PortableFiles, content_digest
from hfsvc.units import format_bytes

notes = logging.getLogger(REMOTE_LOGGER)
CallOnLoop = Callable[..., Any]
FOOTER_BYTES = 64 << 10
"""What pyarrow reads of the end of a parquet file, and more where its footer is longer."""
FOOTERS_AT_ONCE = 64
FIRST_WINDOW_BYTES = 256 << 10
LONGEST_WINDOW_BYTES = 4 << 20
TOLD_BYTES = 1 << 20


class HubFile:
    """A file that is open, and the access to its ranges. Any anyio worker thread may read it, one at a time.

    Args:
        file: As it was listed.
        reader: Of the commit.
        token: Of the event loop that the reader belongs to.
        identity: Stands for its content.
        call: As for `HubFiles`.
    """

    def __init__(
        self, file: RemoteFile, reader: RangeReader, token: EventLoopToken, identity: str, call: CallOnLoop
    ) -> None:
        self.size = file.size
        self.identity: tuple[int | str, ...] = (identity,)
        self._file = file
        self._reader = reader
        self._token = token
        self._call = call
        self._held: list[Bytes] = []

    # ---- an open file -----------------------------------------------------------------------------------------------

    @property
    def ranges(self) -> "HubFile":
        return self

    def stream(self) -> BinaryIO:
        made: Any = _InOrder(self)
        return made  # type: ignore[no-any-return]

    def seekable(self) -> pa.NativeFile:
        return pa.PythonFile(_AtAnyPlace(self), mode="r")

    def arrow(self) -> pa.NativeFile:
        return pa.PythonFile(io.BufferedReader(_InOrder(self), FIRST_WINDOW_BYTES), mode="r")

    # ---- access to its ranges ---------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        return self._reader.cache.limit

    def read(self, spans: Sequence[Span], *, in_order: bool = False) -> list[bytes]:
        pieces = [*self._held, *self._reader.cache.find(self._file.path, spans)]
        if uncovered(spans, ((each.start, each.stop) for each in pieces)):
            pieces += self._call(self._reader.fetch, self._file, spans, in_order)
        return [assembled(span, pieces) for span in spans]

    def hold(self, spans: Sequence[Span]) -> None:
        self._held = []
        self._held = self._call(self._reader.fetch, self._file, spans)

    def begin(self, spans: Sequence[Span], *, in_order: bool = False) -> LoopTask:
        return LoopTask(self._token, lambda: self._reader.fetch(self._file, spans, in_order))

    def forget(self) -> None:
        self._held = []
        self._reader.cache.forget(self._file.path)


class _AtAnyPlace(io.RawIOBase):
    """A file for who reads here and there, and knows how much."""

    def __init__(self, file: HubFile) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        stop = self._file.size if size is None or size < 0 else min(self._at + size, self._file.size)
        if stop <= self._at:
            return b""
        (found,) = self._file.read([(self._at, stop)])
        self._at = stop
        return found


class _InOrder(io.RawIOBase):
    """A file for who reads on and on: what comes next is fetched before it is asked for, the more the further it goes."""

    def __init__(self, file: HubFile) -> None:
        self._file = file
        self._at = 0
        self._window: Bytes = Bytes(0, b"")
        self._longest = max(1, min(LONGEST_WINDOW_BYTES, file.room // 8))
        self._length = min(FIRST_WINDOW_BYTES, self._longest)
        self._ahead: LoopTask | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._file.size:
            return 0
        if not self._window.start <= self._at < self._window.stop:
            self._move_window()
        data = memoryview(self._window.data)[self._at - self._window.start :][: len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _move_window(self) -> None:
        goes_on = self._at == self._window.stop and self._at > 0
        self._length = min(self._longest, self._length * 2) if goes_on else min(FIRST_WINDOW_BYTES, self._longest)
        stop = min(self._at + self._length, self._file.size)
        (data,) = self._file.read([(self._at, stop)], in_order=True)
        self._window = Bytes(self._at, data)
        self._end_ahead()
        if goes_on and stop < self._file.size:
            following = min(self._longest, self._length * 2)
            self._ahead = self._file.begin([(stop, min(stop + following, self._file.size))], in_order=True)

    def _end_ahead(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead:
            ahead.close()

    def close(self) -> None:
        self._end_ahead()
        super().close()


class HubFiles:
    """`DatasetFiles` of one commit on the Hub, or in an object store.

    Args:
        repo: The dataset.
        commit: 40 hex digits.
        files: Those that may be read, by path.
        reader: Of the commit.
        token: Of the event loop that the reader belongs to.
        is_verified: As `DatasetFiles.is_verified`.
        pack: Makes what opens some of them elsewhere.
        call: Awaits a coroutine function on that loop; unless given, as a part of the call that the worker thread was asked by,
            and cancelled with it.
    """

    is_remote = True

    def __init__(
        self,
        repo: str,
        commit: str,
        files: Mapping[str, RemoteFile],
        reader: RangeReader,
        token: EventLoopToken,
        *,
        pack: Callable[[Sequence[RemoteFile]], PortableFiles],
        is_verified: bool = False,
        call: CallOnLoop = from_thread.run,
    ) -> None:
        self.repo = repo
        self.is_verified = is_verified
        self._commit = commit
        self._files = files
        self._reader = reader
        self._token = token
        self._pack = pack
        self._call = call

    @contextmanager
    def open(self, path: str) -> Iterator[HubFile]:
        yield self._opened(path)

    def _opened(self, path: str) -> HubFile:
        if path not in self._files:
            raise FileNotFoundError(path)
        return HubFile(self._files[path], self._reader, self._token, self.content(path) or "", self._call)

    def read(self, path: str) -> bytes:
        opened = self._opened(path)
        return opened.read([(0, opened.size)])[0]

    def content(self, path: str) -> str | None:
        return content_digest(path, self._known)

    def _known(self, path: str) -> str | None:
        file = self._files.get(path)
        return f"{file.checksum or f'{self._commit}/{path}'} {file.size}" if file else None

    def prepare(self, paths: Sequence[str]) -> Iterator[str]:
        """The paths, after what opening them needs was fetched: the ends of parquet files, many at once."""
        streamed = [self._files[path] for path in paths if kind_of(path) is not PARQUET]
        _tell_streamed(self.repo, streamed, self._reader.cache.limit)
        at_once = max(1, min(FOOTERS_AT_ONCE, self._reader.cache.limit // (2 * FOOTER_BYTES)))
        for first in range(0, len(paths), at_once):
            some = paths[first : first + at_once]
            footers = [self._files[path] for path in some if kind_of(path) is PARQUET]
            self._call(self._reader.fetch_ends, footers, FOOTER_BYTES)
            yield from some

    def portable(self, paths: Collection[str]) -> PortableFiles:
        """As `DatasetFiles.portable`."""
        return self._pack([self._files[path] for path in sorted(paths) if path in self._files])


def _tell_streamed(repo: str, files: Sequence[RemoteFile], room: int) -> None:
    total = sum(file.size for file in files)
    if total >= TOLD_BYTES:
        which = files[0].path if len(files) == 1 else f"{len(files)} files of {repo}"
        again = f", and read again for them: remote_cache_bytes holds {format_bytes(room)}" if total > room else ""
        notes.warning("%s: no parquet, so all of it is read to find its rows: %s%s", which, format_bytes(total), again)
