"""Chat templates: found beside a tokenizer, and rendered in the sandbox that transformers has."""

import json
from pathlib import Path
from typing import Any

import pytest

from hfsvc.errors import InvalidTokenizer

from .chat_templates import CHATML, TALK, TOOLS, asks, files_of, write_tokenizer

from hfsvc.train.chat_template import ChatTemplate, TemplateRefused, read_template  # isort: skip
from hfsvc.train.tokenizer import read_tokenizer  # isort: skip


def rendered(text: str, **variables: Any) -> str:
    return ChatTemplate({"default": text}, {"bos_token": "<s>"}, variables).render([asks("a <b> é")], TOOLS).text


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ bos_token }}{{ messages[0].content | tojson }}", '<s>"a <b> é"'),
        ("{{ tools | tojson(indent=1) }}", json.dumps(TOOLS, indent=1)),
        ("{% for m in [1, 2, 3] %}{% if m == 2 %}{% break %}{% endif %}{{ m }}{% endfor %}", "1"),
        ("  {% if true %}\nx\n  {% endif %}\n", "x\n"),
        ("{% set n = namespace(a=1) %}{% set n.a = 2 %}{{ n.a }}{{ dict(b=1) }}", "2{'b': 1}"),
        ("{{ mood }}{{ add_generation_prompt }}{{ documents is none }}", "goodFalseTrue"),
        ("{{ strftime_now('%Y') | length }}", "4"),
    ],
)
def test_templates_have_what_transformers_gives_them(template: str, expected: str) -> None:
    assert rendered(template, mood="good") == expected


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('no roles like that') }}",
        "{{ messages[5].content }}",
        "{{ messages.append(1) }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ namespace(_a=1) }}",
        "{{ 1 + 'a' }}",
        "{{ 1 / 0 }}",
    ],
)
def test_what_a_template_may_not_or_cannot_do_is_a_refusal(template: str) -> None:
    with pytest.raises(TemplateRefused, match="the chat template does not take it"):
        rendered(template)


def test_thinking_has_its_other_names_and_nulls_are_left_out() -> None:
    template = ChatTemplate({"default": "{{ messages[0] | tojson }}"}, {})
    given = {"role": "assistant", "content": None, "reasoning": "hm"}
    assert json.loads(template.render([given]).text) == {
        "role": "assistant", "reasoning": "hm", "thinking": "hm", "reasoning_content": "hm",
    }  # fmt: skip


def test_generations_are_spans_of_characters() -> None:
    template = ChatTemplate(
        {"default": "é{% generation %}ab{% endgeneration %}{%- generation -%}c{% endgeneration %}"}, {}
    )
    assert template.marks_generations()
    assert template.render(TALK).generated == ((1, 3), (3, 4))


# ---- beside a tokenizer ---------------------------------------------------------------------------------------------


def test_a_file_of_its_own_comes_before_the_configuration(tmp_path: Path) -> None:
    folder = write_tokenizer(tmp_path, "file", chat_template="config")
    assert read_template(files_of(folder), "t").render(TALK).text == "file"
    (folder / "chat_template.jinja").unlink()
    assert read_template(files_of(folder), "t").render(TALK).text == "config"


def test_named_templates_are_chosen_as_transformers_does(tmp_path: Path) -> None:
    named = [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "tools"}]
    found = read_template(files_of(write_tokenizer(tmp_path, None, chat_template=named)), "t")
    assert (found.render(TALK).text, found.render(TALK, TOOLS).text) == ("plain", "tools")
    more = write_tokenizer(tmp_path / "more", "plain")
    (more / "additional_chat_templates").mkdir()
    (more / "additional_chat_templates/tool_use.jinja").write_text("tools")
    found = read_template(files_of(more), "t")
    assert (found.render(TALK).text, found.render(TALK, TOOLS).text) == ("plain", "tools")


def test_special_tokens_stand_in_either_file() -> None:
    files = {
        "chat_template.jinja": b"{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}",
        "tokenizer_config.json": b'{"bos_token": {"content": "<b>"}, "pad_token": null}',
        "special_tokens_map.json": b'{"bos_token": "<old>", "eos_token": "<e>"}',
    }
    assert read_template(files, "t").render(TALK).text == "<b><e>False"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"chat_template.jinja": None}, "no chat template lies beside it"),
        ({"tokenizer.json": None}, "there is no tokenizer.json"),
        ({"tokenizer.json": b"{}"}, "its tokenizer.json is none"),
        ({"tokenizer_config.json": b"[1]"}, "its tokenizer_config.json is no JSON object"),
        ({"tokenizer_config.json": b"\xff"}, "its tokenizer_config.json is no JSON object"),
        ({"chat_template.jinja": b"{% for %}"}, "its chat template is none"),
        ({"chat_template.jinja": b"\xff"}, "its chat template is no UTF-8"),
        (
            {
                "chat_template.jinja": None,
                "tokenizer_config.json": b'{"chat_template": [{"name": "rag", "template": ""}]}',
            },
            "none of its chat templates .rag. is the default",
        ),
    ],
)
def test_what_is_missing_or_broken_is_one_sentence(
    tmp_path: Path, changed: dict[str, bytes | None], reason: str
) -> None:
    files = {**files_of(write_tokenizer(tmp_path)), **changed}
    with pytest.raises(InvalidTokenizer, match=reason) as caught:
        read_tokenizer({path: content for path, content in files.items() if content is not None}, "acme/tiny")
    assert "acme/tiny" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.filterwarnings("ignore")
def test_tokens_that_only_the_configuration_names_are_tokens(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    plain = read_tokenizer(files_of(write_tokenizer(tmp_path)), "t")
    last = max(plain.encode("".join(map(chr, range(32, 127))) + json.dumps(TALK)).ids)
    size = json.loads((tmp_path / "tokenizer.json").read_text())["model"]["vocab"]
    number = max(*size.values(), last) + 1
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    folder = write_tokenizer(tmp_path, CHATML, added_tokens_decoder={str(number): {"content": "<|new|>", **flags}})
    ours = read_tokenizer(files_of(folder), "t").encode("a<|new|>b").ids
    theirs = transformers.AutoTokenizer.from_pretrained(str(folder))
    assert number in ours
    assert ours == theirs("a<|new|>b", add_special_tokens=False)["input_ids"]
