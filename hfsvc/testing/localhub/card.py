"""The front matter of a README, as far as a test's dataset card needs it."""

import json
import re
from collections.abc import Iterator
from typing import Any

KEY = re.compile(r"([\w-]+):\s*(.*)")


def read_card(readme: str) -> dict[str, Any]:
    """Top-level keys with a plain value or a list of plain values; anything nested is left out.

    A reader for full YAML would be a dependency: a test that needs more sets the card itself.
    """
    card: dict[str, Any] = {}
    key = ""
    for line in _front_matter(readme):
        if found := KEY.fullmatch(line):
            key = found[1]
            card[key] = _plain(found[2]) if found[2] else []
        elif line.lstrip().startswith("- ") and isinstance(card.get(key), list) and ": " not in line:
            card[key].append(_plain(line.lstrip()[2:]))
    return {key: value for key, value in card.items() if value != []}


def _front_matter(readme: str) -> Iterator[str]:
    lines = iter(readme.removeprefix("\ufeff").splitlines())
    if next(lines, "").rstrip() != "---":
        return
    for line in lines:
        if line.rstrip() == "---":
            return
        yield line.rstrip()


def _plain(text: str) -> Any:
    if text in {"true", "false"} or text.startswith('"'):
        return json.loads(text)
    return text.strip("'")
