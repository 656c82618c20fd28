"""The arrows between the rooms of the house, read from the imports."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hfsvc

HOUSE = Path(hfsvc.__file__).parent
FOUNDATION = {"models", "rows", "errors", "settings", "units", "hfsvc"}
# What each room may import of the others, beside itself.
ALLOWED = {
    "errors": {"units"},
    "units": set(),
    "models": set(),
    "rows": {"models", "atif"},
    "protocols": {"models", "rows", "atif"},
    "atif": {"errors"},
    "settings": {"errors", "units"},
    "checksum": set(),
    "backoff": {"errors"},
    "cursors": {"errors"},
    "metrics": {"errors"},
    "structured": set(),
    "rounds": set(),
    "disk": {"errors"},
    "hub": FOUNDATION | {"backoff", "metrics"},
    "download": FOUNDATION | {"backoff", "checksum", "disk", "metrics", "rounds"},
    "store": FOUNDATION | {"checksum", "disk", "rounds"},
    "documents": {"atif", "errors"},
    "trajectories": FOUNDATION | {"atif", "cursors", "documents", "protocols", "store", "disk", "structured"},
    "pages": {"atif"},
    "export": FOUNDATION | {"atif", "protocols", "disk", "structured", "trajectories"},
}
FORBIDDEN_LIBRARIES = {
    "atif": {"httpx", "pyarrow", "anyio", "asyncio", "filelock", "pathlib", "os"},
    "models": {"httpx", "pyarrow", "anyio", "asyncio", "filelock"},
    "protocols": {"httpx", "pyarrow", "anyio", "asyncio", "filelock"},
    "errors": {"httpx", "pyarrow", "anyio", "asyncio", "filelock", "pathlib"},
    "download": {"httpx", "pyarrow", "filelock", "stamina"},
    "store": {"httpx", "pyarrow", "stamina"},
    "documents": {"httpx", "anyio", "asyncio", "filelock"},
    "hub": {"pyarrow", "filelock", "shutil", "tempfile"},
    "trajectories": {"httpx", "filelock"},
    "export": {"httpx", "filelock"},
    "pages": {"httpx", "pyarrow", "anyio", "asyncio", "filelock", "litestar"},
}
UNAWARE_OF_DEPENDENCY_INJECTION = {
    "atif",
    "models",
    "protocols",
    "errors",
    "hub",
    "download",
    "store",
    "documents",
    "trajectories",
    "export",
    "pages",
}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else module


def imports(path: Path) -> Iterator[str]:
    """Full names of modules, those that only type checkers see included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(HOUSE.rglob("*.py")):
        parts = path.relative_to(HOUSE.parent).with_suffix("").parts
        yield ".".join(parts), path


def rooms() -> dict[str, dict[str, set[str]]]:
    """``{room: {module: what it imports}}``."""
    found: dict[str, dict[str, set[str]]] = {}
    for name, path in modules():
        found.setdefault(room_of(name), {})[name] = set(imports(path))
    return found


ROOMS = rooms()


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_a_room_imports_only_what_lies_below_it(room: str) -> None:
    for module, found in ROOMS[room].items():
        ours = {room_of(name) for name in found if name == "hfsvc" or name.startswith("hfsvc.")}
        assert ours - {room} <= ALLOWED[room], module


@pytest.mark.parametrize("room", sorted(FORBIDDEN_LIBRARIES))
def test_a_room_keeps_away_from_what_is_not_its_trade(room: str) -> None:
    for module, found in ROOMS[room].items():
        assert not {name.split(".")[0] for name in found} & FORBIDDEN_LIBRARIES[room], module


def test_only_the_container_and_the_edges_know_of_dependency_injection() -> None:
    for room in UNAWARE_OF_DEPENDENCY_INJECTION:
        for module, found in ROOMS[room].items():
            assert not any(name.startswith("dependency_injector") for name in found), module


def test_nothing_below_the_edges_imports_the_command_line_or_the_tests_tools() -> None:
    for room, found in ROOMS.items():
        if room in {"cli", "testing", "__main__"}:
            continue
        for module, names in found.items():
            assert not {"cli", "testing"} & {room_of(name) for name in names if name.startswith("hfsvc")}, module


def test_every_room_is_known_here() -> None:
    above = {
        "hfsvc",
        "__init__",
        "__main__",
        "cli",
        "containers",
        "datasets",
        "notebook",
        "server",
        "testing",
        "transfers",
        "wishes",
    }
    assert ROOMS.keys() - above <= ALLOWED.keys()


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "statement", ["import hfsvc", "import hfsvc.testing", "from hfsvc import DatasetRequest, Settings"]
)
def test_the_package_loads_without_its_heavy_parts(statement: str) -> None:
    assert not loaded_by(statement) & {"pyarrow", "httpx", "anyio", "asyncio", "dependency_injector", "rich", "click"}


def test_downloading_loads_no_pyarrow() -> None:
    assert "pyarrow" not in loaded_by("from hfsvc import open_container")


def test_the_public_names_are_sorted_and_there() -> None:
    assert list(hfsvc.__all__) == sorted(hfsvc.__all__)
    for name in hfsvc.__all__:
        assert getattr(hfsvc, name) is not None
