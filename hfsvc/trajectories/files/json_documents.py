"""JSON documents out of files, one at a time: single documents, arrays of them and JSON Lines, compressed or not."""

import io
import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from lzma import LZMAError, LZMAFile
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Literal

import msgspec

from hfsvc.errors import BadDocuments
from hfsvc.models.file_kinds import COMPRESSED
from hfsvc.trajectories.files.json_arrays import BrokenArray, split_array

BUFFER_BYTES = 1 << 20
_BLANKS = re.compile(r"[ \t\r\n]*")

Shape = Literal["json", "lines", "unknown"]

_SHAPES: dict[str, Shape] = {".json": "json", ".jsonl": "lines", ".ndjson": "lines"}
# RFC 1952, RFC 8878, and the formats' own descriptions.
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz"}


class Document(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One document of a file, as it stands there; it may be no JSON.

    Attributes:
        text: Its bytes.
        line: In JSON Lines, its line, counted from 1.
        index: In an array, its place, counted from 0.
    """

    text: bytes
    line: int | None = None
    index: int | None = None


def shape_of(name: str) -> Shape:
    """What the ending of a file's name promises, in any case of letters; that of a compression behind it does not count."""
    path = PurePath(name.lower())
    ending = PurePath(path.stem).suffix if path.suffix in COMPRESSED else path.suffix
    return _SHAPES.get(ending, "unknown")


def read_file(path: Path, on_bytes: Callable[[int], None] | None = None) -> Iterator[Document]:
    """The documents of a file; see `read_documents`.

    Args:
        path: Its ending says what it holds, else its first bytes do.
        on_bytes: Called with how many bytes of the file have been read, whenever it is more.

    Raises:
        BadDocuments: The file cannot be opened, too.
    """
    reported = 0
    with _reading(str(path)), path.open("rb", buffering=0) as raw:
        # A pipe has a name too, as shells give one to the output of a command, but no position.
        report = on_bytes if raw.seekable() else None
        for document in read_documents(raw, str(path)):
            if report and (read := raw.tell()) > reported:
                report(read)
                reported = read
            yield document


def read_documents(stream: BinaryIO, name: str = "-", *, as_rows: bool = False) -> Iterator[Document]:
    """The documents of an open stream, in order; memory holds one at a time.

    A ``.json`` text is an array of documents, or one document; ``.jsonl`` and ``.ndjson`` hold one a line, blank lines left
    out. Under another name the text counts as JSON Lines when its first line is JSON by itself. Gzip, Zstandard, bzip2
    and xz are told from the first bytes.

    Args:
        stream: Is read, and closed at the end.
        name: For its ending, and for errors.
        as_rows: Read what datasets are made of, and other readers of them take: a byte order mark is passed over, and
            ``.json`` may hold JSON Lines, or objects one after another, too.

    Raises:
        BadDocuments: The stream breaks off, or is damaged, or an array does not end as it should; whole documents before
            it came.
    """
    with _reading(name), decompressed(stream) as reader:
        shape = shape_of(name)
        if as_rows:
            shape = "lines" if shape == "lines" else "unknown"
            reader.read(len(BOM_UTF8) * reader.peek(len(BOM_UTF8)).startswith(BOM_UTF8))
        yield from _documents(reader, shape, in_turn=as_rows)


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, LZMAError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadDocuments(file=name, reason=reason.rstrip(".")) from error
    except BrokenArray as error:
        raise BadDocuments(file=name, reason=str(error)) from error


@contextmanager
def decompressed(stream: BinaryIO) -> Iterator[io.BufferedReader]:
    """A stream as it was before it was compressed, if it was; its first bytes tell how."""
    with _buffered(stream) as reader:
        head = reader.peek(6)
        codec = next((codec for magic, codec in _MAGIC.items() if head.startswith(magic)), None)
        if codec is None:
            yield reader
            return
        with _buffered(_unpacking(reader, codec)) as unpacked:
            yield unpacked


def _unpacking(reader: io.BufferedReader, codec: str) -> Any:
    if codec == "xz":
        return LZMAFile(reader)
    # Late: most files are not compressed, and pyarrow takes a while to load.
    import pyarrow as pa

    return pa.CompressedInputStream(reader, codec)


def _buffered(stream: Any) -> io.BufferedReader:
    return io.BufferedReader(stream, BUFFER_BYTES)


def _documents(reader: io.BufferedReader, shape: Shape, *, in_turn: bool) -> Iterator[Document]:
    if shape == "lines":
        yield from _lines(reader)
        return
    blank = _read_blanks(reader)
    if reader.peek(1).startswith(b"["):
        blocks = iter(partial(reader.read, BUFFER_BYTES), b"")
        yield from (Document(text=text, index=index) for index, text in enumerate(split_array(blocks)))
        return
    first = reader.readline() if shape == "unknown" else b""
    if _is_json(first):
        line = blank.count(b"\n") + 1
        yield Document(text=first, line=line)
        yield from _lines(reader, line + 1)
    else:
        # With what was before it, so that messages count its lines rightly.
        text = blank + first + reader.read()
        yield from (in_turn and _one_after_another(text)) or [Document(text=text)]


def _one_after_another(text: bytes) -> list[Document]:
    """The objects that a text holds one after another, printed over lines; none of any other text."""
    try:
        whole = text.decode()
        found, at = list[Document](), _next_value(whole, 0)
        while at < len(whole):
            stop = _read_next(whole, at)
            found.append(Document(text=whole[at:stop].encode(), line=whole.count("\n", 0, at) + 1))
            at = _next_value(whole, stop)
    except (ValueError, RecursionError):
        return []
    return found if len(found) > 1 else []


def _read_next(text: str, start: int) -> int:
    """Where the value that begins at `start` ends."""
    stop: int = json.JSONDecoder().raw_decode(text, start)[1]
    return stop


def _next_value(text: str, start: int) -> int:
    blank = _BLANKS.match(text, start)
    return blank.end() if blank else start


def _lines(reader: io.BufferedReader, first: int = 1) -> Iterator[Document]:
    return (Document(text=text, line=line) for line, text in enumerate(reader, first) if not text.isspace())


def _read_blanks(reader: io.BufferedReader) -> bytes:
    passed = b""
    while head := reader.peek(1):
        rest = head.lstrip()
        passed += reader.read(len(head) - len(rest))
        if rest:
            break
    return passed


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
