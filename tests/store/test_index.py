import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hfsvc.errors import DamagedIndex
from hfsvc.models import DownloadedDataset, Globs
from hfsvc.store.index import IndexEntry, StoreIndex, find_entry
from hfsvc.store.inventory import find_present
from tests.builders import COMMIT, lfs, read_index, sha256

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def entry(repo: str = "acme/notes", **facts: Any) -> IndexEntry:
    known: dict[str, Any] = {
        "local_path": repo,
        "files": ("a.parquet",),
        "total_bytes": 1,
        "downloaded_at": NOON,
        "revision": "main",
        "commit": COMMIT,
        "globs": (Globs(include=("**",)),),
        "checksums": {"a.parquet": sha256(b"a")},
        "sizes": {"a.parquet": 1},
    }
    return IndexEntry(repo=repo, **(known | facts))


def test_what_was_recorded_is_found(tmp_path: Path) -> None:
    StoreIndex(tmp_path).record(entry())
    assert StoreIndex(tmp_path).entries() == {"acme/notes": entry()}
    assert find_entry(StoreIndex(tmp_path).entries(), "acme/notes") == entry()


def test_there_is_nothing_before_the_first_record(tmp_path: Path) -> None:
    assert StoreIndex(tmp_path / "nowhere").entries() == {}
    assert not (tmp_path / "nowhere").exists()


def test_the_index_is_the_documented_json(tmp_path: Path) -> None:
    StoreIndex(tmp_path, clock=lambda: NOON).record(entry(license="mit"))
    document = read_index(tmp_path)
    assert (document["version"], document["updatedAt"]) == (1, "2026-01-01T12:00:00Z")
    recorded = document["datasets"]["acme/notes"]
    promised = {"repo", "localPath", "files", "totalBytes", "downloadedAt", "revision", "commit", "license"}
    assert promised | {"globs", "checksums"} <= recorded.keys()


def test_a_record_takes_the_place_of_the_earlier_one_and_leaves_the_others(tmp_path: Path) -> None:
    catalog = StoreIndex(tmp_path)
    catalog.record(entry("acme/other"))
    catalog.record(entry())
    catalog.record(entry(total_bytes=7))
    assert catalog.entries() == {"acme/notes": entry(total_bytes=7), "acme/other": entry("acme/other")}


def test_an_amendment_never_undoes_what_somebody_else_recorded_meanwhile(tmp_path: Path) -> None:
    catalog = StoreIndex(tmp_path)
    catalog.record(entry())
    assert catalog.amend(entry(), entry(aliases=("old/name",)))
    catalog.record(entry(updating_to="f" * 40))
    assert not catalog.amend(entry(), entry(revision="v1"))
    assert catalog.entries() == {"acme/notes": entry(updating_to="f" * 40)}
    catalog.remove("acme/notes")
    assert not catalog.amend(entry(), entry(revision="v1"))
    assert catalog.entries() == {}


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    catalog = StoreIndex(tmp_path)
    catalog.record(entry())
    catalog.remove("acme/other")
    catalog.remove("acme/notes")
    assert catalog.entries() == {}


@pytest.mark.parametrize("name", ["acme/notes", "ACME/Notes", "old/name", "OLD/name"])
def test_an_entry_is_found_by_any_of_its_names(tmp_path: Path, name: str) -> None:
    catalog = StoreIndex(tmp_path)
    catalog.record(entry(aliases=("old/name",)))
    assert find_entry(catalog.entries(), name) == entry(aliases=("old/name",))
    assert find_entry(catalog.entries(), "acme/nothing") is None


def test_nothing_but_the_index_is_left_in_the_root(tmp_path: Path) -> None:
    StoreIndex(tmp_path).record(entry())
    assert {path.name for path in tmp_path.iterdir()} == {"index.json", ".hfsvc"}


@pytest.mark.parametrize(
    "change",
    [
        {"localPath": "acme/other"},
        {"localPath": "../x"},
        {"repo": "acme/other"},
        {"files": ["../x"]},
        {"files": ["a.parquet", "b.parquet"]},
        {"sizes": {}},
        {"checksums": {}},
        {"files": "a.parquet"},
        {"downloadedAt": "yesterday"},
    ],
    ids=str,
)
def test_an_entry_that_does_not_add_up_is_damage(tmp_path: Path, change: dict[str, Any]) -> None:
    StoreIndex(tmp_path).record(entry())
    document = read_index(tmp_path)
    document["datasets"]["acme/notes"] |= change
    (tmp_path / "index.json").write_text(json.dumps(document))
    with pytest.raises(DamagedIndex):
        StoreIndex(tmp_path).entries()


def test_fields_of_a_later_hfsvc_pass(tmp_path: Path) -> None:
    StoreIndex(tmp_path).record(entry())
    document = read_index(tmp_path)
    document["new"] = 1
    document["datasets"]["acme/notes"]["newer"] = {}
    (tmp_path / "index.json").write_text(json.dumps(document))
    assert StoreIndex(tmp_path).entries() == {"acme/notes": entry()}


def test_a_file_is_missing_when_it_is_not_there_or_of_another_size(tmp_path: Path) -> None:
    known = entry(files=("a", "b", "c", "d"), sizes=dict.fromkeys("abcd", 1), checksums=dict.fromkeys("abcd", "x"))
    folder = tmp_path / "acme/notes"
    folder.mkdir(parents=True)
    (folder / "a").write_bytes(b"1")
    (folder / "b").write_bytes(b"22")
    (folder / "c").mkdir()
    assert known.missing(tmp_path) == ("b", "c", "d")


def test_a_dataset_as_callers_see_it_lies_below_the_root(tmp_path: Path) -> None:
    found = entry().dataset(tmp_path)
    assert found == DownloadedDataset(
        repo="acme/notes",
        folder=str(tmp_path / "acme/notes"),
        files=("a.parquet",),
        total_bytes=1,
        downloaded_at=NOON,
        revision="main",
        commit=COMMIT,
        checksums=entry().checksums,
        sizes=entry().sizes,
        selection=entry().globs,
    )
    assert found.downloaded_at - NOON == timedelta(0)


@pytest.mark.parametrize(
    ("recorded", "on_disk", "present"),
    [
        pytest.param(b"a", b"a", True, id="recorded and here"),
        pytest.param(b"a", b"X", True, id="recorded with the right size is trusted"),
        pytest.param(b"a", b"aa", False, id="recorded, another size"),
        pytest.param(b"b", b"a", False, id="recorded as something else"),
        pytest.param(None, b"a", True, id="not recorded, right"),
        pytest.param(None, b"X", False, id="not recorded, wrong"),
        pytest.param(None, None, False, id="nothing"),
    ],
)
async def test_a_file_in_place_is_taken_by_its_record_or_its_hash(
    tmp_path: Path, recorded: bytes | None, on_disk: bytes | None, present: bool
) -> None:
    if on_disk is not None:
        (tmp_path / "a.parquet").write_bytes(on_disk)
    known = entry(checksums={"a.parquet": sha256(recorded)}) if recorded else None
    found = await find_present(tmp_path, known, [lfs("a.parquet", b"a")])
    assert found == ({"a.parquet"} if present else set())
