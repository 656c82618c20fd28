"""One word for one thing: names of modules and public classes, and what their first lines say."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import hfsvc

HOUSE = Path(hfsvc.__file__).parent
MODULES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(HOUSE.rglob("*.py"))}
# Modules of one name that play the same part in several rooms.
SAME_PART = {"base", "errors", "metrics"}
# What the loopback Hub has of the Hub: its side of the same thing.
BOTH_SIDES = {"card", "rate_limit", "wire"}
# Folders whose modules are named for what they expose of other rooms.
EXPOSING = {"cli", "models", "server/routes"}


def modules() -> dict[str, list[str]]:
    found = defaultdict(list)
    for path in MODULES:
        folder = path.parent.relative_to(HOUSE).as_posix()
        if path.stem not in {"__init__", "__main__"} and folder not in EXPOSING:
            found[path.stem].append(path.relative_to(HOUSE).as_posix())
    return found


def public_classes() -> Iterator[tuple[Path, ast.ClassDef]]:
    for path, tree in MODULES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield path, node


def test_no_two_public_classes_have_one_name() -> None:
    # ATIF's names are the format's own.
    names = Counter(node.name for path, node in public_classes() if "atif" not in path.parts[:-2])
    assert [name for name, count in names.items() if count > 1] == []


def test_no_two_modules_have_one_name_but_for_those_of_one_part() -> None:
    twice = {name: paths for name, paths in modules().items() if len(paths) > 1}
    assert {name: paths for name, paths in twice.items() if name not in SAME_PART | BOTH_SIDES} == {}


@pytest.mark.parametrize("path", [path for path in MODULES if path.stat().st_size], ids=str)
def test_a_module_says_in_its_first_line_what_it_is(path: Path) -> None:
    first = (ast.get_docstring(MODULES[path]) or "").partition("\n")[0]
    assert first.endswith((".", ":")), first


@pytest.mark.parametrize(("path", "node"), [*public_classes()], ids=lambda each: getattr(each, "name", ""))
def test_a_public_class_says_in_its_first_line_what_it_is(path: Path, node: ast.ClassDef) -> None:
    first = (ast.get_docstring(node) or "").partition("\n")[0]
    assert first, f"{node.name} in {path}"
    assert not first.startswith("See "), f"{node.name} in {path}"
