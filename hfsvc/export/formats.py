"""The formats of exports, how the ending of a name implies one, and the names of shards. Pure."""

import re
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from hfsvc.errors import InvalidExport
from hfsvc.trajectories.positions import Shard

Format = Literal["jsonl", "parquet", "steps", "openai", "sharegpt", "atif-dir", "sts", "prompt-completion", "tokens"]
FORMATS: tuple[Format, ...] = get_args(Format)
Kind = Literal["lines", "table", "folder"]
Compression = Literal["zstd", "gzip"]

_KINDS: dict[Format, tuple[Kind, ...]] = {
    "jsonl": ("lines",),
    "parquet": ("table",),
    "steps": ("table",),
    "openai": ("lines", "table"),
    "sharegpt": ("lines", "table"),
    "atif-dir": ("folder",),
    "sts": ("folder",),
    "prompt-completion": ("lines", "table"),
    "tokens": ("table",),
}
_COMPRESSIONS: dict[str, Compression] = {".zst": "zstd", ".gz": "gzip"}
_ENDING = re.compile(r"(?P<type>\.(?:jsonl|ndjson|parquet))?(?P<compression>\.(?:zst|gz))?$", re.IGNORECASE)


class Target(NamedTuple):
    """Where an export goes, and in which form.

    Attributes:
        path: A file; for folders of trajectories the folder.
        format: What is written.
        kind: JSON lines, a parquet table, or a folder of files.
        compression: Of JSON lines; None for none.
        store: The address that `path` is below, in an object store; None for this disk.
    """

    path: Path
    format: Format
    kind: Kind
    compression: Compression | None
    store: str | None = None

    @property
    def where(self) -> str:
        """The path, or the address."""
        return str(self.path) if self.store is None else f"{self.store}/{self.path}"


def choose_target(path: Path, format: Format | None = None, shard: Shard | None = None) -> Target:
    """What to write, going by the ending of a name where no format is given.

    Args:
        path: As the caller gave it.
        format: What to write; None for ``parquet`` where the name ends in ``.parquet``, ``jsonl`` where it ends in
            ``.jsonl`` or ``.ndjson``, with ``.zst`` or ``.gz`` behind it or not.
        shard: ``(i, n)`` puts ``-0000i-of-0000n`` before the ending.

    Raises:
        InvalidExport: The name tells no format, or another one than is given.
    """
    type_, compression = _endings(path.name)
    chosen = format or _guess(path, type_)
    kind = _kind(path, chosen, type_)
    if kind != "lines" and compression:
        raise InvalidExport(target=str(path), reason=f"{chosen} is not compressed as a whole")
    named = path if shard is None else path.with_name(shard_name(path.name, shard))
    return Target(named, chosen, kind, _COMPRESSIONS.get(compression))


def choose_stream(format: Format | None = None) -> Format:
    """What to write to a stream, such as stdout; ``jsonl`` unless another format of lines is given.

    Raises:
        InvalidExport: The format cannot be written as lines.
    """
    chosen = format or "jsonl"
    if "lines" not in _KINDS[chosen]:
        raise InvalidExport(target="a stream", reason=f"{chosen} needs a file or folder of its own")
    return chosen


def shard_name(name: str, shard: Shard) -> str:
    """``train.jsonl.zst`` and ``(2, 8)`` make ``train-00002-of-00008.jsonl.zst``."""
    index, shards = shard
    return named_before_ending(name, f"{index:05d}-of-{shards:05d}")


def named_before_ending(name: str, part: str) -> str:
    """``runs.jsonl.zst`` and ``test`` make ``runs-test.jsonl.zst``."""
    ending = _ENDING.search(name)
    cut = ending.start() if ending else len(name)
    return f"{name[:cut]}-{part}{name[cut:]}"


def _endings(name: str) -> tuple[str, str]:
    found = _ENDING.search(name)
    return ((found["type"] or "").lower(), (found["compression"] or "").lower()) if found else ("", "")


def _guess(path: Path, type_: str) -> Format:
    if type_ == ".parquet":
        return "parquet"
    if type_:
        return "jsonl"
    raise InvalidExport(target=str(path), reason=f"its name tells no format; give one of {', '.join(FORMATS)}")


def _kind(path: Path, format: Format, type_: str) -> Kind:
    implied: Kind | None = "table" if type_ == ".parquet" else "lines" if type_ else None
    kinds = _KINDS[format]
    if implied is None or kinds == ("folder",):
        return kinds[0]
    if implied not in kinds:
        raise InvalidExport(target=str(path), reason=f"{format} is no content for a file called {type_}")
    return implied
