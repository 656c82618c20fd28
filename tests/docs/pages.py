"""The documentation as tests read it: pages, their blocks, commands and tables."""

import re
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block; `line` is its first line in the page, from 1."""

    language: str
    text: str
    line: int


class Step(NamedTuple):
    """A command of a console block, what the page shows of its output, and the exit code it names."""

    command: str
    shown: tuple[str, ...]
    code: int


def page(name: str) -> str:
    """The text of a page below docs/."""
    return (PROJECT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def blocks_of(text: str) -> list[Block]:
    """All fenced blocks that start at the margin."""
    return [Block(found[1], found[2], text.count("\n", 0, found.start(2)) + 1) for found in _FENCE.finditer(text)]


def steps_of(console: str) -> list[Step]:
    """The commands after ``$``; ``$ echo $?`` and the line after it name the exit code of the one before."""
    steps: list[Step] = []
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, *shown = part.rstrip("\n").split("\n")
        if command == "echo $?":
            steps[-1] = steps[-1]._replace(code=int(shown[0]))
        else:
            steps.append(Step(command, tuple(shown), 0))
    return steps


def fits(shown: str, line: str) -> bool:
    """Whether a line of output is what a page shows; ``…`` stands for anything, also at the end."""
    return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), line) is not None


def rows_of(text: str) -> list[list[str]]:
    """The rows of all tables whose first cell is code, cell by cell."""
    lines = (line for line in text.splitlines() if line.startswith("| `"))
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def sections_of(text: str, level: str) -> dict[str, str]:
    """The texts below headings of one level, up to the next heading of that or a higher one."""
    found = re.finditer(rf"^{level} (.+?)\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    return {each[1]: each[2] for each in found}


def code(cell: str) -> str:
    """What stands between the backticks of a cell."""
    found = re.fullmatch(r"`([^`]*)`", cell)
    assert found, cell
    return found[1]
