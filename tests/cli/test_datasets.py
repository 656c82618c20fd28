"""The commands ``list``, ``info``, ``path``, ``verify`` and ``delete``."""

from pathlib import Path

import pytest

from hfsvc.testing import LocalHub

from .command import ALIAS, FILE, REPO, Command, tree


def test_list_of_nothing_says_what_to_do(hfsvc: Command) -> None:
    ended = hfsvc.succeeds("list")
    assert not ended.out
    assert f"hfsvc download {ALIAS}" in ended.err
    assert not hfsvc.succeeds("list", "-q").err


def test_info(downloaded: Command, folder: Path) -> None:
    facts = dict(line.split(maxsplit=1) for line in downloaded.succeeds("info", ALIAS).out.splitlines())
    assert facts["dataset"] == REPO
    assert facts["path"] == str(folder)
    assert facts["license"] == "apache-2.0"
    assert facts["split"] == "train: 1 file"
    assert facts["file"] == FILE


def test_path(downloaded: Command, folder: Path) -> None:
    assert downloaded.succeeds("path", ALIAS).out == f"{folder}\n"


def test_verify(downloaded: Command) -> None:
    ended = downloaded.succeeds("verify", ALIAS)
    assert not ended.out
    assert ended.err.startswith(f"{REPO}: 1 file, ")
    assert not downloaded.succeeds("verify", ALIAS, "-q").err


def test_a_repair_fetches_damaged_ranges_only(hfsvc: Command, hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(range(256)) * (1 << 13)
    chunk = len(content) // 8
    monkeypatch.setenv("HFSVC_CHUNK_BYTES", str(chunk))
    hub.write("o/big", "a.parquet", content)
    path = Path(hfsvc.succeeds("download", "o/big").out.strip()) / "a.parquet"
    path.write_bytes(b"?" + content[1:])
    hub.reset()
    assert hfsvc.succeeds("verify", "o/big", "--repair").out == "repaired\ta.parquet\n"
    assert path.read_bytes() == content
    assert 0 < hub.bytes_sent() <= chunk


def test_delete_leaves_what_is_not_recorded(downloaded: Command, folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    ended = downloaded.succeeds("delete", ALIAS, "--yes")
    assert not ended.out
    assert ended.err.endswith("freed\n")
    assert tree(folder) == {"notes.txt": b"mine"}
    assert not downloaded.succeeds("list", "-q").out
