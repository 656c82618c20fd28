import pyarrow as pa
import pytest

from hfsvc.testing import LocalHub
from tests.trajectories.tables import parquet

from .command import Command


def test_layouts_tells_of_each_file_what_was_chosen_and_what_was_ruled_out(hfsvc: Command, hub: LocalHub) -> None:
    talk = b'[{"role": "user", "content": "a"}]'
    hub.write("o/mixed", "a.jsonl", b'{"messages": %b}\n' % talk)
    hub.write("o/mixed", "b.jsonl", b'{"dialog": [{"who": "a", "said": "b"}]}\n')
    hub.write("o/mixed", "c.jsonl", b"")
    hfsvc.succeeds("download", "o/mixed")
    ended = hfsvc.succeeds("layouts", "o/mixed")
    first, second, third = (line.split("\t") for line in ended.out.splitlines())
    assert first == ["a.jsonl", "1", "json", "messages", "its first rows hold messages"]
    named = "--column messages=dialog --column role=who --column content=said"
    assert second == ["b.jsonl", "1", "-", "-", f"no layout fits; try {named}"]
    assert third[:3] == ["c.jsonl", "0", "-"]
    assert "not harbor: it has no column 'conversations'" in ended.err
    assert hfsvc.succeeds("layouts", "o/mixed", "-q").out == "a.jsonl\tjson\nb.jsonl\t-\nc.jsonl\t-\n"
    found = hfsvc.succeeds("layouts", "o/mixed", "--json").json
    assert [each["layout"] for each in found["files"]] == ["json", None, None]
    assert {"layout": "swe-agent", "reason": "its column 'messages' is large_string, not a list of messages"} in found[
        "files"
    ][0]["ruledOut"]
    refused = hfsvc("count", "o/mixed")
    assert refused.code == 6
    assert named in refused.err


@pytest.mark.parametrize("name", ["data/a.jsonl", "a.json.gz", "train.csv", "x/data-00000-of-00001.arrow"])
def test_download_takes_the_next_form_of_rows_where_there_is_no_parquet(
    hfsvc: Command, hub: LocalHub, name: str
) -> None:
    hub.write("o/other", name, b"words")
    hub.write("o/other", "README.md", b"words")
    assert hfsvc.succeeds("download", "o/other", "--dry-run", "-q").out.startswith(name)
    hfsvc.succeeds("download", "o/other")
    assert hfsvc.succeeds("info", "o/other", "--json").json["files"] == [name]
    hub.write("o/other", "README.md", b"more words")
    hfsvc.succeeds("download", "o/other")


def test_files_that_are_left_out_are_told_by_every_command(hfsvc: Command, hub: LocalHub) -> None:
    talk = b'[{"role": "user", "content": "a"}]'
    hub.write("o/strays", "index.parquet", parquet(pa.table({"task": ["t"], "reward": [1.0]})))
    hub.write("o/strays", "runs.jsonl", b'{"messages": %b, "rejected": %b}\n' % (talk, talk))
    hub.write("o/strays", "tasks.csv", b"task,about\nt,words\n")
    hfsvc.succeeds("download", "o/strays")
    counted = hfsvc.succeeds("count", "o/strays")
    assert counted.out == "1\n"
    assert counted.err.startswith("2 files left out: index.parquet (no layout fits); and 1 other. ")
    assert [each["file"] for each in hfsvc.succeeds("count", "o/strays", "--json").json["leftOut"]] == [
        "index.parquet",
        "tasks.csv",
    ]
    assert "2 files left out: index.parquet" in hfsvc.succeeds("stats", "o/strays").err
    explained = hfsvc.succeeds("layouts", "o/strays")
    assert "columns not read in runs.jsonl: rejected" in explained.err
    assert [line.split("\t")[2] for line in explained.out.splitlines()] == ["-", "json", "-"]
