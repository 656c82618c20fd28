"""Datasets in tokens: exported with their masks, made to fit, counted; what was left out is told."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hfsvc import ExportRequest, export_trajectories, open_container
from hfsvc.errors import BadRow, InvalidExport, InvalidTokenizer

from .chat_templates import LLAMA3, MARKED, RUN, files_of, write_tokenizer

from hfsvc.train.chats import Chat, chat_of, for_template  # isort: skip
from hfsvc.train.length_limit import LengthLimit  # isort: skip
from hfsvc.train.loss_mask import loss_parts, masked_chat  # isort: skip
from hfsvc.train.token_counts import (  # isort: skip
    TEMPLATE,
    TokenSpread,
    count_by_role,
    count_tokens,
    spread_of,
    token_statistics,
)
from hfsvc.train.chat_fitter import ChatFitter  # isort: skip
from hfsvc.train.token_rows import TokenTable  # isort: skip
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
        assert (len(found), fitter.tally.left_out["length"]) == (3, 3)
    elif how == "truncate-tools":
        assert (len(found), fitter.tally.changes["cut_outputs"]) == (6, 3)
    else:
        # The turn with the output is too long by itself; the last one is not.
        assert (len(found), fitter.tally.changes["dropped_turns"]) == (6, 3)


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
    with pytest.raises(InvalidTokenizer, match=r"of 6 rows none can be used; of the first, row 0: .* take it: no"):
        await exported(root, runs, tmp_path / "t.parquet", TokenTable(tokenizer, fitter))
    assert not (tmp_path / "t.parquet").exists()
    assert fitter.tally.left_out == {"template": 6}


async def test_a_row_without_anything_to_learn_is_bad(
    root: Path, runs: str, tmp_path: Path, tokenizer: ChatTokenizer
) -> None:
    table = TokenTable(tokenizer, ChatFitter(tokenizer), parts=loss_parts(["thinking"]))
    with pytest.raises(BadRow, match="no token of it counts for the loss"):
        await exported(root, runs, tmp_path / "t.parquet", table)


async def test_pieces_of_which_nothing_counts_are_left_out(
    root: Path, runs: str, tmp_path: Path, tokenizer: ChatTokenizer
) -> None:
    lengths = [count_tokens(tokenizer, chat_of(row)) for row in await rows_of(runs)]
    fitter = ChatFitter(tokenizer, LengthLimit(lengths[5] - 1, "split-episodes"), on_bad_row="skip")
    table = TokenTable(tokenizer, fitter, parts=loss_parts(["calls"]))
    found = await exported(root, runs, tmp_path / "t.parquet", table)
    # The last row is cut in two, and its last turn calls nothing.
    assert len(found) == 6
    assert (fitter.tally.changes["split_rows"], fitter.tally.changes["pieces"]) == (1, 1)


async def test_tokens_need_a_tokenizer(root: Path, runs: str, tmp_path: Path) -> None:
    async with open_container() as container:
        request = ExportRequest(path=tmp_path / "t.parquet", format="tokens")
        with pytest.raises(InvalidExport, match="tokens needs a tokenizer"):
            await export_trajectories(container.source(runs), request)


async def test_tokens_are_counted_by_row_and_role(root: Path, runs: str, tokenizer: ChatTokenizer) -> None:
    async with open_container() as container:
        found = await token_statistics(container.source(runs), tokenizer)
    rows = [chat_of(row) for row in await rows_of(runs)]
    lengths = sorted(count_tokens(tokenizer, chat) for chat in rows)
    assert found.tokens.total == sum(lengths) == sum(each.total for each in found.roles.values())
    assert (found.tokens.median, found.tokens.p90, found.tokens.p99, found.tokens.largest) == (
        lengths[2], lengths[5], lengths[5], lengths[5],
    )  # fmt: skip
    assert found.tokens.mean == pytest.approx(sum(lengths) / 6)
    assert (found.rows, found.refused_rows, found.tokenizer, found.untold) == (6, 0, "tiny", 0)
    assert [*found.roles] == ["system", "user", "assistant", "calls", "tool", TEMPLATE]
    assert found.roles["tool"].total > found.roles["user"].total > 0
    by_role = count_by_role(tokenizer, rows[0]).tokens
    asking = len(tokenizer.encode("<|im_start|>assistant\n").ids)
    assert by_role[TEMPLATE] == 2 * asking
    assert by_role["system"] == len(tokenizer.encode("<|im_start|>system\nYou act.<|im_end|>\n").ids)


def test_thinking_and_calls_are_counted_apart(tokenizer: ChatTokenizer) -> None:
    found = count_by_role(tokenizer, Chat(RUN)).tokens
    assert found.total() == count_tokens(tokenizer, Chat(RUN))
    thoughts = [each["reasoning_content"] for each in RUN if "reasoning_content" in each]
    assert found["thinking"] == sum(len(tokenizer.encode(f"<think>{each}</think>").ids) for each in thoughts)
    calls = [call["function"] for each in RUN for call in each.get("tool_calls", ())]
    written = [f"<tool_call>{json.dumps(each)}</tool_call>" for each in calls]
    assert found["calls"] == sum(len(tokenizer.encode(each).ids) for each in written)


def test_quantiles_are_numbers_that_rows_have() -> None:
    found = spread_of(range(1, 101), 100)
    assert (found.median, found.p90, found.p99, found.largest, found.mean) == (50, 90, 99, 100, 50.5)
    assert spread_of([], 3) == TokenSpread()
    few = spread_of([9], 10)
    assert (few.median, few.p90, few.p99, few.mean) == (0, 0, 9, 0.9)


async def test_rows_that_the_template_refuses_are_counted_apart(root: Path, runs: str, tmp_path: Path) -> None:
    picky = "{% if messages[1].content == 'Task 2' %}{{ raise_exception('no') }}{% endif %}" + MARKED
    some = read_tokenizer(files_of(write_tokenizer(tmp_path / "some", picky)), "some")
    no = read_tokenizer(files_of(write_tokenizer(tmp_path / "no", "{{ raise_exception('never') }}")), "no")
    async with open_container() as container:
        found = await token_statistics(container.source(runs), some)
        with pytest.raises(InvalidTokenizer, match="of 6 rows none can be used"):
            await token_statistics(container.source(runs), no)
    assert (found.rows, found.refused_rows) == (5, 1)
    assert found.refusal == "row 2: the chat template does not take it: no"
