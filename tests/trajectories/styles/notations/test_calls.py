from typing import Any

import pytest

from hfsvc.trajectories.styles.notations import fences, function_tags, tool_call_tags
from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText
from hfsvc.trajectories.styles.notations.openai_calls import calls_of
from hfsvc.trajectories.styles.notations.tools import tools_in, tools_of

F = Call("f", {"a": [1, None]})
TAG = '<tool_call>\n{"name": "f", "arguments": {"a": [1, null]}}\n</tool_call>'
TAGGED = Call("f", {"k": "v"})
FUNCTION = "<function=f>\n<parameter=k>\nv\n</parameter>\n</function>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TAG, ParsedText("", [F])),
        (f"m\n{TAG}\n{TAG}", ParsedText("m", [F, F])),
        (f"m\n\n{TAG}\n", ParsedText("m\n", [F])),
        (f"m\n{TAG}\nbetween {TAG} after\n", ParsedText("m\nbetween\nafter", [F, F])),
        (TAG.removesuffix("</tool_call>"), ParsedText("", [F])),
        (f"{TAG} after", ParsedText("after", [F])),
        ('<tool_call>{"name": "f"}</tool_call>', ParsedText("", [Call("f", {})])),
        ('<tool_call>{"name": "f", "arguments": "{\\"a\\": 1}"}</tool_call>', ParsedText("", [Call("f", {"a": 1})])),
        ('<tool_call>{"name": "f", "arguments": {"a": "</tool_call>"}}</tool_call>', ParsedText("", [Call("f", {"a": "</tool_call>"})])),
        (f"<tool_call>\n{FUNCTION}\n</tool_call>", ParsedText("", [TAGGED])),
    ],
)  # fmt: skip
def test_calls_in_tags(text: str, expected: ParsedText) -> None:
    assert tool_call_tags.opens(text) >= 0
    assert tool_call_tags.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<tool_call>", "the JSON of a <tool_call> does not parse: "),
        (f"{TAG}<tool_call>[]</tool_call>", "the JSON of a <tool_call> does not parse: "),
        (TAG.replace("}}", "}} x"), "a <tool_call> is never closed"),
        ('<tool_call>{"arguments": {}}</tool_call>', "a call names no function"),
        ("<tool_call><function=f></tool_call>", "a <function=…> is never closed"),
        ("<tool_call><function= ></tool_call>", "a <function=…> has no name"),
    ],
)
def test_one_broken_call_leaves_all_of_them_text(text: str, reason: str) -> None:
    found = tool_call_tags.parse(text)
    assert isinstance(found, Broken)
    assert found.reason.startswith(reason)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FUNCTION, ParsedText("", [TAGGED])),
        (f"m\n\n{FUNCTION}\n{FUNCTION}\n", ParsedText("m", [TAGGED, TAGGED])),
        (f"m {FUNCTION} n", ParsedText("m\nn", [TAGGED])),
        ("<function=submit>\n</function>", ParsedText("", [Call("submit", {})])),
        ("<function=f><parameter=a>\n\nx\n\n</parameter><parameter=b></parameter></function>", ParsedText("", [Call("f", {"a": "\nx\n", "b": ""})])),
        ("<function=f><parameter=a>x</parameter> y</parameter></function>", ParsedText("", [Call("f", {"a": "x</parameter> y"})])),
        ("<function=f><parameter=a>x</parameter>\n", ParsedText("", [Call("f", {"a": "x"})])),
        ("<function=f><parameter=a></function></parameter></function>", ParsedText("", [Call("f", {"a": "</function>"})])),
    ],
)  # fmt: skip
def test_functions_in_tags(text: str, expected: ParsedText) -> None:
    assert function_tags.opens(text) >= 0
    assert function_tags.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<function=", "a <function=…> has no name"),
        ("<function=f>", "a <function=…> is never closed"),
        ("<function=f>prose</function>", "a <function=…> is never closed"),
        ("<function=f><parameter=a>x</function>", "the parameter 'a' is never closed, or comes twice"),
        (
            FUNCTION.replace("</parameter>", "</parameter><parameter=k>w</parameter>"),
            "the parameter 'k' is never closed",
        ),
        (f"{FUNCTION}<function=g>prose", "a <function=…> is never closed"),
    ],
)
def test_a_broken_function_stays_text(text: str, reason: str) -> None:
    found = function_tags.parse(text)
    assert isinstance(found, Broken)
    assert found.reason.startswith(reason)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Think\n\n```bash\nls -la\n```", ParsedText("Think", [Call("bash", {"command": "ls -la"})])),
        ("```\na\n\nb\n```\nafter", ParsedText("after", [Call("bash", {"command": "a\n\nb"})])),
        ("```py\nx\n```\nthen\n```sh\nls\n```", ParsedText("```py\nx\n```\nthen", [Call("bash", {"command": "ls"})])),
        ("```\n```", ParsedText("", [Call("bash", {"command": ""})])),
    ],
)
def test_the_last_fenced_block_is_a_command(text: str, expected: ParsedText) -> None:
    assert fences.opens(text) >= 0
    assert fences.parse(text) == expected


