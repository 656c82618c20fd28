"""The commands ``update``, ``lock``, ``download --locked`` and ``manifest``."""

import json
import subprocess
from pathlib import Path

import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Status
from tests.builders import MiB, noise

from .command import ALIAS, REPO, Command

NEW = "data/more.parquet"


def content_of(folder: Path) -> bytes:
    return next(folder.rglob("*.parquet")).read_bytes()


def test_nothing_new_is_said_and_costs_one_request(hub: LocalHub, hfsvc: Command) -> None:
    hfsvc("download", ALIAS)
    before = len(hub.requests)
    done = hfsvc("update", "--check")
    assert (done.code, done.out.split("\t")[:2]) == (0, [REPO, "current"])
    assert len(hub.requests) == before + 1


def test_something_new_has_an_exit_code_of_its_own_and_is_brought(hub: LocalHub, hfsvc: Command, folder: Path) -> None:
    hfsvc("download", ALIAS)
    hub.write(REPO, NEW, content_of(folder))
    done = hfsvc("update", "--check", "--json")
    (found,) = json.loads(done.out)
    assert done.code == 10
    assert (found["state"], found["update"]["added"], found["update"]["changed"]) == ("new", [NEW], [])
    assert not (folder / NEW).exists()
    done = hfsvc("update")
    assert (done.code, done.out.split("\t")[1]) == (0, "updated")
    assert (folder / NEW).exists()
    assert hfsvc("update", "--check").code == 0


