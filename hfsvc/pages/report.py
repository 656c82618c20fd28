"""One trajectory as a page that needs no server: its data, its style and its scripts stand in it. Pure, but for the files."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from string import Template

import msgspec

from hfsvc.atif import Trajectory, encode
from hfsvc.pages.files import load_files

ENTRY = "report.js"
STYLES = ("base.css", "trajectory.css")
_IMPORT = re.compile(r'^import (?:\{[^}]*\} from )?"\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const)\b)", re.MULTILINE)
_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<title>$title</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>$style</style>
</head>
<body>
<noscript><p>This page needs JavaScript. Its data can be read in its source.</p></noscript>
<script type="application/json" id="data">$data</script>
<script type="module">$script</script>
</body>
</html>
""")


def make_report(trajectory: Trajectory, *, row: int, source: str, version: str) -> bytes:
    """The page, UTF-8.

    Nothing in it runs but its own script, and nothing is loaded: its policy names both by their hashes.

    Args:
        trajectory: The document.
        row: Where it stands in its dataset, from 0.
        source: What the dataset is called.
        version: Of what made the page.
    """
    script, style = join_modules(ENTRY, _read), "\n".join(map(_read, STYLES))
    facts = {"row": row, "source": source, "version": version, "trajectory": msgspec.Raw(encode(trajectory))}
    page = _PAGE.substitute(
        policy=_policy(script, style), title=f"hfsvc: row {row}", style=style, script=script, data=_as_data(facts)
    )
    return page.encode()


def join_modules(entry: str, read: Callable[[str], str]) -> str:
    """A module and all that it imports, as one: every module after those it needs, without imports and exports.

    So top-level names must differ over all of them.

    Args:
        entry: Name of the module that is wanted.
        read: Gives the source of a module by its name.
    """
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", read(name))) for name in dict.fromkeys(_needed(entry, read)))


def _needed(name: str, read: Callable[[str], str]) -> Iterator[str]:
    for other in _IMPORT.findall(read(name)):
        yield from _needed(other, read)
    yield name


def _read(name: str) -> str:
    return load_files()[name].content.decode()


def _as_data(facts: object) -> str:
    # A text such as </script> would end the element; in JSON `<` occurs in texts only.
    return msgspec.json.encode(facts).decode().replace("<", "\\u003c")


def _policy(script: str, style: str) -> str:
    sources = f"script-src '{_hash(script)}'; style-src '{_hash(style)}'"
    return f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
