"""The command ``demo``."""

from pathlib import Path

from .command import Command


def test_the_demo_needs_nothing_of_the_user(hfsvc: Command, work: Path, nowhere: str) -> None:
    noise = {"HF_TOKEN": "hf_of_the_user", "HF_HUB_OFFLINE": "1", "HTTP_PROXY": nowhere, "HF_ENDPOINT": nowhere}
    ended = hfsvc.spawn("demo", env=noise)
    assert ended.code == 0
    assert "2000\n" in ended.out
    assert "hfsvc download openthoughts-sft" in ended.err
    assert "hf_of_the_user" not in ended.out + ended.err
    assert not list(work.iterdir())


def test_the_demo_as_json(hfsvc: Command) -> None:
    ended = hfsvc.spawn("demo", "--json")
    assert ended.code == 0
    assert not ended.err
    assert ended.json.keys() == {"dataset", "report", "count", "sample"}
