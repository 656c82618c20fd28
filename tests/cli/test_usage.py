"""Commands that cannot be meant: exit code 2, the usage and one sentence."""

import pytest

import hfsvc as package

from .command import ALIAS, REPO, Command


def test_without_a_command_the_help_is_shown_once(hfsvc: Command) -> None:
    ended = hfsvc()
    assert ended.code == 2
    assert not ended.out
    assert ended.err.count("Usage: hfsvc") == 1
    assert "Error" not in ended.err


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_goes_to_stdout(hfsvc: Command, flag: str) -> None:
    ended = hfsvc.succeeds(flag)
    assert ended.out.startswith("Usage: hfsvc")
    assert not ended.err


def test_version(hfsvc: Command) -> None:
    assert hfsvc.succeeds("--version").out == f"hfsvc {package.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["frobnicate"], "No such command 'frobnicate'."),
        (["--nonsense"], "No such option '--nonsense'."),
        (["list", "--nonsense"], "No such option '--nonsense'."),
        (["download"], "Name one dataset: DATASET or --repo OWNER/NAME."),
        (["download", ALIAS, "--repo", REPO], "Name one dataset: DATASET or --repo OWNER/NAME."),
        (["download", ALIAS, "a.txt", "--include", "*"], "Name files or give --include, not both."),
        (["download", ALIAS, "--progress", "loud"], "Invalid value for '--progress'"),
        (["info"], "Missing argument 'DATASET'."),
        (["show"], "Missing argument 'KEY'."),
        (["show", "-1"], "No such option '-1'."),
        (["show", "x", "--by", "colour"], "Invalid value for '--by'"),
        (["sample", "0"], "0 is not in the range x>=1"),
        (["sample", "many"], "'many' is not a valid integer"),
    ],
)
def test_usage_errors(hfsvc: Command, arguments: list[str], sentence: str) -> None:
    ended = hfsvc(*arguments)
    assert ended.code == 2
    assert not ended.out
    assert ended.err.startswith("Usage: hfsvc")
    assert sentence in ended.sentence


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HFSVC_MAX_CONNECTIONS", "many"), ("HF_HUB_DOWNLOAD_TIMEOUT", "soon"), ("HFSVC_CHUNK_BYTES", "0")],
)
def test_settings_that_cannot_be_used_are_named(
    hfsvc: Command, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    ended = hfsvc("list")
    assert ended.code == 2
    assert "chunk_bytes" in ended.sentence or variable in ended.sentence
