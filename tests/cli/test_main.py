"""The program itself: what it loads, and how it is called."""

import subprocess
import sys

import pytest

from .command import WAIT_S

NOT_FOR_HELP = {"pyarrow", "httpx", "dependency_injector", "rich", "asyncio", "anyio", "h11", "pytest"}


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_load_little(environment: dict[str, str], flag: str) -> None:
    program = (
        "import sys\nfrom hfsvc.cli.main import main\n"
        f"try:\n    main(['{flag}'])\nexcept SystemExit as done:\n    assert not done.code\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, timeout=WAIT_S)
    assert ended.returncode == 0
    loaded = set(ended.stderr.decode().split())
    assert "hfsvc.cli.main" in loaded
    assert not loaded & NOT_FOR_HELP


def test_python_m_is_the_command(environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "hfsvc", "--version"], env=environment, capture_output=True, timeout=WAIT_S
    )
    assert ended.stdout.startswith(b"hfsvc ")
