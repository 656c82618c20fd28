import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hfsvc.errors import BadDocuments, PathNotFound
from hfsvc.trajectories.files.json_documents import Document
from hfsvc.trajectories.validation import OtherContent, Verdict, files_of, judge, judge_documents, other_content

STEP: dict[str, Any] = {"step_id": 1, "source": "user", "message": "hello"}
GOOD: dict[str, Any] = {"schema_version": "ATIF-v1.6", "session_id": "s", "agent": {"name": "a", "version": "1"}}
GOOD |= {"steps": [STEP]}
BAD = GOOD | {"steps": []}


def document(value: Any, line: int | None = None) -> Document:
    return Document(text=json.dumps(value).encode(), line=line)


def picture(*paths: str) -> dict[str, Any]:
    parts = [{"type": "image", "source": {"media_type": "image/png", "path": path}} for path in paths]
    return GOOD | {"steps": [STEP | {"message": parts}]}


def codes(verdict: Verdict) -> list[str]:
    return [finding.code for finding in verdict.findings]


def test_every_document_gets_its_verdict_and_keeps_its_place() -> None:
    found = list(judge_documents([document(GOOD, 1), document(BAD, 2), document(GOOD, 4)]))
    assert [(each.valid, each.line) for each in found] == [(True, 1), (False, 2), (True, 4)]
    assert codes(found[1]) == ["too_short"]


def test_warnings_change_no_verdict() -> None:
    odd = {name: value for name, value in GOOD.items() if name != "session_id"}
    assert judge(document(odd)) == Verdict(valid=True, findings=())
    verdict = judge(document(odd), strict=True)
    assert verdict.valid
    assert codes(verdict) == ["no_session_id"]


def test_media_files_are_looked_for_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").touch()
    there = picture("images/1.png", str(tmp_path / "images" / "1.png"), "images", "https://example.org/a.png", "")
    assert judge(document(there), folder=tmp_path).valid
    verdict = judge(document(picture("images/1.png", "images/2.png")), folder=tmp_path)
    assert not verdict.valid
    (finding,) = verdict.findings
    assert (finding.code, finding.path) == ("missing_media", "$.steps[0].message[1].source.path")
    assert "'images/2.png'" in finding.message
    assert str(tmp_path) in finding.message


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "\ud800", "a/" * 3000])
def test_paths_that_no_system_takes_are_missing(tmp_path: Path, path: str) -> None:
    assert codes(judge(document(picture(path)), folder=tmp_path)) == ["missing_media"]


def test_without_a_folder_nothing_is_looked_for() -> None:
    assert judge(document(picture("nowhere.png"))).valid


def test_a_stream_that_breaks_is_one_more_invalid_document() -> None:
    def broken() -> Iterator[Document]:
        yield document(GOOD, 1)
        raise BadDocuments(file="a.jsonl.gz", reason="it is cut")

    good, bad = judge_documents(broken())
    assert good.valid
    assert codes(bad) == ["unreadable"]
    assert bad.findings[0].message == "it is cut"


HEADER = {"__header__": True, "schema_version": "ATIF-v1.4", "agent": {"name": "a", "version": "1"}}


def test_a_stream_of_steps_is_told_once() -> None:
    (verdict,) = judge_documents([document(HEADER, 1), document(STEP, 2), document(STEP, 3)])
    assert codes(verdict) == ["step_stream"]
    assert verdict.line == 1
    with pytest.raises(OtherContent, match="under a header line"):
        list(judge_documents([document(HEADER, 1), document(STEP, 2)], may_be_other=True))


OTHER = [{"task_name": "t", "agent_info": {"name": "a"}}, {"agent": {"name": "a"}}, {"schema_version": "2"}, [], 1, "x"]


@pytest.mark.parametrize("value", OTHER)
def test_other_json_is_skipped_where_it_was_only_found(value: Any) -> None:
    assert not next(judge_documents([document(value)])).valid
    with pytest.raises(OtherContent, match="other JSON"):
        next(judge_documents([document(value)], may_be_other=True))


@pytest.mark.parametrize(
    "text", [b"", b"nonsense", b'{"schema_version": "ATIF-v1.4"', b'{"steps": 1}', b'{"schema_version": "atif-1"}']
)
def test_what_may_be_meant_is_judged_where_it_was_only_found(text: bytes) -> None:
    assert other_content(text) is None
    assert not next(judge_documents([Document(text=text)], may_be_other=True)).valid


def test_only_the_first_document_says_what_a_file_is() -> None:
    found = judge_documents([document(GOOD, 1), document(OTHER[0], 2)], may_be_other=True)
    assert [each.valid for each in found] == [True, False]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything can be read here")
def test_media_in_a_closed_folder_are_missing(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    assert codes(judge(document(picture("closed/a.png")), folder=tmp_path)) == ["missing_media"]


# ---- which files of a folder --------------------------------------------------------------------------------------


def test_files_that_end_like_documents_in_order(tmp_path: Path) -> None:
    wanted = ["a.json", "b.jsonl", "c.ndjson.gz", "d.json.bz2", "da.JSONL.xz", "deep/er/a.json.zst", "deep/z.json"]
    others = ["a.txt", "b.parquet", ".hidden.json", ".git/a.json", "json", "a.json.lz4", "a.gz"]
    for name in wanted + others:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found = [path.relative_to(tmp_path).as_posix() for path in files_of(tmp_path)]
    assert sorted(found) == wanted
    assert found == [*wanted[:5], "deep/z.json", "deep/er/a.json.zst"]


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
