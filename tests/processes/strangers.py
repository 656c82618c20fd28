"""Processes of a user without a name, a home or rights, as containers run them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ..cli.command import RUN_ALL, Ended, parts_of

PROJECT = Path(__file__).resolve().parents[2]
NOBODY = 54321
"""A user id without an entry."""
needs_strangers = pytest.mark.skipif(
    sys.platform != "linux" or (os.geteuid() == 0 and shutil.which("setpriv") is None),
    reason="only Linux lets a process of root become another user's and go on reading its own Python",
)


def as_stranger(
    command: Sequence[str], folder: Path, *, umask: int = 0o022, user: int = NOBODY, **env: str
) -> "subprocess.CompletedProcess[str]":
    """Run Python with some arguments in a folder, and with nothing in its environment but `env`.

    Of root it becomes the user's, in the group 0; it may read everything, and write as that user may.
    """
    rights = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    become = ["setpriv", f"--reuid={user}", "--regid=0", "--clear-groups", *rights] if os.geteuid() == 0 else []
    return subprocess.run(
        [*become, sys.executable, "-B", *command],
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONPATH": str(PROJECT), **env},
        capture_output=True,
        text=True,
        timeout=55,
        umask=umask,
    )


def run_hfsvc(*arguments: str, folder: Path, umask: int = 0o022, user: int = NOBODY, **env: str) -> tuple[int, str]:
    """The exit code of a command, and all that it says."""
    done = as_stranger(["-m", "hfsvc", *arguments], folder, umask=umask, user=user, **env)
    return done.returncode, done.stdout + done.stderr


def ends_without_working_folder(commands: Sequence[str], *, folder: Path, **env: Any) -> list[tuple[str, Ended]]:
    """How several commands end, run in one process, after the folder that it works in is gone."""
    code = "import os, sys; os.rmdir(os.getcwd()); sys.stderr = sys.stdout; sys.argv[0] = 'hfsvc'\n" + RUN_ALL
    done = as_stranger(["-P", "-c", code, json.dumps([each.split() for each in commands])], folder, **env)
    assert (done.returncode, done.stderr) == (0, "")
    return list(zip(commands, parts_of(done.stdout), strict=True))


def run_all_hfsvc(commands: Sequence[str], *, folder: Path, **env: Any) -> None:
    """Run several commands in one process; each must end with 0."""
    done = as_stranger(["-P", "-c", RUN_ALL, json.dumps([each.split() for each in commands])], folder, **env)
    assert done.returncode == 0, done.stderr
    ended = [(part.code, command) for part, command in zip(parts_of(done.stdout), commands, strict=True)]
    assert ended == [(0, command) for command in commands], done.stdout + done.stderr


def hand_over(folder: Path) -> Path:
    """A new folder that only the stranger may write to."""
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, 0)
    return folder
