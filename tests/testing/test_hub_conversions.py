"""What `LocalHub` tells of the parquet copy of a dataset, as the Hub and its viewer do."""

from pathlib import Path

import httpx

from hfsvc.testing import LocalHub

from .notes import REPO

API = f"/api/datasets/{REPO}"


def copy_into(folder: Path) -> Path:
    for path in ("en/train/0000.parquet", "en/train/0001.parquet", "en/test/0000.parquet"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(path.encode())
    return folder


def test_the_viewer_tells_files_and_the_commit_that_they_are_of(
    hub: LocalHub, client: httpx.Client, tmp_path: Path
) -> None:
    source = hub.refresh(REPO)
    commit = hub.convert(REPO, copy_into(tmp_path / "copy"), pending=[("de", "train")])
    answer = client.get("/parquet", params={"dataset": REPO})
    assert answer.headers["x-revision"] == source
    told = answer.json()
    assert [(each["config"], each["split"], each["size"]) for each in told["parquet_files"]] == [
        ("en", "test", 20),
        ("en", "train", 21),
        ("en", "train", 21),
    ]
    assert client.get(told["parquet_files"][0]["url"], follow_redirects=True).content == b"en/test/0000.parquet"
    assert (told["pending"], told["failed"], told["partial"]) == (
        [{"dataset": REPO, "config": "de", "split": "train"}],
        [],
        False,
    )
    assert client.get(f"{API}/revision/refs%2Fconvert%2Fparquet").json()["sha"] == commit


def test_files_are_listed_by_configuration_and_split(hub: LocalHub, client: httpx.Client, tmp_path: Path) -> None:
    hub.convert(REPO, copy_into(tmp_path / "copy"))
    listed = client.get(f"{API}/parquet").json()
    assert {split: len(files) for split, files in listed["en"].items()} == {"test": 1, "train": 2}
    assert client.get(f"{API}/parquet/en").json() == listed["en"]
    assert client.get(f"{API}/parquet/en/train").json() == listed["en"]["train"]
    assert client.get(listed["en"]["train"][1], follow_redirects=True).content == b"en/train/0001.parquet"
    assert client.get(f"{API}/parquet/en/train/7.parquet").status_code == 404


def test_a_dataset_without_a_copy_has_none_to_tell_of(client: httpx.Client) -> None:
    answer = client.get("/parquet", params={"dataset": REPO})
    assert (answer.status_code, answer.headers["x-error-code"]) == (404, "ResponseNotFound")
    assert client.get(f"{API}/parquet").status_code == 404
