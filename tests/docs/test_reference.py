"""The reference pages are complete, and name nothing that is not there."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import hfsvc as package
from hfsvc import Settings, load_settings
from hfsvc.cli.main import hfsvc as program
from hfsvc.cli.update import SOMETHING_NEW
from hfsvc.errors import DownloadFailed, HfsvcError

from .pages import PROJECT, blocks_of, code, page, rows_of, sections_of

# Values that each setting can be read from, none of them its default.
EXAMPLES = {
    "store_address": "s3://bucket/prefix",
    "root": "/elsewhere",
    "endpoint": "http://hub.test",
    "token": "hf_x",
    "offline": "1",
    "lock_timeout_s": "3",
    "reuse_hf_cache": "0",
    "hf_cache": "/cache",
    "deltas": "0",
    "delta_storage": "http://storage.test",
    "transport": "httpx",
    "locks": "lease",
    "trust_env": "0",
    "sources": "/sources.toml",
}
GROUPS = {"FixRequest", "NotFound", "NoAccess", "TryLater", "Damaged", "LocalStorage"}

# ---- settings.md ----------------------------------------------------------------------------------------------------


def settings_rows() -> dict[str, list[str]]:
    rows = rows_of(sections_of(page("settings"), "##")["All settings"])
    return {code(row[0]): row[1:] for row in rows}


def test_every_setting_has_its_row() -> None:
    assert list(settings_rows()) == list(Settings.__struct_fields__)


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_a_setting_is_as_its_row_says(name: str) -> None:
    variable, unit, default, meaning = settings_rows()[name]
    assert code(default) == str(getattr(Settings(), name))
    assert unit
    assert meaning.endswith(".")
    before, changed = load_settings({}), load_settings({code(variable): EXAMPLES.get(name, "7")})
    assert getattr(changed, name) != getattr(before, name)
    assert all(getattr(changed, other) == getattr(before, other) for other in settings_rows() if other != name)


@pytest.mark.parametrize(
    ("variable", "setting"),
    [("HF_HUB_OFFLINE", "offline"), ("HF_HUB_DOWNLOAD_TIMEOUT", "stall_timeout_s"), ("HF_HUB_CACHE", "hf_cache")],
)
def test_the_other_variable_of_a_setting_is_named_in_its_row(variable: str, setting: str) -> None:
    assert f"`{variable}`" in settings_rows()[setting][-1]
    assert getattr(load_settings({variable: "1"}), setting) != getattr(load_settings({}), setting)


def test_token_variables_are_all_named_in_order() -> None:
    section = sections_of(page("settings"), "##")["The token"]
    names = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "HF_HUB_DISABLE_IMPLICIT_TOKEN"]
    positions = [section.index(f"`{name}") for name in names]
    assert positions == sorted(positions)


# ---- errors.md ------------------------------------------------------------------------------------------------------


def subclasses(kind: type[HfsvcError]) -> Iterator[type[HfsvcError]]:
    for each in kind.__subclasses__():
        if each.__module__ == "hfsvc.errors":
            yield each
            yield from subclasses(each)


ERRORS = {each.__name__: each for each in subclasses(HfsvcError)}


def test_every_error_has_its_row() -> None:
    rows = [code(row[0]) for row in rows_of(page("errors"))]
    assert len(rows) == len(set(rows))
    assert set(rows) == ERRORS.keys() - GROUPS


@pytest.mark.parametrize("row", rows_of(page("errors")), ids=lambda row: row[0])
def test_an_error_is_as_its_row_says(row: list[str]) -> None:
    name, json_code, exit_code, retry, when, advice = row
    error = ERRORS[code(name)]
    assert code(json_code) == error.code
    assert when
    assert advice
    if error is DownloadFailed:
        assert (exit_code, retry) == ("highest", "all")
    else:
        assert exit_code == str(error.exit_code)
        assert retry == ("yes" if error.retryable else "no")


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_every_group_is_named_above_its_classes(group: str) -> None:
    (section,) = (each for each in sections_of(page("errors"), "##").values() if f"Base class `{group}`" in each)
    listed = {code(row[0]) for row in rows_of(section)}
    assert listed == {each.__name__ for each in subclasses(ERRORS[group])}


def test_the_tree_in_the_docstring_names_every_class() -> None:
    tree = importlib.import_module("hfsvc.errors").__doc__ or ""
    assert not {name for name in ERRORS if not re.search(rf"\b{name}\b", tree)}


# ---- cli.md ---------------------------------------------------------------------------------------------------------


def commands() -> dict[str, click.Command]:
    context = click.Context(program)
    found = {name: program.get_command(context, name) for name in program.list_commands(context)}
    return {name: command for name, command in found.items() if command}


def options_of(command: click.Command) -> set[str]:
    options = [each for each in command.params if isinstance(each, click.Option)]
    return {name for each in options for name in (*each.opts, *each.secondary_opts)}


def options_in(section: str) -> set[str]:
    """All options in the first cells of a section's tables."""
    return {name for row in rows_of(section) for name in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", row[0])}


COMMON = set.intersection(*(options_of(command) for command in commands().values()))


def command_sections() -> dict[str, str]:
    return sections_of(page("cli"), "###")


def test_every_command_has_its_section() -> None:
    assert set(command_sections()) == set(commands())


def test_options_of_every_command_are_listed_once() -> None:
    assert options_in(sections_of(page("cli"), "##")["What every command takes"]) == COMMON | {"-h", "--help"}


@pytest.mark.parametrize("name", commands())
def test_a_command_is_as_its_section_says(name: str) -> None:
    command, section = commands()[name], command_sections()[name]
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    usage = " ".join([f"hfsvc {name}", *(each.make_metavar(click.Context(command)) for each in arguments)])
    assert f"`{usage}`" in section
    assert options_in(section) == options_of(command) - COMMON
    for each in command.params:
        if isinstance(each.type, click.Choice):
            assert f"[{'|'.join(each.type.choices)}]" in section.replace("\\|", "|")


def test_exit_codes_are_all_listed() -> None:
    section = sections_of(page("cli"), "##")["Exit codes"]
    listed = {int(each) for each in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}
    assert listed == {0, 1, SOMETHING_NEW, 130, 143} | {
        error.exit_code for error in ERRORS.values() if error is not DownloadFailed
    }


def test_variables_of_the_environment_are_those_the_code_reads() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "hfsvc").rglob("*.py"))
    for name in set(re.findall(r"`((?:HF|HUGGING_FACE|NO)_[A-Z_]+)`", page("cli") + page("settings"))):
        assert name in sources or name == "NO_COLOR"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_there(shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"_HFSVC_COMPLETE={shell}_source" in page("cli")
    monkeypatch.setenv("_HFSVC_COMPLETE", f"{shell}_source")
    with pytest.raises(SystemExit) as ended:
        importlib.import_module("hfsvc.cli.main").main([])
    assert not ended.value.code
    assert "_HFSVC_COMPLETE" in capsys.readouterr().out


# ---- the others -----------------------------------------------------------------------------------------------------


PLACES = ("hfsvc", "hfsvc.atif", "hfsvc.errors", "hfsvc.testing")
# Unions and callables, which have no docstring; constants and tuples of names.
PLAIN = {"Event", "OnEvent", "NEWEST", "VERSIONS", "Content", "ContentPart", "SchemaVersion", "Source"}


def named_on_the_api_page() -> list[str]:
    return re.findall(r"^::: ([\w.]+)$", page("api"), re.MULTILINE)


def test_the_api_page_names_things_where_they_are_imported_from() -> None:
    for name in named_on_the_api_page():
        place, _, own = name.rpartition(".")
        assert place in PLACES
        assert own in getattr(importlib.import_module(place), "__all__", dir(importlib.import_module(place)))


@pytest.mark.parametrize("place", ["hfsvc", "hfsvc.atif", "hfsvc.testing"])
def test_every_public_name_is_on_the_api_page(place: str) -> None:
    public = set(importlib.import_module(place).__all__) - PLAIN
    assert {f"{place}.{name}" for name in public} - {"hfsvc.HfsvcError", "hfsvc.Trajectory"} <= {
        *named_on_the_api_page()
    }


def _resolve(name: str) -> object:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value: object = importlib.import_module(".".join(["hfsvc", *parts[:length]]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            value = getattr(value, part)
        return value
    raise AssertionError(f"hfsvc.{name} is not there")


def test_what_decides_is_where_the_concepts_say() -> None:
    rows = rows_of(sections_of(page("concepts"), "###")["Where it is decided"])
    assert rows
    for name in re.findall(r"`([\w.]+)`", " ".join(cell for row in rows for cell in row)):
        assert _resolve(name)


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r": (\w+\.md)$", (PROJECT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == {path.name for path in (PROJECT / "docs").glob("*.md")}


def test_faults_are_all_listed() -> None:
    localhub = importlib.import_module("hfsvc.testing.localhub")
    table = page("testing")
    kinds = {
        name for name in localhub.__all__ if getattr(localhub, name).__module__.endswith((".faults", ".distortions"))
    }
    assert not {name for name in kinds if f"`{name}`" not in table}


@pytest.mark.parametrize("path", [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")], ids=lambda path: path.name)
def test_links_lead_to_pages_and_headings(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(((?!https?:)[^)]+)\)", text):
        name, _, anchor = target.partition("#")
        page_of = (path.parent / name) if name else path
        assert page_of.is_file(), target
        if anchor and page_of.name != "api.md":
            headings = re.findall(r"^#+ (.+)$", page_of.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}, target


def test_the_changelog_tells_of_this_version() -> None:
    assert f"## {package.__version__}" in page("changelog")


def test_ci_does_what_the_readme_tells_a_newcomer_to_do() -> None:
    newcomer = blocks_of((PROJECT / "README.md").read_text(encoding="utf-8"))[1].text.strip()
    assert "nox" in newcomer
    assert newcomer in (PROJECT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
