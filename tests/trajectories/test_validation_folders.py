from pathlib import Path

import pytest

from hfsvc.errors import PathNotFound
from hfsvc.trajectories.validation import files_of


def test_files_that_end_like_documents_in_order(tmp_path: Path) -> None:
    wanted = ["a.json", "b.jsonl", "c.ndjson.gz", "deep/er/a.json.zst", "deep/z.json"]
    others = ["a.txt", "b.parquet", ".hidden.json", ".git/a.json", "json", "a.json.bz2", "a.gz"]
    for name in wanted + others:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found = [path.relative_to(tmp_path).as_posix() for path in files_of(tmp_path)]
    assert sorted(found) == wanted
    assert found == [*wanted[:3], "deep/z.json", "deep/er/a.json.zst"]


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "a.json").touch()
    (tmp_path / "b.json").symlink_to(tmp_path / "a.json")
    assert [path.name for path in files_of(tmp_path)] == ["a.json", "b.json"]


def test_a_file_is_itself_whatever_its_name(tmp_path: Path) -> None:
    file = tmp_path / ".odd"
    file.touch()
    assert list(files_of(file)) == [file]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(PathNotFound, match="There is no file or folder"):
        list(files_of(tmp_path / "none"))
