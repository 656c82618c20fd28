"""Commands that messages name work when they are pasted; names that people paste are understood."""

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import hfsvc as package
from hfsvc.cli.main import hfsvc as program
from hfsvc.cli.options import Options
from hfsvc.cli.pasting import pasteable, pasteable_after
from hfsvc.errors import NotDownloaded
from hfsvc.testing import LocalHub

from .command import ALIAS, FILE, REPO, WAIT_S, Command

HOUSE = Path(package.__file__).parent
COMMANDS = "|".join(program.list_commands(click.Context(program)))
NAMED = re.compile(rf"\bhfsvc ((?:{COMMANDS})\b[^\n;|)>]*)")
# What stands behind a command in a sentence.
SENTENCE = re.compile(r"[.,:]?(?: (?:first|or another one|exchanges it|changes it|lists them|and|on).*)?[.,:]?$")


def texts(path: Path) -> Iterator[str]:
    """The texts of a module that somebody may be shown, what is filled in standing for a dataset."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "7" for part in node.values)  # type: ignore[misc]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (docstrings | inside):
            yield node.value


def named_commands() -> list[str]:
    found = (text for path in sorted(HOUSE.rglob("*.py")) if "testing" not in path.parts for text in texts(path))
    return sorted({SENTENCE.sub("", each[1]).strip() for text in found for each in NAMED.finditer(text)})


def test_commands_are_named_in_messages() -> None:
    assert {each.split()[0] for each in named_commands()} >= {"download", "verify", "delete", "prune", "list", "show"}


@pytest.mark.parametrize("line", named_commands())
def test_a_command_that_a_message_names_can_be_meant(line: str) -> None:
    name, *arguments = shlex.split(line)
    command = program.get_command(click.Context(program), name)
    assert command is not None
    command.make_context(name, arguments, resilient_parsing=False).close()


def follow(hfsvc: Command, message: str, *more: str) -> None:
    """Paste the command at the end of a message."""
    (line,) = re.findall(r"hfsvc ((?:download|verify|delete|list) .*)", message.strip().splitlines()[-1])
    hfsvc.succeeds(*shlex.split(line), *more)


def test_what_is_not_downloaded_is_there_after_the_command_that_is_named(hfsvc: Command, hub: LocalHub) -> None:
    hub.write("o/x", "a.jsonl", b'{"messages": [{"role": "user", "content": "x"}]}\n')
    for name, root in ((ALIAS, "here"), ("datasets/o/x", "with blanks"), (REPO, "x")):
        failed = hfsvc("count", name, "--root", root)
        assert failed.code == 3
        follow(hfsvc, failed.err)
        hfsvc.succeeds("count", name, "--root", root)


def test_damage_is_mended_by_the_command_that_is_named(hfsvc: Command, hub: LocalHub) -> None:
    hub.write("o/x", "a.jsonl", b'{"messages": [{"role": "user", "content": "x"}]}\n')
    for name in (ALIAS, "datasets/o/x", f"hf://datasets/{REPO}"):
        folder = Path(hfsvc.succeeds("download", name, "--root", "a b").out.strip())
        path = next(each for each in folder.rglob("*") if each.is_file())
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        failed = hfsvc("verify", name, "--root", "a b")
        assert failed.code == 6
        follow(hfsvc, failed.err)
        hfsvc.succeeds("verify", name, "--root", "a b")


def test_an_id_of_one_name_is_written_as_commands_take_it() -> None:
    assert str(NotDownloaded(repo="squad")).endswith("hfsvc download datasets/squad")


def test_an_empty_list_names_a_command_for_its_root(hfsvc: Command) -> None:
    follow(hfsvc, hfsvc.succeeds("list", "--root", "elsewhere").err)
    assert hfsvc.succeeds("list", "--root", "elsewhere", "-q").out == f"{REPO}\n"


def test_options_are_kept_whether_or_not_a_command_was_understood() -> None:
    options = Options("a b", "http://h", None, False, False, False)
    wanted = "run: hfsvc download --root 'a b' --endpoint http://h o/x"
    assert pasteable("run: hfsvc download o/x", options) == wanted
    argv = ["count", "--root=a b", "o/x", "--endpoint", "http://h"]
    assert pasteable_after("run: hfsvc download o/x", argv) == wanted
    assert pasteable_after("run: hfsvc download o/x", ["count", "--root"]) == "run: hfsvc download o/x"


def test_the_program_is_named_as_it_was_called(environment: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "bin" / "hfsvc"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nfrom hfsvc.cli.main import run\nrun()\n")
    script.chmod(0o755)
    project = str(HOUSE.parent)
    bare = environment | {"PYTHONPATH": project}
    found = bare | {"PATH": f"{script.parent}:{environment['PATH']}"}
    for calls, env, named in (
        ([str(script)], bare | {"PATH": "/usr/bin:/bin"}, "bin/hfsvc download"),
        ([str(script)], found, " hfsvc download"),
        ([sys.executable, "-m", "hfsvc"], bare, "-m hfsvc download"),
    ):
        ended = subprocess.run([*calls, "count"], env=env, cwd=tmp_path, capture_output=True, timeout=WAIT_S)
        assert named in ended.stderr.decode()


@pytest.mark.parametrize(
    "name",
    [
        f"{REPO}/",
        f"{ALIAS}/",
        f"{REPO}@main",
        f"{ALIAS}@main",
        f"git@hf.co:datasets/{REPO}",
        f"git@huggingface.co:datasets/{REPO}.git",
        f"hf://datasets/{REPO}@main",
        f"https://huggingface.co/datasets/{REPO}/tree/main",
        f"huggingface.co/datasets/{REPO}",
    ],
)
def test_what_people_paste_is_understood_by_every_command(hfsvc: Command, name: str) -> None:
    hfsvc.succeeds("download", name)
    for command in ("info", "path", "verify", "count", "layouts"):
        hfsvc.succeeds(command, name)
    hfsvc.succeeds("show", "0", name)
    hfsvc.succeeds("export", name, "-o", "a.jsonl", "--stop", "1")
    hfsvc.succeeds("files", name)
    hfsvc.succeeds("delete", name, "--yes")


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        (f"https://huggingface.co/datasets/{REPO}/blob/main/{FILE}", [FILE]),
        (f"https://huggingface.co/datasets/{REPO}/tree/main/other", ["other/b.txt"]),
        (f"hf://datasets/{REPO}/other/b.txt", ["other/b.txt"]),
    ],
)
def test_of_the_address_of_a_folder_or_a_file_only_that_is_taken(
    hfsvc: Command, hub: LocalHub, address: str, taken: list[str]
) -> None:
    hub.write(REPO, "other/b.txt", b"b")
    ended = hfsvc.succeeds("download", address)
    assert "Only " in ended.err
    assert f"of {REPO} is taken" in ended.err
    assert hfsvc.succeeds("info", ALIAS, "--json").json["files"] == taken
    assert [each["path"] for each in hfsvc.succeeds("files", address, "--json").json["files"]] == taken
    whole = next(line for line in ended.err.splitlines() if "hfsvc download" in line)
    follow(hfsvc, whole)
    assert {FILE, "other/b.txt"} <= set(hfsvc.succeeds("info", ALIAS, "--json").json["files"])


def test_what_is_said_of_the_program_is_no_command() -> None:
    argv = ["list", "--root", "data"]
    assert pasteable_after("hfsvc failed; hfsvc keeps it: run hfsvc list", argv) == (
        "hfsvc failed; hfsvc keeps it: run hfsvc list --root data"
    )