def test_a_fence_that_is_never_closed_is_none() -> None:
    assert fences.parse("```\nls") == Broken("a fenced block is never closed")
    assert fences.opens("no ``` here") == -1


def openai(**call: Any) -> dict[str, Any]:
    return {"tool_calls": [call]}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"tool_calls": [], "function_call": ""}, []),
        (openai(id="c", type="function", function={"name": "f", "arguments": '{"a": 1}'}), [Call("f", {"a": 1}, "c")]),
        (openai(id=3, function={"name": "f", "arguments": {"a": None}}), [Call("f", {"a": None}, "3")]),
        (openai(id="", function={"name": "f", "arguments": ""}), [Call("f", {})]),
        (openai(name="f", arguments=None), [Call("f", {})]),
        ({"function_call": {"name": "f", "arguments": "{}"}}, [Call("f", {})]),
        ({"function_call": '{"name": "f", "arguments": "{}"}'}, [Call("f", {})]),
        ({"tool_calls": '[{"name": "f"}]', "function_call": {"name": "g"}}, [Call("f", {}), Call("g", {})]),
    ],
)
def test_calls_in_fields(fields: dict[str, Any], expected: list[Call]) -> None:
    assert calls_of(fields) == expected


@pytest.mark.parametrize("arguments", ["x", "[1]", '{"a": 1', 5, ["a"]])
def test_arguments_that_are_no_object_are_kept_whole(arguments: Any) -> None:
    found = calls_of(openai(function={"name": "f", "arguments": arguments}))
    assert isinstance(found, list)
    (call,) = found
    assert call.arguments == {"_raw": arguments}
    assert (call.unread or "").startswith("its arguments are no")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"tool_calls": "["}, "its calls are text, and no JSON: "),
        ({"tool_calls": {"name": "f"}}, "its tool_calls are no list"),
        ({"tool_calls": [{"name": "f"}, None]}, "a call is no object"),
        ({"tool_calls": [{"function": {"name": None}}]}, "a call names no function"),
        ({"function_call": 5}, "a call is no object"),
    ],
)
def test_one_broken_field_leaves_no_call(fields: dict[str, Any], reason: str) -> None:
    found = calls_of(fields)
    assert isinstance(found, Broken)
    assert found.reason.startswith(reason)


TOOL = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([TOOL], [TOOL]),
        (TOOL, [TOOL]),
        ('[{"a": null}]', [{"a": None}]),
        ('{"a": 1}\n\n{"b": 2}\n', [{"a": 1}, {"b": 2}]),
        (['{"a": 1}', '{"b": 2}'], [{"a": 1}, {"b": 2}]),
        ([{"a": None, "b": [{"c": None, "d": 1}]}], [{"b": [{"d": 1}]}]),
        (None, None),
        ("", None),
        ([], None),
        ("prose", None),
        ("[1]", None),
        (["prose"], None),
        (5, None),
    ],
)
def test_tools_in_a_column(value: Any, expected: list[dict[str, Any]] | None) -> None:
    assert tools_of(value) == expected


def test_tools_in_a_prompt() -> None:
    assert tools_in('<tools>\n[{"a": 1}]\n</tools>\n\nm') == ([{"a": 1}], (0, 27))
    assert tools_in('within <tools></tools> tags: <tools>{"a": 1}\n{"b": 2}</tools>') == (
        [{"a": 1}, {"b": 2}],
        (29, 61),
    )
    for text in ("", "<tools>", "<tools>no</tools>", "<tools></tools>"):
        assert tools_in(text) is None
