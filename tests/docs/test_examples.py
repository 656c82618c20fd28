"""Every example of the documentation runs, in the order of its page, and shows what the page says it shows."""

import ast
import asyncio
import inspect
import re
import shlex
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from hfsvc.cli.main import main
from hfsvc.testing import LocalHub
from hfsvc.testing.samples import SAMPLE_REPO

from .pages import PAGES, PROJECT, Block, Step, blocks_of, fits, steps_of

WAIT_S = 60
# Of others; examples that need one are left out where it is not installed.
FRAMEWORKS = {"daft", "datasets", "duckdb", "fastapi", "polars", "ray", "torch", "torchdata"}
LANGUAGES = {"python", "console", "bash", "text"}


def imported(block: Block) -> list[str]:
    """The packages that a block of Python imports."""
    return re.findall(r"^(?:from|import) (\w+)", block.text, re.MULTILINE) if block.language == "python" else []


class Reader:
    """Does what a page says, as somebody would who reads it from top to bottom.

    Args:
        name: Of the page, for tracebacks.
        runner: Holds the one event loop of the page's Python.
    """

    def __init__(self, name: str, runner: asyncio.Runner, capsys: pytest.CaptureFixture[str]) -> None:
        self._name = name
        self._runner = runner
        self._capsys = capsys
        self._names: dict[str, Any] = {"__name__": "example"}
        self.missing: set[str] = set()

    def follow(self, block: Block) -> None:
        others = FRAMEWORKS & {*imported(block)}
        if missing := {name for name in others if find_spec(name) is None}:
            self.missing |= missing
        elif block.language == "python" and re.search("^(async def test_|class Test)", block.text, re.MULTILINE):
            self._run_pytest(block)
        elif block.language == "python":
            with warnings.catch_warnings():
                if others:
                    # What they warn of is no business of the page's.
                    warnings.simplefilter("ignore")
                self._run_python(block)
        elif block.language == "console":
            for step in steps_of(block.text):
                self._run_command(step)

    def _run_python(self, block: Block) -> None:
        text = "\n" * (block.line - 1) + block.text
        code = compile(text, self._name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)

        async def run() -> None:
            result = eval(code, self._names)
            if inspect.isawaitable(result):
                await result

        self._runner.run(run())

    def _run_pytest(self, block: Block) -> None:
        Path("test_example.py").write_text(block.text, encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-o",
            "asyncio_mode=auto",
            "test_example.py",
        ]
        ended = subprocess.run(command, capture_output=True, timeout=WAIT_S)
        assert ended.returncode == 0, ended.stdout.decode()
        assert b" passed" in ended.stdout

    def _run_command(self, step: Step) -> None:
        program, *arguments = shlex.split(step.command)
        assert program == "hfsvc", f"{step.command}: only hfsvc is run by these tests"
        self._capsys.readouterr()
        code = 0
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        printed = self._capsys.readouterr()
        lines = (printed.out + printed.err).splitlines()
        assert code == step.code, f"{step.command}\n{printed.err}"
        for shown in step.shown:
            assert any(fits(shown, line) for line in lines), f"{step.command}\n{shown}\n{lines[:20]}"


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_examples(
    path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = blocks_of(path.read_text(encoding="utf-8"))
    if path.name == "training.md":
        pytest.importorskip("tokenizers", reason="the extra train is not installed")
        from ..train.chat_templates import QWEN3, write_tokenizer

        write_tokenizer(sample / ".models/acme/tiny-chat", QWEN3)
    with LocalHub(sample) as hub, asyncio.Runner() as runner:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("COLUMNS", "200")
        hub.configure(SAMPLE_REPO)
        reader = Reader(path.name, runner, capsys)
        for block in blocks:
            reader.follow(block)
    if reader.missing:
        pytest.skip(
            f"all examples ran but those that need {', '.join(sorted(reader.missing))}, which are not installed"
        )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_block_is_of_a_kind_these_tests_know(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert {block.language for block in blocks_of(text)} <= LANGUAGES
    assert text.count("\n```") == 2 * len(blocks_of(text))


def test_the_readme_shows_a_real_run(environment: None, capsys: pytest.CaptureFixture[str]) -> None:
    (picture,) = (block for block in blocks_of((PROJECT / "README.md").read_text()) if block.language == "text")
    main(["demo"])
    printed = capsys.readouterr()
    lines = (printed.out + printed.err).splitlines()
    for shown in filter(None, picture.text.splitlines()):
        if not shown.startswith("$ ") or shown in lines:
            assert any(fits(shown, line) for line in lines), shown
