"""The recipes of "From a dataset to a trainer", against the trainers' own code, where they are installed; on the CPU."""

import json
from pathlib import Path
from typing import Any

import pytest

from hfsvc import ExportRequest, export_trajectories, open_container

from .pages import blocks_of, page

transformers = pytest.importorskip("transformers", reason="transformers is not installed")
from ..train.chat_templates import MARKED, QWEN3, RUN, TALK, TOOLS, files_of, write_tokenizer  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


def as_text(message: dict[str, Any]) -> dict[str, Any]:
    """A message whose calls have their arguments as JSON text, as rows have them."""
    calls = [
        {**call, "function": {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}}
        for call in message.get("tool_calls", ())
    ]
    return message | ({"tool_calls": calls} if calls else {})


@pytest.fixture
def runs(tmp_path: Path) -> str:
    path = tmp_path / "rows.jsonl"
    rows = [{"messages": [as_text(each) for each in talk], "tools": TOOLS} for talk in (TALK, RUN)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


async def export(runs: str, path: Path, format: Any, tokens: Any = None) -> str:
    async with open_container() as container:
        request = ExportRequest(path=path, format=format)
        await export_trajectories(container.source(runs, style="structured"), request, tokens=tokens)
    return str(path)


def model_folder(tmp_path: Path, template: str) -> Path:
    return write_tokenizer(tmp_path / "model", template, eos_token="<|im_end|>", pad_token="</s>")


def our_tokenizer(folder: Path) -> Any:
    from hfsvc.train.tokenizer import read_tokenizer

    return read_tokenizer(files_of(folder), "ours")


# ---- TRL ------------------------------------------------------------------------------------------------------------


async def test_trl_trains_on_tokens_with_our_masks(root: Path, runs: str, tmp_path: Path) -> None:
    trl = pytest.importorskip("trl", reason="TRL is not installed")
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")

    from hfsvc.train.chat_fitter import ChatFitter
    from hfsvc.train.token_rows import TokenTable

    folder = model_folder(tmp_path, MARKED)
    ours = our_tokenizer(folder)
    path = await export(runs, tmp_path / "tokens.parquet", "tokens", TokenTable(ours, ChatFitter(ours)))
    tokens = datasets.load_dataset("parquet", data_files=path, split="train", cache_dir=str(tmp_path / "cache"))
    tokens = tokens.rename_column("loss_mask", "assistant_masks").select_columns(["input_ids", "assistant_masks"])
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=512, **shape))
    arguments = trl.SFTConfig(
        output_dir=str(tmp_path / "out"), max_length=None, max_steps=1, use_cpu=True, bf16=False, report_to=[]
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    trainer = trl.SFTTrainer(model=model, args=arguments, train_dataset=tokens, processing_class=tokenizer)
    for made, given in zip(trainer.train_dataset, tokens, strict=True):
        assert [int(label != -100) for label in made["labels"]] == given["assistant_masks"]
    assert trainer.train().training_loss > 0


@pytest.mark.parametrize("format", ["openai", "prompt-completion"])
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
async def test_what_trl_reads_is_conversational(
    root: Path, runs: str, tmp_path: Path, format: str, ending: str
) -> None:
    trl = pytest.importorskip("trl", reason="TRL is not installed")
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    path = await export(runs, tmp_path / f"train.{ending}", format)
    kind = "json" if ending == "jsonl" else "parquet"
    found = datasets.load_dataset(kind, data_files=path, split="train", cache_dir=str(tmp_path / "cache"))
    assert all(trl.is_conversational(each) for each in found)
    assert len(found) == (2 if format == "openai" else 6)


# ---- the others -----------------------------------------------------------------------------------------------------


async def test_llama_factory_takes_what_its_file_describes(root: Path, runs: str, tmp_path: Path) -> None:
    converter = pytest.importorskip(
        "llamafactory.data.converter", reason="LLaMA-Factory is not installed", exc_type=ImportError
    )
    parser = pytest.importorskip("llamafactory.data.parser", exc_type=ImportError)
    from hfsvc.train.llama_factory import dataset_info

    path = await export(runs, tmp_path / "runs.jsonl", "sharegpt")
    (tmp_path / "dataset_info.json").write_text(json.dumps(dataset_info({"runs": "runs.jsonl"})))
    (described,) = parser.get_dataset_list(["runs"], str(tmp_path))
    convert = converter.get_dataset_converter(described.formatting, described, None)
    talk, run = (convert(json.loads(line)) for line in Path(path).read_text().splitlines())
    assert [each["content"] for each in talk["_prompt"] + talk["_response"]] == [each["content"] for each in TALK[1:]]
    assert talk["_system"] == TALK[0]["content"]
    assert json.loads(talk["_tools"]) == TOOLS
    # Two results in a row are no turns for it.
    assert run["_prompt"] == []


def axolotl_settings() -> Any:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    (text,) = (each.text for each in blocks_of(page("training")) if "type: chat_template" in each.text)
    return yaml.safe_load(text)


async def test_axolotl_trains_on_answers_as_the_page_configures_it(root: Path, runs: str, tmp_path: Path) -> None:
    strategy = pytest.importorskip(
        "axolotl.prompt_strategies.chat_template", reason="axolotl is not installed", exc_type=ImportError
    )
    DictDefault = pytest.importorskip("axolotl.utils.dict").DictDefault
    from hfsvc.train.loss_mask import masked_chat

    folder = model_folder(tmp_path, QWEN3)
    settings = DictDefault(axolotl_settings() | {"sequence_len": 4096})
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    loaded = strategy.load(tokenizer, settings, ds_cfg=DictDefault(settings.datasets[0]))
    path = await export(runs, tmp_path / "train.jsonl", "openai")
    for line, talk in zip(Path(path).read_text().splitlines(), (TALK, RUN), strict=True):
        made = loaded.tokenize_prompt(json.loads(line))
        ours = masked_chat(our_tokenizer(folder), talk, TOOLS)
        assert made["input_ids"] == ours.input_ids
        theirs = [int(label != -100) for label in made["labels"]]
        assert sum(theirs) > 0
        # What counts for axolotl counts for us: we take the ends of answers and the frame of thinking too.
        assert all(our or not their for our, their in zip(ours.loss_mask, theirs, strict=True))
