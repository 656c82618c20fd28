"""What a name tells, and what the files of shards are called."""

from pathlib import Path
from typing import get_args

import pytest

from hfsvc.cli import export_options as command
from hfsvc.errors import InvalidExport
from hfsvc.export.formats import FORMATS, Format, choose_stream, choose_target, shard_name


@pytest.mark.parametrize(
    ("name", "format", "kind", "compression"),
    [
        ("a.jsonl", "jsonl", "lines", None),
        ("a.ndjson", "jsonl", "lines", None),
        ("a.jsonl.zst", "jsonl", "lines", "zstd"),
        ("A.JSONL.GZ", "jsonl", "lines", "gzip"),
        ("a.b.parquet", "parquet", "table", None),
    ],
)
def test_a_name_tells_the_format(name: str, format: str, kind: str, compression: str | None) -> None:
    assert choose_target(Path(name)) == (Path(name), format, kind, compression, None)


@pytest.mark.parametrize(
    ("name", "format", "kind", "compression"),
    [
        ("a", "jsonl", "lines", None),
        ("a.zst", "jsonl", "lines", "zstd"),
        ("a", "steps", "table", None),
        ("a.parquet", "steps", "table", None),
        ("a.parquet", "openai", "table", None),
        ("a.jsonl.gz", "sharegpt", "lines", "gzip"),
        ("a", "openai", "lines", None),
        ("a", "sts", "folder", None),
        ("a.jsonl", "sts", "folder", None),
    ],
)
def test_a_format_and_a_name_go_together(name: str, format: Format, kind: str, compression: str | None) -> None:
    assert choose_target(Path(name), format) == (Path(name), format, kind, compression, None)


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a", None),
        ("a.csv", None),
        ("a.gz", None),
        ("a.parquet", "jsonl"),
        ("a.jsonl", "parquet"),
        ("a.parquet.zst", "parquet"),
        ("a.zst", "sts"),
    ],
)
def test_a_format_and_a_name_that_do_not_go_together_are_refused(name: str, format: Format | None) -> None:
    with pytest.raises(InvalidExport) as caught:
        choose_target(Path(name), format)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train.jsonl", "train-00002-of-00008.jsonl"),
        ("train.jsonl.zst", "train-00002-of-00008.jsonl.zst"),
        ("train.steps.parquet", "train.steps-00002-of-00008.parquet"),
        ("train.v1", "train.v1-00002-of-00008"),
    ],
)
def test_a_shard_has_its_number_before_the_ending(name: str, expected: str) -> None:
    assert shard_name(name, (2, 8)) == expected
    assert choose_target(Path("x") / name, "steps" if "steps" in name else "jsonl", (2, 8)).path == Path("x") / expected


def test_streams_take_lines() -> None:
    assert choose_stream() == "jsonl"
    assert choose_stream("openai") == "openai"
    for format in ("parquet", "steps", "atif-dir", "sts"):
        with pytest.raises(InvalidExport):
            choose_stream(format)


def test_the_command_offers_every_format() -> None:
    assert command.FORMATS == FORMATS == get_args(Format)
