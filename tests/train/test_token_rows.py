"""Datasets in tokens: exported with their masks, made to fit, counted; what was left out is told."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hfsvc import ExportRequest, export_trajectories, open_container
from hfsvc.errors import BadRow, InvalidExport

from .chat_templates import LLAMA3, MARKED, files_of, write_tokenizer

from hfsvc.train.chats import chat_of, for_template  # isort: skip
from hfsvc.train.length_limit import LengthLimit  # isort: skip
from hfsvc.train.loss_mask import loss_parts, masked_chat  # isort: skip
from hfsvc.train.token_counts import TEMPLATE, count_by_role, count_tokens, token_statistics  # isort: skip
from hfsvc.train.token_rows import ChatFitter, TokenTable  # isort: skip
from hfsvc.train.tokenizer import ChatTokenizer, read_tokenizer  # isort: skip


def run(number: int) -> dict[str, Any]:
    """A row with a call and an output that is longer in every row."""
    call = {"id": "c", "type": "function", "function": {"name": "run", "arguments": json.dumps({"command": "ls"})}}
    return {
        "messages": [
            {"role": "system", "content": "You act."},
            {"role": "user", "content": f"Task {number}"},
            {"role": "assistant", "content": "I look.", "tool_calls": [call]},
            {"role": "tool", "content": "line\n" * 10 * number, "tool_call_id": "c"},
            {"role": "assistant", "content": "Done."},
        ],
        "task": f"task_{number}",
    }


@pytest.fixture
def runs(tmp_path: Path) -> str:
    path = tmp_path / "runs.jsonl"
    path.write_text("".join(json.dumps(run(number)) + "\n" for number in range(6)))
    return str(path)


@pytest.fixture
def tokenizer(tmp_path: Path) -> ChatTokenizer:
    return read_tokenizer(files_of(write_tokenizer(tmp_path / "tiny", MARKED)), "tiny")


async def exported(root: Path, runs: str, path: Path, table: TokenTable) -> list[dict[str, Any]]:
    async with open_container() as container:
        request = ExportRequest(path=path, format="tokens")
        await export_trajectories(container.source(runs), request, tokens=table)
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


async def rows_of(runs: str) -> list[Any]:
    async with open_container() as container:
        return [row async for row in container.source(runs).stream_rows()]


async def test_a_table_of_tokens(root: Path, runs: str, tmp_path: Path, tokenizer: ChatTokenizer) -> None:
    table = TokenTable(
        tokenizer, ChatFitter(tokenizer), kept_fields=[pa.field("row", pa.int64())], kept=lambda row: {"row": row.row}
    )
    found = await exported(root, runs, tmp_path / "t.parquet", table)
    expected = [masked_chat(tokenizer, for_template(tokenizer.template, chat_of(row))) for row in await rows_of(runs)]
    assert [(each["input_ids"], each["loss_mask"]) for each in found] == expected
    assert [each["length"] for each in found] == [len(each.input_ids) for each in expected]
    assert [each["row"] for each in found] == [*range(6)]
    schema = pq.read_schema(tmp_path / "t.parquet")
    assert schema.field("input_ids").type.value_type == pa.int32()
    assert schema.field("loss_mask").type.value_type == pa.int8()
    assert schema.field("length").type == pa.int32()


@pytest.mark.parametrize("how", ["drop", "truncate-tools", "split-episodes"])
async def test_no_row_is_longer_than_told(
    root: Path, runs: str, tmp_path: Path, tokenizer: ChatTokenizer, how: Any
) -> None:
    lengths = [count_tokens(tokenizer, chat_of(row)) for row in await rows_of(runs)]
    fitter = ChatFitter(tokenizer, LengthLimit(lengths[2], how))
    found = await exported(root, runs, tmp_path / "t.parquet", TokenTable(tokenizer, fitter))
    assert max(each["length"] for each in found) <= lengths[2]
    if how == "drop":
        assert (len(found), fitter.left_out["length"]) == (3, 3)
    elif how == "truncate-tools":
        assert (len(found), fitter.cut_outputs) == (6, 3)
    else:
        # The turn with the output is too long by itself; the last one is not.
        assert (len(found), fitter.dropped_turns) == (6, 3)


async def test_a_row_that_the_template_refuses_ends_it_or_is_counted(root: Path, runs: str, tmp_path: Path) -> None:
    picky = LLAMA3.replace(
        "{%- elif message.tool_calls %}", "{%- elif message.tool_calls %}{{ raise_exception('no') }}"
    )
    tokenizer = read_tokenizer(files_of(write_tokenizer(tmp_path / "picky", picky)), "picky")
    with pytest.raises(BadRow, match=r"Row 0 in runs\.jsonl .*: the chat template does not take it: no") as caught:
        await exported(root, runs, tmp_path / "t.parquet", TokenTable(tokenizer, ChatFitter(tokenizer)))
    assert caught.value.exit_code == 6
    assert not (tmp_path / "t.parquet").exists()
    fitter = ChatFitter(tokenizer, on_bad_row="skip")
    assert await exported(root, runs, tmp_path / "t.parquet", TokenTable(tokenizer, fitter)) == []
    assert fitter.left_out == {"bad": 6}


async def test_a_row_without_anything_to_learn_is_bad(
    root: Path, runs: str, tmp_path: Path, tokenizer: ChatTokenizer
) -> None:
    table = TokenTable(tokenizer, ChatFitter(tokenizer), parts=loss_parts(["thinking"]))
    with pytest.raises(BadRow, match="no token of it counts for the loss"):
        await exported(root, runs, tmp_path / "t.parquet", table)


async def test_tokens_need_a_tokenizer(root: Path, runs: str, tmp_path: Path) -> None:
    async with open_container() as container:
        request = ExportRequest(path=tmp_path / "t.parquet", format="tokens")
        with pytest.raises(InvalidExport, match="tokens needs a tokenizer"):
            await export_trajectories(container.source(runs), request)


async def test_tokens_are_counted_by_row_and_role(root: Path, runs: str, tokenizer: ChatTokenizer) -> None:
    async with open_container() as container:
        found = await token_statistics(container.source(runs), tokenizer)
    rows = [chat_of(row) for row in await rows_of(runs)]
    assert found.tokens.total == sum(count_tokens(tokenizer, chat) for chat in rows) == sum(found.roles.values())
    assert (found.rows, found.refused_rows, found.tokenizer) == (6, 0, "tiny")
    assert found.roles["tool"] > found.roles["user"] > 0
    by_role = count_by_role(tokenizer, rows[0])
    asking = len(tokenizer.encode("<|im_start|>assistant\n").ids)
    assert by_role[TEMPLATE] == 2 * asking
    assert by_role["system"] == len(tokenizer.encode("<|im_start|>system\nYou act.<|im_end|>\n").ids)


async def test_rows_that_the_template_refuses_are_counted_apart(root: Path, runs: str, tmp_path: Path) -> None:
    no = read_tokenizer(files_of(write_tokenizer(tmp_path / "no", "{{ raise_exception('never') }}")), "no")
    async with open_container() as container:
        found = await token_statistics(container.source(runs), no)
    assert (found.rows, found.refused_rows) == (0, 6)
    assert found.reason == "the chat template does not take it: never"
