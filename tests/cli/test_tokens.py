"""Commands that count tokens: exports made to fit, tables of tokens, mixes, and what cannot be."""

import json
import sys
from pathlib import Path
from typing import Any, get_args

import pyarrow.parquet as pq
import pytest

from hfsvc.cli import export_options, token_options
from hfsvc.export import FORMATS
from hfsvc.testing import LocalHub
from hfsvc.train.length_limit import TooLong

from ..train.chat_templates import CHATML, MARKED, write_tokenizer
from .command import ALIAS, ROWS, Command

tokenizers = pytest.importorskip("tokenizers", reason="the extra train is not installed")

HOW = token_options.TOO_LONG

MODEL = "acme/tiny"
RUNS = 6


def run(number: int) -> dict[str, Any]:
    """A run with a call and an output that is longer in every row."""
    call = {"id": "c", "type": "function", "function": {"name": "run", "arguments": json.dumps({"command": "ls"})}}
    return {
        "messages": [
            {"role": "system", "content": "You act."},
            {"role": "user", "content": f"Task {number}"},
            {"role": "assistant", "content": "I look.", "tool_calls": [call], "reasoning_content": "hm"},
            {"role": "tool", "content": "line\n" * 40 * number, "tool_call_id": "c"},
            {"role": "assistant", "content": "Done."},
        ],
        "task": f"task_{number}",
    }


@pytest.fixture
def tiny(hfsvc: Command, work: Path) -> Command:
    """The command beside files of runs and a tokenizer."""
    (work / "runs.jsonl").write_text("".join(json.dumps(run(number)) + "\n" for number in range(RUNS)))
    write_tokenizer(work / "tiny", MARKED)
    return hfsvc


def counted(folder: Path, rendered: str) -> int:
    """How many tokens the library itself makes of a text."""
    made = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    made.no_truncation()
    return len(made.encode(rendered, add_special_tokens=False).ids)


def rendered(messages: list[dict[str, Any]]) -> str:
    """What the template `MARKED` makes of messages."""
    text = ""
    for each in messages:
        thought = f"<think>{each['reasoning_content']}</think>" if "reasoning_content" in each else ""
        calls = [
            {"name": call["function"]["name"], "arguments": json.loads(call["function"]["arguments"])}
            for call in each.get("tool_calls", ())
        ]
        written = "".join(f"<tool_call>{json.dumps(call)}</tool_call>" for call in calls)
        text += f"<|im_start|>{each['role']}\n{thought}{each['content']}{written}<|im_end|>\n"
    return text


def lengths(tiny: Command, work: Path) -> list[int]:
    tiny.succeeds("export", "runs.jsonl", "-o", "all.parquet", "--format", "tokens", "--tokenizer", "tiny")
    found: list[int] = pq.read_table(work / "all.parquet")["length"].to_pylist()
    (work / "all.parquet").unlink()
    return found


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_options_are_those_that_there_are() -> None:
    assert get_args(TooLong) == HOW
    assert export_options.FORMATS == FORMATS


# ---- tables of tokens -----------------------------------------------------------------------------------------------


def test_a_table_of_tokens_with_what_is_kept(tiny: Command, work: Path) -> None:
    ended = tiny.succeeds(
        "export", "runs.jsonl", "-o", "t.parquet", "--format", "tokens", "--tokenizer", "tiny", "--keep", "task,row"
    )
    assert ended.out == "t.parquet\n"
    table = pq.read_table(work / "t.parquet").to_pylist()
    assert [each["task"] for each in table] == [f"task_{number}" for number in range(RUNS)]
    assert all(len(each["input_ids"]) == len(each["loss_mask"]) == each["length"] for each in table)
    assert all(0 < sum(each["loss_mask"]) < each["length"] for each in table)


def test_what_counts_for_the_loss_is_said(tiny: Command, work: Path) -> None:
    counts = {}
    for parts in ("assistant", "thinking", "calls", "assistant,thinking,calls", "tool,user,system"):
        given = ("--format", "tokens", "--tokenizer", "tiny", "--loss", parts, "--limit", "1")
        tiny.succeeds("export", "runs.jsonl", "-o", "t.parquet", *given)
        counts[parts] = sum(pq.read_table(work / "t.parquet")["loss_mask"][0].as_py())
    assert counts["assistant,thinking,calls"] == counts["assistant"] + counts["thinking"] + counts["calls"]
    assert counts["tool,user,system"] > 0


