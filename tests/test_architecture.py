"""The arrows between the rooms of the house, read from the imports."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hfsvc

HOUSE = Path(hfsvc.__file__).parent
FOUNDATION = {
    "hfsvc",
    "arguments",
    "secret",
    "models",
    "errors",
    "settings",
    "units",
    "disk",
    "metrics",
    "aio",
    "files",
}
# What each room may import of the others, beside itself.
ALLOWED: dict[str, set[str]] = {
    "aio": set(),
    "files": set(),
    "units": set(),
    "errors": {"units"},
    "disk": {"errors", "files"},
    "opaque_text": {"errors"},
    "metrics": {"errors"},
    "arguments": {"errors"},
    "secret": set(),
    "ray_cluster": {"errors"},
    "settings": {"arguments", "errors", "secret", "units"},
    "atif": {"errors"},
    "models": {"arguments", "atif", "errors", "secret"},
    "protocols": {"models", "atif"},
    # Hub and store implement the two interfaces of a transfer: where bytes come from, where files go.
    "transfer": FOUNDATION,
    "hub": FOUNDATION | {"transfer"},
    "store": FOUNDATION | {"transfer"},
    "datasets": FOUNDATION | {"protocols", "hub", "transfer", "store"},
    "trajectories": FOUNDATION | {"atif", "opaque_text", "protocols", "store", "ray_cluster"},
    # Stands between the Hub and the rows: it implements what rows are read from by what datasets are downloaded with.
    "remote": FOUNDATION | {"protocols", "hub", "transfer", "store", "datasets", "trajectories"},
    "pages": {"atif"},
    "export": FOUNDATION | {"atif", "protocols", "store", "trajectories", "ray_cluster"},
}
FORBIDDEN_LIBRARIES = {
    "aio": {"httpx", "pyarrow", "filelock"},
    "files": {"httpx", "pyarrow", "anyio", "asyncio", "filelock"},
    "atif": {"httpx", "pyarrow", "anyio", "asyncio", "filelock", "pathlib", "os"},
    "models": {"httpx", "pyarrow", "anyio", "asyncio", "filelock"},
    "protocols": {"httpx", "anyio", "asyncio", "filelock"},
    "errors": {"httpx", "pyarrow", "anyio", "asyncio", "filelock", "pathlib"},
    "transfer": {"httpx", "pyarrow", "filelock"},
    "store": {"httpx", "pyarrow"},
    "hub": {"pyarrow", "filelock", "shutil", "tempfile"},
    "datasets": {"httpx", "pyarrow", "filelock"},
    "trajectories": {"httpx", "filelock"},
    "remote": {"httpx", "filelock"},
    "export": {"httpx", "filelock"},
    "pages": {"httpx", "pyarrow", "anyio", "asyncio", "filelock", "litestar"},
}
# The edges: they may know everything, and nothing below knows them.
EDGES = {"hfsvc", "__init__", "__main__", "cli", "containers", "notebook", "ray_download", "server", "testing", "train"}


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
    for room in ROOMS.keys() - EDGES:
        for module, found in ROOMS[room].items():
            assert not any(name.startswith("dependency_injector") for name in found), module


def test_nothing_below_the_edges_imports_the_command_line_or_the_tests_tools() -> None:
    for room, found in ROOMS.items():
        if room in {"cli", "testing", "__main__"}:
            continue
        for module, names in found.items():
            assert not {"cli", "testing"} & {room_of(name) for name in names if name.startswith("hfsvc")}, module


def test_every_room_is_known_here() -> None:
    assert ROOMS.keys() - EDGES == ALLOWED.keys()


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


def seen_by_type_checkers() -> set[str]:
    """The names that the package imports for type checkers alone."""
    tree = ast.parse((HOUSE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_the_public_names_are_sorted_there_and_seen_by_type_checkers() -> None:
    assert list(hfsvc.__all__) == sorted(hfsvc.__all__)
    assert set(hfsvc.__all__) == seen_by_type_checkers()
    for name in hfsvc.__all__:
        assert getattr(hfsvc, name) is not None


def test_the_call_that_downloads_is_a_function() -> None:
    assert inspect.iscoroutinefunction(hfsvc.download)


# The way of a row: what each stretch of it may import of `trajectories`, beside itself.
ROW_PATH: dict[str, set[str]] = {
    "files": set(),
    "layouts": {"files"},
    "styles": {"files", "layouts"},
    "index": {"files", "layouts", "data_file", "selection"},
}


@pytest.mark.parametrize("stretch", sorted(ROW_PATH))
def test_a_row_goes_from_files_to_layouts_to_styles(stretch: str) -> None:
    start = "hfsvc.trajectories."
    for module, found in ROOMS["trajectories"].items():
        if module.startswith(f"{start}{stretch}."):
            ours = {name.removeprefix(start).split(".")[0] for name in found if name.startswith(start)}
            assert ours - {stretch} <= ROW_PATH[stretch], module
