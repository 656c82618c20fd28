"""The command ``download``."""

import hashlib
from pathlib import Path

import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Status

from .command import ALIAS, FILE, REPO, Command, tree


@pytest.mark.parametrize(
    "arguments", [[ALIAS], [REPO], ["--repo", REPO], [f"datasets/{REPO}"], [f"hf://datasets/{REPO}"], [ALIAS, FILE]]
)
def test_download(hfsvc: Command, folder: Path, sample: Path, arguments: list[str]) -> None:
    ended = hfsvc.succeeds("download", *arguments)
    assert ended.out == f"{folder}\n"
    assert ended.err.startswith(f"{REPO}: 1 file, ")
    assert ended.err.endswith("verified\n")
    assert tree(folder) == {FILE: (sample / REPO / FILE).read_bytes()}


def test_download_quietly(hfsvc: Command, folder: Path) -> None:
    ended = hfsvc.succeeds("download", ALIAS, "-q")
    assert ended.out == f"{folder}\n"
    assert not ended.err


def test_retries_are_told_without_a_terminal_too(hfsvc: Command, hub: LocalHub) -> None:
    hub.fault(Status(503), server="hub", times=1)
    ended = hfsvc.succeeds("download", ALIAS)
    assert "it answered 503" in ended.err
    assert "trying again in" in ended.err
    hub.fault(Status(503), server="hub", times=1)
    assert not hfsvc.succeeds("download", ALIAS, "--force", "-q").err


def test_a_download_of_n_files_costs_n_requests_and_two(hfsvc: Command, hub: LocalHub) -> None:
    for number in range(5):
        hub.write("o/five", f"{number}.parquet", bytes([number]) * 100)
    hfsvc.succeeds("download", "o/five")
    assert hub.count(server="hub") == 5 + 2


def test_a_second_download_costs_one_request(downloaded: Command, hub: LocalHub) -> None:
    hub.reset()
    downloaded.succeeds("download", ALIAS)
    assert hub.count() == 1


def test_force_fetches_again(downloaded: Command, hub: LocalHub, folder: Path) -> None:
    hub.reset()
    downloaded.succeeds("download", ALIAS, "--force")
    assert hub.bytes_sent() == (folder / FILE).stat().st_size


def test_include_and_exclude(hfsvc: Command, folder: Path) -> None:
    hfsvc.succeeds("download", ALIAS, "--include", "**", "--exclude", "data/", "--exclude", ".git*")
    assert tree(folder).keys() == {"README.md"}


def test_a_dry_run_writes_nothing(hfsvc: Command, work: Path) -> None:
    ended = hfsvc.succeeds("download", ALIAS, "--dry-run")
    path, size, state = ended.out.rstrip("\n").split("\t")
    assert (path, state) == (FILE, "to fetch")
    assert size.isdecimal()
    assert "to fetch" in ended.err
    assert not list(work.iterdir())


def test_a_dry_run_after_the_download(downloaded: Command) -> None:
    assert downloaded.succeeds("download", ALIAS, "--dry-run", "-q").out.endswith("\there\n")


def test_root_and_its_variable(hfsvc: Command, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hfsvc.succeeds("download", ALIAS, "--root", "elsewhere").out == f"{work / 'elsewhere' / REPO}\n"
    monkeypatch.setenv("HFSVC_ROOT", "elsewhere")
    assert hfsvc.succeeds("list", "-q").out == f"{REPO}\n"
    assert {path.name for path in work.iterdir()} == {"elsewhere"}


def test_what_lies_in_the_cache_of_the_hubs_tools_is_copied(
    hfsvc: Command, hub: LocalHub, sample: Path, folder: Path, tmp_path: Path
) -> None:
    content = (sample / REPO / FILE).read_bytes()
    blobs = tmp_path / "hf-home" / "hub" / f"datasets--{REPO.replace('/', '--')}" / "blobs"
    blobs.mkdir(parents=True)
    blob = blobs / hashlib.sha256(content).hexdigest()
    blob.write_bytes(content)
    assert hfsvc.succeeds("download", ALIAS, "--dry-run").out.endswith(f"\tcopy of {blob}\n")
    hfsvc.succeeds("download", ALIAS)
    assert (folder / FILE).read_bytes() == content
    assert hub.count(server="cdn") == 0


def test_named_files_are_exact(hfsvc: Command, hub: LocalHub) -> None:
    for name in ("a[1].txt", "a1.txt", "*", "{b,c}", "b", "d?"):
        hub.write(REPO, name, name.encode())
    for name in ("a[1].txt", "*", "{b,c}", "d?"):
        assert hfsvc.succeeds("download", ALIAS, name, "--dry-run", "-q").out.split("\t")[0] == name
    assert hfsvc.succeeds("download", ALIAS, "*", "--json").json["files"] == ["*"]


def test_a_named_file_that_is_not_there_is_an_error_and_the_others_are_kept(hfsvc: Command, hub: LocalHub) -> None:
    hub.write(REPO, "a.txt", b"a")
    ended = hfsvc("download", ALIAS, "a.txt", "missing.txt")
    assert ended.code == 3
    assert "missing.txt" in ended.err
    assert hfsvc.succeeds("info", ALIAS, "--json").json["files"] == ["a.txt"]


def test_names_that_other_systems_cannot_hold_are_told(hfsvc: Command, hub: LocalHub) -> None:
    hub.write("team/odd", "nul.json", b"{}")
    hub.write("team/odd", "a.json", b"{}")
    ended = hfsvc.succeeds("download", "team/odd", "--include", "**")
    assert "1 of these names cannot be kept on other systems, such as Windows: nul.json" in ended.err
    assert "nul.json" in hfsvc.succeeds("download", "team/odd", "--include", "**", "--dry-run").err