def test_a_tokenizer_by_name_comes_from_the_hub_once(tiny: Command, hub: LocalHub, work: Path) -> None:
    for path in (work / "tiny").iterdir():
        hub.write_model(MODEL, path.name, path.read_bytes())
    given = ("export", "runs.jsonl", "--format", "tokens", "--tokenizer")
    tiny.succeeds(*given, "tiny", "-o", "a.parquet")
    tiny.succeeds(*given, MODEL, "-o", "b.parquet")
    assert pq.read_table(work / "a.parquet") == pq.read_table(work / "b.parquet")
    hub.reset()
    offline = tiny.spawn(*given, MODEL, "-o", "c.parquet", env={"HF_HUB_OFFLINE": "1"})
    assert offline.code == 0, offline.err
    assert pq.read_table(work / "c.parquet") == pq.read_table(work / "b.parquet")
    assert tiny.spawn(*given, "acme/other", "-o", "d.parquet", env={"HF_HUB_OFFLINE": "1"}).code == 5
    assert not (work / "d.parquet").exists()
    assert not hub.requests


# ---- made to fit ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("jsonl", "a.jsonl"),
        ("parquet", "a.parquet"),
        ("steps", "a.parquet"),
        ("openai", "a.jsonl"),
        ("openai", "a.parquet"),
        ("sharegpt", "a.jsonl.zst"),
        ("prompt-completion", "a.jsonl"),
        ("tokens", "a.parquet"),
        ("sts", "a"),
        ("atif-dir", "a"),
    ],
)
@pytest.mark.parametrize("how", HOW)
def test_rows_are_made_to_fit_in_every_format(tiny: Command, work: Path, format: str, name: str, how: str) -> None:
    known = lengths(tiny, work)
    given = ("--format", format, "--tokenizer", "tiny", "--max-tokens", str(known[2]), "--too-long", how, "--json")
    before = sorted(work.rglob("*"))
    ended = tiny("export", "runs.jsonl", "-o", name, *given, "--report", "report.json")
    if how == "split-episodes" and format in token_options.WHOLE_RUNS:
        assert ended.code == 2
        assert "holds whole runs" in ended.error["message"]
        assert sorted(work.rglob("*")) == before
        return
    (done,) = ended.json
    record = json.loads((work / "report.json").read_text())
    assert {name: record[name] for name in done["record"]} == done["record"]
    assert record["read"] == RUNS == record["written"] + sum(record["leftOut"].values())
    assert done["rows"] == record["written"]
    if how == "drop":
        assert record["leftOut"] == {"length": 3}
        assert record["fitted"]["cutRows"] == record["fitted"]["splitRows"] == 0
    elif how == "truncate-tools":
        assert (record["leftOut"], record["fitted"]["cutRows"]) == ({}, 3)
        assert record["fitted"]["cutOutputs"] == 3
    else:
        fitted = record["fitted"]
        assert (record["leftOut"], fitted["splitRows"], fitted["pieces"], fitted["droppedTurns"]) == ({}, 3, 3, 3)
    if name == "a.jsonl" and format != "prompt-completion":
        assert len(lines(work / name)) == record["written"]


def test_what_was_done_is_told_to_people(tiny: Command, work: Path) -> None:
    known = lengths(tiny, work)
    given = ("--format", "openai", "--tokenizer", "tiny", "--max-tokens", str(known[2]), "--too-long")
    ended = tiny.succeeds("export", "runs.jsonl", "-o", "a.jsonl", *given, "drop")
    assert "6 rows read, 3 written, left out: length 3" in ended.err
    ended = tiny.succeeds("export", "runs.jsonl", "-o", "a.jsonl", *given, "truncate-tools")
    assert "3 tool outputs cut, in 3 rows" in ended.err
    ended = tiny.succeeds("export", "runs.jsonl", "-o", "a.jsonl", *given, "split-episodes")
    assert "3 rows split into 3; 3 turns left out" in ended.err
    ended = tiny.spawn("export", "runs.jsonl", "-o", "-", *given, "drop")
    assert len(ended.out.splitlines()) == 3
    assert "left out: length 3" in ended.err