def test_what_is_copied_is_told(hfsvc: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = noise(3 * MiB)
    with LocalHub(tmp_path / "xet", xet=True) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HFSVC_DELTA_STORAGE", hub.storage_endpoint)
        hub.write("acme/notes", "a.parquet", old)
        hfsvc("download", "acme/notes")
        hub.write("acme/notes", "a.parquet", old + b"more")
        checked = hfsvc("update", "--check")
        planned = hfsvc("download", "acme/notes", "--dry-run")
    *_, fetch, keep, copy = checked.out.rstrip().split("\t")
    assert (int(fetch) + int(copy), keep, int(copy) > 2 * MiB) == (len(old) + 4, "0", True)
    assert planned.out.rstrip().split("\t")[-1] == f"{copy} bytes to copy from a.parquet"
    assert "to copy" in planned.err


def test_no_output_tells_a_token_of_the_storage(
    hfsvc: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = f"hf_{'s' * 30}"
    with LocalHub(tmp_path / "xet", xet=True, tokens={token: ["*"]}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HFSVC_DELTA_STORAGE", hub.storage_endpoint)
        monkeypatch.setenv("HF_TOKEN", token)
        hub.write("acme/notes", "a.parquet", noise(3 * MiB))
        told = [hfsvc("download", "acme/notes", "-v")]
        for number, options in enumerate((["-v"], ["-v", "--json"], ["--json"], ["--check", "-v"])):
            hub.write("acme/notes", "a.parquet", noise(3 * MiB) + bytes([number]))
            if number == 1:
                hub.fault(Status(401), server="storage")
            told.append(hfsvc("update", *options))
        sent = {record.headers.get("authorization", "").partition(" ")[2] for record in hub.find(server="storage")}
    assert sent
    assert not [each for each in {token} | sent if any(each in done.out + done.err for done in told)]


def test_one_that_is_gone_does_not_stop_the_others(hub: LocalHub, hfsvc: Command, folder: Path) -> None:
    hub.write("acme/notes", "a.parquet", b"old")
    hfsvc("download", "acme/notes")
    hfsvc("download", ALIAS)
    hub.write(REPO, NEW, content_of(folder))
    hub.configure("acme/notes", private=True)
    done = hfsvc("update")
    assert done.code == 3
    assert "acme/notes is missing or private" in done.err
    assert (folder / NEW).exists()


def test_what_is_not_here_cannot_be_updated(hfsvc: Command) -> None:
    done = hfsvc("update", ALIAS)
    assert done.code == 3
    assert "is not downloaded" in done.err


def test_where_nothing_is_here_that_is_said(hfsvc: Command) -> None:
    ended = hfsvc.succeeds("update")
    assert (ended.out, ended.err.startswith("Nothing is here to be updated")) == ("", True)


def test_a_locked_dataset_is_brought_as_it_was(hub: LocalHub, hfsvc: Command, folder: Path, work: Path) -> None:
    hfsvc("download", ALIAS)
    before = {each.relative_to(folder): each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    assert hfsvc("lock").code == 0
    hub.write(REPO, NEW, content_of(folder))
    done = hfsvc("download", "--locked", "hfsvc.lock", "--root", "elsewhere")
    assert done.code == 0
    there = work / "elsewhere" / REPO
    assert {each.relative_to(there): each.read_bytes() for each in there.rglob("*") if each.is_file()} == before
    assert hfsvc("update", "--check", "--root", "elsewhere").out.split("\t")[1] == "pinned"


def test_a_lock_can_be_kept_without_the_network(hfsvc: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    hfsvc("download", ALIAS)
    hfsvc("lock", ALIAS, "-o", "x.lock")
    monkeypatch.setenv("HFSVC_OFFLINE", "1")
    assert hfsvc("download", "--locked", "x.lock", ALIAS).code == 0


def test_what_differs_from_a_lock_is_named(hub: LocalHub, hfsvc: Command, work: Path) -> None:
    hfsvc("download", ALIAS)
    hfsvc("lock")
    lock = json.loads((work / "hfsvc.lock").read_text())
    (path, file), *_ = lock["datasets"][REPO]["files"].items()
    file["checksum"] = f"sha256:{'0' * 64}"
    lock["datasets"][REPO]["files"]["gone.parquet"] = file
    (work / "hfsvc.lock").write_text(json.dumps(lock))
    done = hfsvc("download", "--locked", "hfsvc.lock")
    assert done.code == 6
    assert f"{path} is of another content" in done.err
    assert "gone.parquet is locked, and is not there" in done.err


def test_files_beside_the_locked_ones_are_named(hub: LocalHub, hfsvc: Command, folder: Path) -> None:
    hub.write(REPO, "notes.txt", b"note")
    hfsvc("download", ALIAS)
    hfsvc("lock")
    hfsvc("download", ALIAS, "--include", "notes.txt")
    done = hfsvc("download", "--locked", "hfsvc.lock")
    assert done.code == 6
    assert "notes.txt is there, and is not locked" in done.err


def test_what_is_no_lock_is_refused(hfsvc: Command, work: Path) -> None:
    for content, reason in (
        (b"{", "no lock file"),
        (b'{"version": 9, "datasets": {}}', "version 9"),
        (b"{}", "no dataset"),
    ):
        (work / "x.lock").write_bytes(content)
        done = hfsvc("download", "--locked", "x.lock")
        assert (done.code, reason in done.err) == (2, True), done.err
    assert hfsvc("download", "--locked", "missing.lock").code == 3
    assert hfsvc("download", "--locked", "x.lock", "--revision", "main").code == 2


def test_a_lock_is_the_same_whatever_the_order(hub: LocalHub, hfsvc: Command, work: Path) -> None:
    hub.write("acme/notes", "b.parquet", b"b")
    hub.write("acme/notes", "a.parquet", b"a")
    hfsvc("download", ALIAS)
    hfsvc("download", "acme/notes")
    locks = [hfsvc("lock", *names, "-o", "-").out for names in ((ALIAS, "acme/notes"), ("acme/notes", ALIAS), ())]
    assert len(set(locks)) == 1


def test_a_manifest_is_taken_by_coreutils(hub: LocalHub, hfsvc: Command, work: Path) -> None:
    hub.write("acme/notes", "a b.parquet", b"a")
    hub.write("acme/notes", "é.txt", b"text")
    hfsvc("download", "acme/notes", "--include", "**")
    done = hfsvc("manifest", "acme/notes")
    (work / "SUMS").write_text(done.out)
    folder = work / ".openagents" / "datasets" / "acme" / "notes"
    checked = subprocess.run(["sha256sum", "-c", str(work / "SUMS")], cwd=folder, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout.count(": OK")) == (0, 2), checked
    (folder / "é.txt").write_bytes(b"t3xt")
    assert hfsvc("manifest", "acme/notes").code == 6
