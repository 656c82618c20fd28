"""Which media files a document needs beside it (rule 21). Whether they are there is for the caller to see."""

from collections.abc import Iterator

import msgspec

from hfsvc.atif.findings import Path, json_path
from hfsvc.atif.schema import AudioPart, Content, ImagePart, Trajectory


class MediaPath(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A local file that a content part refers to.

    Attributes:
        path: As written: absolute, or relative to the document's folder.
        at: JSON path of the field that names it.
        kind: ``image`` or ``audio``.
    """

    path: str
    at: str
    kind: str


def media_paths(trajectory: Trajectory) -> tuple[MediaPath, ...]:
    """The files that Harbor's validator wants to exist when it validates a valid document as a file.

    These are the image and audio parts of messages and of observation results in the document's own steps, in document
    order. Left out, as Harbor does, are addresses (anything with ``://``), empty paths, and embedded subagents. A file
    that several parts name comes several times.
    """
    return tuple(
        MediaPath(path=part.source.path, at=json_path((*place, "source", "path")), kind=_kind(part))
        for place, part in media_parts(trajectory)
        if part.source.path and "://" not in part.source.path
    )


def _kind(part: ImagePart | AudioPart) -> str:
    return "image" if isinstance(part, ImagePart) else "audio"


def media_parts(trajectory: Trajectory) -> Iterator[tuple[Path, ImagePart | AudioPart]]:
    """All image and audio parts of the document's own steps, and where each is."""
    for place, content in _contents(trajectory):
        for index, part in enumerate(content if isinstance(content, list) else ()):
            if isinstance(part, ImagePart | AudioPart):
                yield (*place, index), part


def _contents(trajectory: Trajectory) -> Iterator[tuple[Path, Content | None]]:
    for number, step in enumerate(trajectory.steps):
        yield ("steps", number, "message"), step.message
        for index, result in enumerate(step.observation.results if step.observation else ()):
            yield ("steps", number, "observation", "results", index, "content"), result.content
