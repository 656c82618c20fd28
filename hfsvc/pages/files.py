"""The files that the pages are made of, served and put into reports as they are: nothing builds them."""

from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import NamedTuple

MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class PageFile(NamedTuple):
    """A file of the pages. `etag` changes with its content."""

    content: bytes
    media_type: str
    etag: str


@cache
def load_files() -> dict[str, PageFile]:
    """Every file of the pages, by name: what is not in here is not there, whatever a request asks for."""
    folder = files("hfsvc.pages") / "static"
    found = {each.name: each.read_bytes() for each in folder.iterdir() if _extension(each.name) in MEDIA_TYPES}
    return {name: _page_file(name, content) for name, content in found.items()}


def index_page(**lists: Iterable[str]) -> PageFile:
    """The page that shows everything; its scripts read there what the server tells it in lists of names."""
    text = load_files()["index.html"].content.decode()
    filled = Template(text).substitute({name: " ".join(names) for name, names in lists.items()})
    return _page_file("index.html", filled.encode())


def _page_file(name: str, content: bytes) -> PageFile:
    return PageFile(content, MEDIA_TYPES[_extension(name)], f'"{sha256(content).hexdigest()[:16]}"')


def _extension(name: str) -> str:
    return name.rpartition(".")[2]