def test_a_limit_counts_what_is_written(tiny: Command, work: Path) -> None:
    known = lengths(tiny, work)
    (work / "runs.jsonl").write_text("".join(json.dumps(run(number)) + "\n" for number in (5, 0, 5, 1, 2, 4)))
    given = ("--format", "openai", "--tokenizer", "tiny", "--max-tokens", str(known[2]))
    (done,) = tiny.succeeds("export", "runs.jsonl", "-o", "a.jsonl", *given, "--limit", "2", "--json").json
    assert done["record"]["leftOut"] == {"length": 2, "limit": 2}
    assert (done["record"]["read"], done["rows"]) == (6, 2)
    (rest,) = tiny.succeeds("export", "runs.jsonl", "-o", "b.jsonl", *given, "--cursor", done["cursor"], "--json").json
    assert (rest["rows"], rest["record"]["leftOut"]) == (1, {"cursor": 4, "length": 1})
    assert [each["messages"][1]["content"] for each in lines(work / "b.jsonl")] == ["Task 2"]


@pytest.mark.parametrize("most", [0, 1, 2])
def test_a_limit_and_a_choice_have_a_record_of_all_rows(tiny: Command, work: Path, most: int) -> None:
    # More than an export reads ahead.
    rows: list[dict[str, Any]] = [run(1) | {"task": f"t{number % 2}"} for number in range(60)]
    rows[1]["messages"][0]["content"] = rows[3]["messages"][0]["content"] = "x"
    for row in rows[5:]:
        row["messages"][0]["content"] = "x" * 400_000
    (work / "runs.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    given = ("--format", "openai", "--tokenizer", "tiny", "--max-tokens", "100000", "--where", "task:t1")
    (done,) = tiny.succeeds("export", "runs.jsonl", "-o", "a.jsonl", *given, "--limit", str(most), "--json").json
    record = done["record"]
    assert (record["read"], record["written"]) == (60, most)
    assert record["leftOut"] == {"query": 30, "limit": 30 - most}


def test_shards_and_splits_each_have_a_record_that_adds_up(tiny: Command, work: Path) -> None:
    known = lengths(tiny, work)
    given = (
        "export",
        "runs.jsonl",
        "--format",
        "tokens",
        "--tokenizer",
        "tiny",
        "--max-tokens",
        str(known[2]),
        "--json",
    )
    shards = tiny.succeeds(*given, "-o", "s.parquet", "--shards", "3").json
    assert [each["rows"] for each in shards] == [2, 1, 0]
    splits = tiny.succeeds(
        *given, "-o", "p.parquet", "--split-by", "task", "--splits", "train=0.5,test=0.5", "--seed", "1"
    ).json
    for done in (shards, splits):
        for each in done:
            record = each["record"]
            assert record["read"] == RUNS == record["written"] + sum(record["leftOut"].values())
        assert sum(each["record"]["leftOut"].get("length", 0) for each in done) == 3
    before = (work / "s-00001-of-00003.parquet").read_bytes()
    (work / "s-00001-of-00003.parquet").unlink()
    again = tiny.succeeds(*given, "-o", "s.parquet", "--shards", "3", "--resume").json
    assert [each["kept"] for each in again] == [True, False, True]
    assert (work / "s-00001-of-00003.parquet").read_bytes() == before


def test_a_mix_is_made_to_fit(tiny: Command, work: Path) -> None:
    known = lengths(tiny, work)
    spec = ["seed = 7", 'format = "tokens"', 'tokenizer = "tiny"', f"max_tokens = {known[2]}", 'loss = ["assistant"]']
    part = ["[[dataset]]", 'name = "./runs.jsonl"', 'keep = ["row"]']
    (work / "spec.toml").write_text("\n".join([*spec, *part]))
    (done,) = tiny.succeeds("mix", "spec.toml", "-o", "mixed", "--json").json
    assert done["record"]["leftOut"] == {"length": 3}
    rows = pq.read_table(work / "mixed/mix-00000-of-00001.parquet").to_pylist()
    assert sorted(each["row"] for each in rows) == [0, 1, 2]
    (work / "spec.toml").write_text("\n".join([*spec[:2], *part]))
    ended = tiny("mix", "spec.toml", "-o", "other")
    assert (ended.code, "needs spec.toml: tokenizer" in ended.sentence) == (2, True), ended.err
    assert not (work / "other").exists()


# ---- counted --------------------------------------------------------------------------------------------------------


def test_tokens_are_those_of_the_library_itself(tiny: Command, work: Path) -> None:
    found = tiny.succeeds("stats", "runs.jsonl", "--tokenizer", "tiny", "--json").json
    assert found["rows"] == RUNS
    tokens = found["tokens"]
    own = [counted(work / "tiny", rendered(run(number)["messages"])) for number in range(RUNS)]
    assert lengths(tiny, work) == own
    assert (tokens["rows"], tokens["refusedRows"], tokens["untold"]) == (RUNS, 0, 0)
    assert tokens["tokens"] == {
        "total": sum(own), "mean": pytest.approx(sum(own) / RUNS), "median": own[2], "p90": own[5], "p99": own[5],
        "largest": own[5],
    }  # fmt: skip
    assert sum(each["total"] for each in tokens["roles"].values()) == sum(own)
    assert [*tokens["roles"]] == ["system", "user", "assistant", "thinking", "calls", "tool", "(template)"]
    assert tokens["roles"]["thinking"]["largest"] == counted(work / "tiny", "<think>hm</think>")


def test_tokens_are_lines_in_a_pipe(tiny: Command, work: Path) -> None:
    ended = tiny.succeeds("stats", "runs.jsonl", "--tokenizer", "tiny")
    found = tiny.succeeds("stats", "runs.jsonl", "--tokenizer", "tiny", "--json").json["tokens"]
    lines = [line.split("\t") for line in ended.out.splitlines()]
    assert all(len(line) == 4 for line in lines)
    assert ["tokens", "", str(found["tokens"]["total"]), ""] in lines
    by_role = {line[1]: int(line[2]) for line in lines if line[0] == "tokens by role"}
    assert by_role == {role: each["total"] for role, each in found["roles"].items()}
    assert ["tokens of a row, p99", "tool", str(found["roles"]["tool"]["p99"]), ""] in lines
    before = tiny.succeeds("stats", "runs.jsonl").out
    assert ended.out.startswith(before)
    assert "token" not in before
    assert tiny.succeeds("stats", "runs.jsonl", "--tokenizer", "tiny", "--workers", "2").out == ended.out


def test_chosen_rows_in_a_style_are_counted(downloaded: Command, work: Path) -> None:
    write_tokenizer(work / "tiny", MARKED)
    given = ("stats", ALIAS, "--tokenizer", "tiny", "--where", "task:bug", "--json")
    plain, structured = downloaded.succeeds(*given).json, downloaded.succeeds(*given, "--style", "structured").json
    assert 0 < plain["tokens"]["rows"] == structured["tokens"]["rows"] == plain["rows"] < ROWS
    assert "calls" not in plain["tokens"]["roles"]
    assert structured["tokens"]["roles"]["calls"]["total"] > 0
    assert (downloaded("stats", ALIAS, "--style", "structured").code) == 2


def test_rows_that_cannot_be_counted_are_told(tiny: Command, work: Path) -> None:
    write_tokenizer(work / "picky", PICKY)
    ended = tiny.succeeds("stats", "runs.jsonl", "--tokenizer", "picky")
    assert "1 row not counted in tokens; the first, row 3: " in ended.err
    write_tokenizer(work / "never", "{{ raise_exception('never') }}")
    ended = tiny("stats", "runs.jsonl", "--tokenizer", "never")
    assert (ended.code, ended.out) == (2, "")


# ---- what cannot be -------------------------------------------------------------------------------------------------

PICKY = CHATML.replace(
    "{%- for message in messages %}",
    "{%- if 'Task 3' in messages[1].content %}{{ raise_exception('not that one') }}{% endif %}"
    "{%- for message in messages %}",
)
TOKENS = ("--format", "tokens")


def test_a_row_that_the_template_refuses_is_left_out_with_its_reason(tiny: Command, work: Path) -> None:
    write_tokenizer(work / "picky", PICKY)
    given = ("export", "runs.jsonl", "-o", "a.parquet", *TOKENS, "--tokenizer", "picky")
    ended = tiny.succeeds(*given)
    assert "6 rows read, 5 written, left out: template 1" in ended.err
    assert "the first, row 3: the chat template does not take it: not that one" in ended.err
    (done,) = tiny.succeeds(*given, "--json").json
    assert done["record"]["leftOut"] == {"template": 1}
    assert done["record"]["fitted"]["refusal"].startswith("row 3: ")
    assert pq.read_table(work / "a.parquet").num_rows == 5


@pytest.mark.parametrize("output", ["a.parquet", "folder/a.parquet"])
def test_a_template_that_refuses_all_rows_is_an_error(tiny: Command, work: Path, output: str) -> None:
    write_tokenizer(work / "never", "{{ raise_exception('never') }}")
    before = sorted(work.rglob("*"))
    for more in ((), ("--shards", "2"), ("--max-tokens", "9000")):
        ended = tiny("export", "runs.jsonl", "-o", output, *TOKENS, "--tokenizer", "never", *more)
        assert (ended.code, "never" in ended.sentence) == (2, True), ended.err
        assert sorted(each for each in work.rglob("*") if ".openagents" not in each.parts) == before
    ended = tiny.spawn(
        "export", "runs.jsonl", "-o", "-", "--format", "openai", "--tokenizer", "never", "--max-tokens", "9"
    )
    assert (ended.code, ended.out) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*TOKENS,), "needs --tokenizer"),
        (("--tokenizer", "tiny"), "--tokenizer is for the format tokens, or for --max-tokens"),
        (("--tokenizer", "tiny", "--loss", "assistant", "--max-tokens", "9"), "parquet has no loss mask"),
        (("--max-tokens", "9"), "--max-tokens needs --tokenizer"),
        (("--too-long", "drop"), "--too-long needs --tokenizer"),
        (("--loss", "assistant"), "--loss needs --tokenizer"),
        ((*TOKENS, "--tokenizer", "tiny", "--too-long", "drop"), "give both"),
        ((*TOKENS, "--tokenizer", "tiny", "--max-tokens", "0"), "0 is not in the range x>=1"),
        ((*TOKENS, "--tokenizer", "tiny", "--max-tokens", "many"), "not a valid integer"),
        (
            (*TOKENS, "--tokenizer", "tiny", "--loss", "asistant"),
            "none of assistant, thinking, calls, system, user, tool",
        ),
        ((*TOKENS, "--tokenizer", "tiny", "--loss", ","), "names nothing"),
        ((*TOKENS, "--tokenizer", "no/such/folder"), "it is no folder, and no name of a model"),
        ((*TOKENS, "--tokenizer", "acme/none"), "on the Hub there is no model of that name"),
        ((*TOKENS, "--tokenizer", "empty"), "there is no tokenizer.json"),
        ((*TOKENS, "--tokenizer", "bare"), "no chat template lies beside it"),
        ((*TOKENS, "--tokenizer", "broken"), "its chat template is none"),
        ((*TOKENS, "--tokenizer", "tiny", "--keep", "length"), "length"),
        ((*TOKENS, "--tokenizer", "tiny", "--engine", "ray"), "The engine ray counts no tokens"),
        ((*TOKENS, "--tokenizer", "tiny", "--workers", "2"), "Tokens are counted by one process"),
        (("--max-tokens", "9", "--tokenizer", "tiny", "--workers", "0"), "Tokens are counted by one process"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_what_cannot_be_meant_is_one_sentence_and_writes_nothing(
    tiny: Command, work: Path, arguments: tuple[str, ...], said: str
) -> None:
    (work / "empty").mkdir()
    write_tokenizer(work / "bare", None)
    write_tokenizer(work / "broken", "{% for %}")
    before = sorted(work.rglob("*"))
    ended = tiny("export", "runs.jsonl", "-o", "a.parquet", "--report", "report.json", *arguments)
    assert (ended.code, said in ended.sentence) == (2, True), ended.err
    assert sorted(each for each in work.rglob("*") if ".openagents" not in each.parts) == before


def test_without_the_extra_it_is_named(tiny: Command, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each.startswith("hfsvc.train.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    for arguments in (("export", "runs.jsonl", "-o", "a.parquet", *TOKENS), ("stats", "runs.jsonl")):
        ended = tiny(*arguments, "--tokenizer", "tiny")
        assert (ended.code, "pip install 'hfsvc[train]'" in ended.sentence) == (2, True), ended.err
    assert not (work / "a.parquet").exists()
