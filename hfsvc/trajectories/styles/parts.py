"""The content of messages, text or parts of any API, as ATIF's content. Pure."""

from typing import Any

import msgspec

from hfsvc.atif import AudioPart, Content, ImagePart, ImageSource, TextPart
from hfsvc.atif.schema import ImageMediaType

IMAGES: dict[str, ImageMediaType] = {
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
}


def content_of(value: Any) -> Content:
    """Text as it is, nothing as no text, a list of parts as parts; anything else as its JSON.

    A list of one text is that text. An image is a part where it is a path or an address whose ending says what it is;
    one whose bytes are in the message is named by a text, since a document has no place for them.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if not isinstance(value, list):
        return _json(value)
    parts: list[TextPart | ImagePart | AudioPart] = [_part(each) for each in value]
    return parts[0].text if len(parts) == 1 and isinstance(parts[0], TextPart) else parts


def text_of(value: Any) -> str:
    """The same as one text, for versions of the format that have no parts."""
    content = content_of(value)
    return content if isinstance(content, str) else "\n".join(map(_said, content))


def openai_content(content: Content) -> str | list[dict[str, Any]]:
    """Content as chat messages hold it: text, or parts where there is more than text."""
    if isinstance(content, str):
        return content
    texts = [part.text for part in content if isinstance(part, TextPart)]
    return "\n".join(texts) if len(texts) == len(content) else list(map(_openai_part, content))


def _part(value: Any) -> TextPart | ImagePart:
    if isinstance(value, str):
        return TextPart(text=value)
    if not isinstance(value, dict):
        return TextPart(text=_json(value))
    if isinstance(value.get("text"), str):
        return TextPart(text=value["text"])
    return _image(value.get("image_url")) or _image(_source(value)) or TextPart(text=_json(value))


def _source(value: dict[str, Any]) -> str | None:
    """The address of an image as Anthropic's API has it, in a ``source``, or as MCP has it; both may hold the bytes."""
    if value.get("type") != "image":
        return None
    source = value["source"] if isinstance(value.get("source"), dict) else value
    kind = source.get("media_type", source.get("mimeType"))
    data = source.get("data")
    return f"data:{kind};base64,{data}" if isinstance(data, str) else source.get("url")


def _image(value: Any) -> TextPart | ImagePart | None:
    url = value.get("url") if isinstance(value, dict) else value
    if not isinstance(url, str):
        return None
    if url.startswith("data:"):
        return TextPart(text=f"[an image of {len(url)} characters: {url[:40].partition(',')[0]}]")
    kind = IMAGES.get(url.partition("?")[0].rpartition(".")[2].lower())
    return ImagePart(source=ImageSource(media_type=kind, path=url)) if kind else None


def _said(part: TextPart | ImagePart | AudioPart) -> str:
    return part.text if isinstance(part, TextPart) else f"[{part.source.path}]"


def _openai_part(part: TextPart | ImagePart | AudioPart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    kind = "image_url" if isinstance(part, ImagePart) else "audio_url"
    return {"type": kind, kind: {"url": part.source.path}}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
