"""The checks: ``nox`` for those that are done in minutes, ``nox -s NAME`` for one. ``.ci/run`` names what takes longer."""

import os
import platform
import sys
from pathlib import Path

import nox

# nox is a program of another folder, which does not look here by itself.
sys.path.insert(0, str(Path(__file__).parent))
from tests.browser.chromium import find_chromium

# Of four venvs most is the same: uv links what pip would unpack again each time.
nox.options.default_venv_backend = "uv|virtualenv"
# uv trusts what it brings along unless it is told to trust what this machine does, as pip is.
for name in ("UV_SYSTEM_CERTS", "UV_NATIVE_TLS"):
    os.environ.setdefault(name, "true")
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "tests", "docs", "ray"]

PYTHONS = ["3.11", "3.12", "3.13"]
# What pyenv has installed counts too, whether or not it is its global version.
PYENV = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
FOUND = [str(folder) for version in PYTHONS for folder in sorted(PYENV.glob(f"{version}.*/bin"))]
os.environ["PATH"] = os.pathsep.join([*FOUND, os.environ.get("PATH", "")])

ENGINES_PAGE = "tests/docs/test_examples.py::test_examples[engines.md]"
RAY_TESTS = [
    "tests/export/test_ray.py",
    "tests/cli/test_ray.py",
    "tests/test_ray_cluster.py",
    "tests/test_ray_download.py",
    "tests/trajectories/engines/test_ray_source.py",
    ENGINES_PAGE,
]
GROUPS = nox.project.load_toml("pyproject.toml")


def group(*names: str) -> list[str]:
    """The requirements of dependency groups."""
    return list(nox.project.dependency_groups(GROUPS, *names))


@nox.session
def lint(session: nox.Session) -> None:
    """Style and format."""
    session.install(*group("lint"))
    session.run("ruff", "check", *session.posargs, ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Two type checkers."""
    session.install("-e", ".[all]", *group("types", "test", "browser"), "nox")
    session.run("mypy", *session.posargs)
    session.run("pyright")


@nox.session
def tests(session: nox.Session) -> None:
    """The test suite, on the Python at hand."""
    run_tests(session)


@nox.session(default=False, python=PYTHONS)
def pythons(session: nox.Session) -> None:
    """The test suite, on the other Pythons that are there."""
    if platform.python_version().startswith(f"{session.python}."):
        session.skip("the session tests runs it on this one")
    run_tests(session)


def run_tests(session: nox.Session) -> None:
    """All tests but those that have a session of their own."""
    session.install("-e", ".[all]", *group("test"))
    elsewhere = ["--ignore=tests/docs", "--ignore=tests/browser"]
    # Hundreds of processes are started, each of which would compile everything anew where nothing compiled is kept.
    env = {"PYTHONDONTWRITEBYTECODE": ""}
    # One more than there are processors: a test waits for processes and servers half of its time.
    session.run("pytest", "-n", str((os.cpu_count() or 1) + 1), *(session.posargs or elsewhere), env=env)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, strict, its examples executed."""
    session.install("-e", ".[all]", *group("docs", "test"))
    try:
        session.install(*group("engines"))
    except nox.command.CommandFailed:
        session.warn("Daft, datasets, DuckDB and Polars do not all install here: their examples are left out")
    # The theme's makers announce their next product on every build.
    quiet = {"NO_MKDOCS_2_WARNING": "1"}
    session.run("mkdocs", "build", "--strict", "--site-dir", str(Path(session.create_tmp()) / "site"), env=quiet)
    session.run("pytest", "tests/docs", "tests/trajectories/engines", *session.posargs)


@nox.session(default=False)
def browser(session: nox.Session) -> None:
    """The pages in a real browser, where there is one; with HFSVC_IMAGES=docs/images it takes the documentation's pictures."""
    if find_chromium() is None:
        session.skip("no Chromium on this machine: install one, or name one with HFSVC_CHROMIUM")
    session.install("-e", ".[all]", *group("test", "browser"))
    session.run("pytest", "tests/browser", *session.posargs)


@nox.session(default=False, python="3.12")
def peers(session: nox.Session) -> None:
    """The Hub's own clients against the loopback Hub, Harbor's validator and viewer against ours; each in a venv."""
    session.install("-e", ".[all]", *group("test"))
    clients = peer(session, "clients", "-U", "huggingface_hub", "hf_xet", "datasets")
    viewer = ("click", "fastapi", "httpx", "packaging", "pathspec", "platformdirs", "shortuuid", "toml")
    harbor = peer(session, "harbor", "pydantic", *viewer)
    # Without what runs agents: its models and validator need pydantic only, its viewer the others.
    session.run(harbor, "-m", "pip", "install", "-q", "--no-deps", "harbor==0.25.0", external=True)
    env = {"HFSVC_PEERS_PYTHON": clients, "HFSVC_PEERS_HARBOR": harbor}
    session.run("pytest", "tests/peers", *session.posargs, env=env)


@nox.session
def ray(session: nox.Session) -> None:
    """What needs Ray, on two nodes of which one is killed, where there is a Ray for this Python and this machine."""
    session.install("-e", ".[all]", *group("test"))
    try:
        session.install("-e", ".[ray]")
    except nox.command.CommandFailed:
        session.skip("Ray cannot be installed here")
    session.run("pytest", *(session.posargs or RAY_TESTS))


@nox.session(default=False)
def train(session: nox.Session) -> None:
    """What goes to trainers, against their own libraries, on the CPU."""
    session.install("torch", "torchaudio", "--index-url", "https://download.pytorch.org/whl/cpu")
    session.install("-e", ".[all,datasets]", *group("test"), "torchdata", "transformers", "trl", "peft")
    # Of these only what reads rows, which needs none of what trains on graphics cards.
    session.install("--no-deps", "axolotl", "llamafactory")
    session.install("addict", "colorama", "fire", "pyyaml")
    session.run("pytest", "tests/train", "tests/docs/test_recipes.py", ENGINES_PAGE, *session.posargs)


def peer(session: nox.Session, name: str, *packages: str) -> str:
    """The Python of a clean venv with a peer in it."""
    folder = Path(session.create_tmp()) / name
    python = str(folder / "bin" / "python")
    if not folder.exists():
        session.run("python", "-m", "venv", str(folder))
    session.run(python, "-m", "pip", "install", "-q", *packages, external=True)
    return python


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """The benchmarks, side by side with the peers."""
    session.install("-e", ".[all]")
    session.run("python", "-m", "benchmarks.download", *session.posargs)
