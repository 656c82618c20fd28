"""Loss masks: equal to those of transformers where a template marks what a model writes, and by what messages add."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from hfsvc.errors import InvalidSettings

from .chat_templates import RUN, TALK, TEMPLATES, TOOLS, acts, asks, files_of, write_tokenizer

from hfsvc.train.chat_template import TemplateRefused  # isort: skip  # behind what skips without the extra
from hfsvc.train.loss_mask import LOSS_PARTS, common, loss_parts, masked_chat, mask_tokens, merged, without  # isort: skip
from hfsvc.train.tokenizer import ChatTokenizer, read_tokenizer  # isort: skip


def tokenizer(folder: Path, name: str, **variables: Any) -> ChatTokenizer:
    return read_tokenizer(files_of(write_tokenizer(folder, TEMPLATES[name])), name, variables)


def learned(found: ChatTokenizer, messages: list[dict[str, Any]], *parts: str, tools: Any = None) -> list[str]:
    """The texts that count for the loss, one for each run of tokens."""
    made = masked_chat(found, messages, tools, loss_parts(parts or ("assistant", "thinking", "calls")))
    text = found.template.render(messages, tools).text
    runs: list[str] = []
    before = 0
    for (start, stop), counts in zip(found.encode(text).offsets, made.loss_mask, strict=True):
        if counts:
            runs = [*runs[:-1], runs[-1] + text[start:stop]] if before else [*runs, text[start:stop]]
        before = counts
    return runs


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chatml", ["It is 3.<|im_end|>\n", "4 ✓<|im_end|>\n"]),
        ("marked", ["It is 3.<|im_end|>", "4 ✓<|im_end|>"]),
        ("llama3", ["It is 3.<|eot_id|>", "4 ✓<|eot_id|>"]),
        ("qwen3", ["It is 3.<|im_end|>\n", "<think>\n\n</think>\n\n4 ✓<|im_end|>\n"]),
        ("mistral", [" It is 3.</s>", " 4 ✓</s>"]),
    ],
)
def test_what_the_assistant_writes_counts(tmp_path: Path, name: str, expected: list[str]) -> None:
    found = tokenizer(tmp_path, name)
    texts = learned(found, TALK)
    # A letter of several tokens comes once for each of them.
    assert [text.replace("✓✓✓", "✓").replace("✓✓", "✓") for text in texts] == expected


def test_earlier_thinking_that_a_template_drops_is_no_hindrance(tmp_path: Path) -> None:
    call = '<tool_call>\n{"name": "run", "arguments": {"command": "%s"}}\n</tool_call>'
    assert learned(tokenizer(tmp_path, "qwen3"), RUN, tools=TOOLS) == [
        "I look.\n" + call % "ls -l <x>" + "<|im_end|>\n",
        call % "cat a.txt" + "<|im_end|>\n",
        "There are two.<|im_end|>\n",
        "<think>\nhm\n</think>\n\nNothing > all is done.\n" + call % "exit" + "<|im_end|>\n",
    ]


@pytest.mark.parametrize("name", ["qwen3", "marked"])
def test_thinking_and_calls_are_left_out_where_told(tmp_path: Path, name: str) -> None:
    found = tokenizer(tmp_path, name)
    spoken = "".join(learned(found, RUN, "assistant"))
    assert "Nothing > all is done." in spoken
    assert "think" not in spoken
    assert "call" not in spoken
    thought = learned(found, RUN, "thinking")
    assert "".join(thought).count("</think>") == (1 if name == "qwen3" else 4)
    assert "done.<" not in "".join(thought)
    calls = "".join(learned(found, RUN, "calls"))
    assert calls.count("<tool_call>") == calls.count("</tool_call>") == 3
    assert "im_end" not in calls
    assert "think" not in calls


@pytest.mark.parametrize("name", ["chatml", "marked", "llama3", "qwen3"])
def test_parts_divide_the_text_and_what_asks_for_an_answer_is_none(tmp_path: Path, name: str) -> None:
    found = tokenizer(tmp_path, name)
    asked = learned(found, RUN, "system", "user", "tool")
    assert "Thanks, and now?" in asked[-1]
    assert "more" in "".join(asked)
    assert "There are two." not in "".join(asked)
    whole = "".join(learned(found, RUN, *LOSS_PARTS))
    for words in ("List the files.", "AAA", "There are two."):
        assert words in whole


def test_a_template_says_no_in_its_own_words(tmp_path: Path) -> None:
    found = tokenizer(tmp_path, "llama3")
    with pytest.raises(TemplateRefused, match="only supports single tool-calls at once"):
        masked_chat(found, [asks("go"), acts("", "a", "b")])
    with pytest.raises(TemplateRefused, match="Only user and assistant roles"):
        masked_chat(tokenizer(tmp_path, "mistral"), [asks("go"), asks("x", "critic")])


def test_a_message_that_is_written_nowhere_is_told(tmp_path: Path) -> None:
    deaf = "{% for m in messages if m.role == 'user' %}{{ m.content }}{{ messages | length }}{% endfor %}"
    found = read_tokenizer(files_of(write_tokenizer(tmp_path, deaf)), "deaf")
    with pytest.raises(TemplateRefused, match=r"message 1 .assistant. is nowhere"):
        masked_chat(found, [asks("go"), acts("gone"), asks("on")])


GATHERS = """
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {{- '<|im_start|>assistant\n' }}
        {%- if message.tool_calls %}{{ message.tool_calls[0].function.name }}{% endif %}
        {%- for later in messages[loop.index:] if later.role == 'tool' %}{{ '[' + later.content + ']' }}{% endfor %}
        {{- message.content + '<|im_end|>' }}
    {%- elif message.role != 'tool' %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
""".strip()


def test_an_output_within_an_answer_is_never_learned(tmp_path: Path) -> None:
    found = read_tokenizer(files_of(write_tokenizer(tmp_path, GATHERS)), "gathers")
    assert learned(found, [asks("go"), acts("look")]) == ["look<|im_end|>"]
    with pytest.raises(TemplateRefused, match=r"writes message 2 \(tool\) into an answer"):
        learned(found, [asks("go"), acts("look", "ls"), asks("secret", "tool")])


def test_a_prompt_that_opens_thinking_leaves_what_asks_out_of_the_loss(tmp_path: Path) -> None:
    opens = TEMPLATES["chatml"].replace("{{ '<|im_start|>assistant\\n' }}", "{{ '<|im_start|>assistant\\n<think>' }}")
    assert opens != TEMPLATES["chatml"]
    found = read_tokenizer(files_of(write_tokenizer(tmp_path, opens)), "opens")
    assert learned(found, [asks("go"), acts("look"), asks("on"), acts("done")]) == [
        "look<|im_end|>\n", "done<|im_end|>\n",
    ]  # fmt: skip


def test_a_token_behind_a_chat_that_asks_nothing_is_no_answer(tmp_path: Path) -> None:
    ends = TEMPLATES["chatml"].replace("{% endif %}", "{% else %}{{ eos_token }}{% endif %}")
    found = read_tokenizer(files_of(write_tokenizer(tmp_path, ends)), "ends")
    assert learned(found, [asks("go"), acts("look"), asks("on"), acts("done")]) == [
        "look<|im_end|>\n", "done<|im_end|>\n</s>",
    ]  # fmt: skip


def test_half_a_character_is_told(tmp_path: Path) -> None:
    with pytest.raises(TemplateRefused, match="tokenizer does not take it"):
        masked_chat(tokenizer(tmp_path, "chatml"), [asks("half \ud800"), acts("no")])


@pytest.mark.parametrize(("names", "reason"), [(["asistant"], "'asistant' is none of assistant, "), ([], "no part")])
def test_an_unknown_part_is_one_sentence(names: list[str], reason: str) -> None:
    with pytest.raises(InvalidSettings, match=reason):
        loss_parts(names)


def test_spans_are_cut_and_joined() -> None:
    assert merged([(5, 7), (0, 2), (2, 4)]) == [(0, 4), (5, 7)]
    assert common([(0, 5), (8, 9)], [(3, 9)]) == [(3, 5), (8, 9)]
    assert without([(0, 10)], [(2, 3), (9, 12)]) == [(0, 2), (3, 9)]
    assert mask_tokens([(0, 2), (2, 4), (4, 6)], [(3, 4)]) == [0, 1, 0]


# ---- against the libraries themselves -------------------------------------------------------------------------------


def theirs(folder: Path) -> Any:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    return transformers.AutoTokenizer.from_pretrained(str(folder))


def same(folder: Path, messages: list[dict[str, Any]], tools: Any, variables: dict[str, Any]) -> int:
    """How many tokens count, by both; both find the same."""
    peer = theirs(folder)
    made = masked_chat(read_tokenizer(files_of(folder), "ours", variables), messages, tools)
    expected = peer.apply_chat_template(
        messages, tools=tools, return_dict=True, return_assistant_tokens_mask=True, **variables
    )
    assert made.input_ids == expected["input_ids"]
    if "endgeneration" in peer.get_chat_template(None, tools):
        assert made.loss_mask == expected["assistant_masks"]
    return sum(made.loss_mask)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(TEMPLATES))
@pytest.mark.parametrize("talk", ["TALK", "RUN"])
def test_tokens_are_those_of_transformers(tmp_path: Path, name: str, talk: str) -> None:
    if name == "mistral" and talk == "RUN":
        pytest.skip("that template knows no tools")
    messages, tools = (TALK, None) if talk == "TALK" else (RUN, TOOLS)
    assert same(write_tokenizer(tmp_path, TEMPLATES[name]), messages, tools, {})


def shipped() -> list[Path]:
    """The templates that TRL ships, those for training with marks."""
    found = importlib.util.find_spec("trl")
    return sorted(Path(found.origin).parent.glob("chat_templates/*.jinja")) if found and found.origin else []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("template", shipped() or [pytest.param(None, marks=pytest.mark.skip("TRL is not installed"))])
@pytest.mark.parametrize("talk", ["TALK", "RUN"])
def test_templates_of_trl_give_its_masks(tmp_path: Path, template: Path, talk: str) -> None:
    messages, tools = (TALK, None) if talk == "TALK" else (RUN, TOOLS)
    folder = write_tokenizer(tmp_path, template.read_text())
    peer = theirs(folder)
    try:
        peer.apply_chat_template(messages, tools=tools)
    except Exception as error:
        with pytest.raises(TemplateRefused):
            masked_chat(read_tokenizer(files_of(folder), "ours"), messages, tools)
        pytest.skip(f"the template does not take it: {error}")
    if talk == "RUN" and template.stem.startswith("phi3") and "training" not in template.stem:
        pytest.skip("the template writes nothing of a message that only calls")
    try:
        assert same(folder, messages, tools, {})
    except TemplateRefused as refusal:
        if "into an answer" not in str(refusal) or "gemma" not in template.stem:
            raise
        return
    ours = read_tokenizer(files_of(folder), "ours")
    texts = "".join(learned(ours, messages, tools=tools))
    said, asked = ("It is 3.", "Add 1") if talk == "TALK" else ("There are two.", "Thanks")
    # Templates for images write nothing of a content that is plain text.
    assert (said in texts) == (said in ours.template.render(messages, tools).text)
    assert asked not in texts
    assert "training" in template.stem or "AAA" not in texts
