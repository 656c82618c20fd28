"""The tools compared, each in a clean venv of its own."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent


def venv(work: Path, name: str, *packages: str) -> Path:
    """A venv's folder of programs; made once in a work folder."""
    folder = work / "venvs" / name
    programs = folder / "bin"
    if not programs.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(programs / "pip"), "install", "-q", *packages], check=True)
    return programs


def hfsvc(work: Path) -> Path:
    """This project, without extras."""
    return venv(work, "hfsvc", str(PROJECT)) / "hfsvc"


def hf(work: Path) -> Path:
    """The Hub's own client, newest release."""
    return venv(work, "hf", "-U", "huggingface_hub") / "hf"
