"""The command as tests run it: in this process, or as a process of its own."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hfsvc.cli.main import main
from hfsvc.testing.samples import SAMPLE_REPO

REPO = SAMPLE_REPO
ALIAS = "openthoughts-sft"
FILE = "data/train-00000-of-00001.parquet"
ROWS = 40
WAIT_S = 60
# Several one after the other, each ended by its exit code on a line: a Python that starts is what costs most.
ENDED = re.compile(r"<ended (\d+)>\r?\n")
RUN_ALL = """
import json, signal, sys
from hfsvc.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
for arguments in json.loads(sys.argv[1]):
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = ended.code
    sys.stderr.flush()
    print(f"<ended {code or 0}>", flush=True)
"""
# What the installed script does, and Ctrl-C as a terminal has it, also where these tests run in the background.
RUN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from hfsvc.cli.main import main; main()"


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        assert self.out.endswith("\n")
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The JSON error on stderr."""
        document = json.loads(self.err.splitlines()[-1])
        assert document.keys() == {"error"}
        found: dict[str, Any] = document["error"]
        assert found.keys() == {"code", "message", "retryable", "retryAfter", "hint"}
        return found

    @property
    def sentence(self) -> str:
        """What the command says went wrong: the last words on stderr, and no traceback before them."""
        assert "Traceback" not in self.err
        begin = self.err.rfind("\nError: ") + 1
        last = self.err[begin:].rstrip("\n")
        assert last.startswith("Error: ")
        return last.removeprefix("Error: ")


class Command:
    """Runs ``hfsvc`` in the test's folder, against the test's Hub."""

    def __init__(self, env: Mapping[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        self.env = dict(env)
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Ended:
        """Run it in this process."""
        self._capsys.readouterr()
        code = 0
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        printed = self._capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    def succeeds(self, *arguments: str) -> Ended:
        """Run it; it must end with 0."""
        ended = self(*arguments)
        assert ended.code == 0, ended.err
        return ended

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
        """Start it as a process, without a terminal."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [sys.executable, "-c", RUN, *arguments],
            env=self.env | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
        )

    def start_on_terminal(
        self, terminal: int, *arguments: str, env: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start it as a process on a terminal."""
        return subprocess.Popen(
            [sys.executable, "-c", RUN, *arguments],
            env=self.env | {"TERM": "xterm-256color"} | dict(env or {}),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )

    def start_all(
        self, commands: Sequence[Sequence[str]], *, terminal: int | None = None, env: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start a process that runs several, on a terminal or with what they say in one pipe."""
        shown = subprocess.PIPE if terminal is None else terminal
        return subprocess.Popen(
            [sys.executable, "-c", RUN_ALL, json.dumps(commands)],
            env=self.env | {"TERM": "xterm-256color"} | dict(env or {}),
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=shown,
            stderr=subprocess.STDOUT if terminal is None else terminal,
        )

    def spawn(self, *arguments: str, env: Mapping[str, str] | None = None) -> Ended:
        """Run it as a process, to its end."""
        with self.start(*arguments, env=env) as process:
            return finish(process)


def parts_of(said: str) -> list[Ended]:
    """What each of several commands said, and its exit code."""
    *parts, rest = ENDED.split(said)
    assert not rest.strip(), rest
    return [Ended(int(code), out, "") for out, code in zip(parts[::2], parts[1::2], strict=True)]


def finish(process: "subprocess.Popen[bytes]") -> Ended:
    """Wait for the end of a process."""
    out, err = process.communicate(timeout=WAIT_S)
    return Ended(process.returncode, out.decode(), err.decode())


def clean_environment() -> dict[str, str]:
    """This process's environment without anything that hfsvc, the Hub's tools, httpx or a terminal library reads."""
    prefixes = ("HF_", "HFSVC_", "HUGGING_FACE_", "XDG_")
    names = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONWARNINGS"}
    names |= {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes) and name not in names}
    return {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content, but for locks and parts, and what keeps the default root out of git."""
    own = {".hfsvc", ".gitignore"}
    files = (path for path in folder.rglob("*") if path.is_file() and own.isdisjoint(path.parts))
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(files)}
