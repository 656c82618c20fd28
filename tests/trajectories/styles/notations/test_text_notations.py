"""Every way of writing calls into text that a model or a harness has, as an agent's message."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.trajectories.layouts.conversation import Message
from hfsvc.trajectories.styles.agent_message import AgentMessage, read_agent_message
from hfsvc.trajectories.styles.notations.whole_runs import run_in
from tests.trajectories.talks import texts

TOOLS = frozenset({"search", "read_file", "get.time"})
X = [("search", {"q": "x"})]


def read(text: str, role: str = "assistant", **fields: Any) -> AgentMessage:
    return read_agent_message(Message(role, text, fields), text, offered=lambda: TOOLS)


def calls(found: AgentMessage) -> list[tuple[str, dict[str, Any]]]:
    return [(call.name, call.arguments) for call in found.calls]


CALLS: list[tuple[str, str, list[tuple[str, dict[str, Any]]], str, str | None]] = [
    ("mistral", 'm[TOOL_CALLS] [{"name": "search", "arguments": {"q": "x"}}]</s>', X, "m", None),
    ("mistral", '[TOOL_CALLS]search[ARGS]{"q": "x"}[TOOL_CALLS]b[CALL_ID]z1[ARGS]{}', [*X, ("b", {})], "", None),
    ("llama", '<|python_tag|>{"name": "search", "parameters": {"q": "x"}}<|eom_id|>', X, "", None),
    ("llama", '<|python_tag|>{"name": "a", "parameters": {}}; {"name": "b", "parameters": {}}', [("a", {}), ("b", {})], "", None),
    ("llama", '<|python_tag|>search.call(q="x")', X, "", None),
    ("llama", "<|python_tag|>import os\nos.getcwd()", [("ipython", {"code": "import os\nos.getcwd()"})], "", None),
    ("kimi", 'm<|tool_calls_section_begin|><|tool_call_begin|>functions.search:0<|tool_call_argument_begin|>{"q": "x"}<|tool_call_end|><|tool_calls_section_end|>', X, "m", None),
    ("deepseek", '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>search\n```json\n{"q": "x"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>', X, "", None),
    ("deepseek", '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>search<｜tool▁sep｜>{"q": "x"}<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>', X, "", None),
    ("tool_call", "<tool_call>search\n<arg_key>q</arg_key>\n<arg_value>x</arg_value>\n</tool_call>", X, "", None),
    ("tool_call", "<tool_call>get.time\n</tool_call>", [("get.time", {})], "", None),
    ("tool_call", "<tool_call>{'name': 'search', 'arguments': {'q': 'x'}}</tool_call>", X, "", None),
    ("tool_call", '<tool_call>[{"name": "a"}, {"name": "b"}]</tool_call>', [("a", {}), ("b", {})], "", None),
    ("tool_call", '<tool_calls>\n{"name": "a"}\n{"name": "b"}\n</tool_calls>', [("a", {}), ("b", {})], "", None),
    ("tool_call", '<tool_calls><tool_call>{"name": "a"}</tool_call></tool_calls>', [("a", {})], "", None),
    ("tool_call", 'm\n<tool_call>{"name": "a"}\n<tool_call>{"name": "b"}', [("a", {}), ("b", {})], "m", None),
    ("tool_call", '<tool_call>search(q="x")</tool_call>', X, "", None),
    ("invoke", 'm\n<function_calls>\n<invoke name="search">\n<parameter name="q">x</parameter>\n</invoke>\n</function_calls>', X, "m", None),
    ("invoke", '<minimax:tool_call>\n<invoke name="search"><parameter name="q">x</parameter></invoke>\n</minimax:tool_call>', X, "", None),
    ("invoke", '<｜DSML｜function_calls><｜DSML｜invoke name="f"><｜DSML｜parameter name="n" string="false">5</｜DSML｜parameter></｜DSML｜invoke></｜DSML｜function_calls>', [("f", {"n": 5})], "", None),
    ("invoke", "<function_calls><invoke><tool_name>search</tool_name><parameters><q>x</q></parameters></invoke></function_calls>", X, "", None),
    ("call-tags", 'm<TOOLCALL>[{"name": "search", "arguments": {"q": "x"}}]</TOOLCALL>', X, "m", None),
    ("call-tags", '<|tool_call|>[{"name": "search", "arguments": {"q": "x"}}]<|/tool_call|>', X, "", None),
    ("call-tags", """<functioncall> {"name": "search", "arguments": '{"q": "x"}'} <|endoftext|>""", X, "", None),
    ("call-tags", 'm<|tool_call_start|>[search(q="x")]<|tool_call_end|>', X, "m", None),
    ("call-tags", '<function_calls>\nsearch(q="x")\n</function_calls>', X, "", None),
    ("call-tags", 'm\n<tool_code>\nprint(search(q="x"))\n</tool_code>', X, "m", None),
    ("tool_call", '<tool_call>[search(q="x")]</tool_call>', X, "", None),
    ("json", '```json\n{"name": "search", "arguments": {"q": "x"}}\n```', X, "", None),
    ("json", 'I look.\n{"name": "search", "arguments": {"q": "x"}}', X, "I look.", None),
    ("json", 'I look:\n```json\n{"name": "search", "arguments": {"q": "x"}}\n```', X, "I look:", None),
    ("json", 'm [{"name": "search", "arguments": {"q": "x"}}, {"name": "search", "arguments": {}}]', [*X, ("search", {})], "m", None),
    ("python", 'I look.\n[search(q="x")]', X, "I look.", None),
    ("python", '[search(q="x")]\nLet me see.', X, "Let me see.", None),
    ("tool-fence", 'm\n```tool_call\n{"name": "f", "arguments": {"q": "x"}}\n```', [("f", {"q": "x"})], "m", None),
    ("tool-fence", 'm\n```tool_code\nprint(f(q="x"))\n```', [("f", {"q": "x"})], "m", None),
    ("function", '<function=search>{"q": "x"}</function>', X, "", None),
    ("function", 'm\n<seed:tool_call>\n<function=search>\n<parameter=q>x</parameter>\n</function>\n</seed:tool_call>', X, "m", None),
    ("tool_call", '<tool_call name="search">{"q": "x"}</tool_call>', X, "", None),
    ("call-tags", '<|START_ACTION|>[\n{"tool_call_id": "0", "tool_name": "search", "parameters": {"q": "x"}}\n]<|END_ACTION|>', X, "", None),
    ("call-tags", 'm<|action_start|><|plugin|>{"name": "search", "parameters": {"q": "x"}}<|action_end|>', X, "m", None),
    ("call-tags", """<functioncall> {"name": "search", "arguments": '{"q": "L'Aquila"}'} <|endoftext|>""", [("search", {"q": "L'Aquila"})], "", None),
    ("name-line", 'search\n{"q": "x"}', X, "", None),
    ("react", 'I look.\nAction: ```json\n[{"tool_name": "search", "parameters": {"q": "x"}}, {"tool_name": "b", "parameters": {}}]\n```', [*X, ("b", {})], "I look.", None),
    ("react", "Thought: so\nFinal Answer: #3", [], "#3", "so"),
    ("react", "Thought: so\nAction: None\nFinal Answer: #3", [], "#3", "so"),
    ("json", '{"thought": "hm", "tool_calls": [{"name": "search", "arguments": {"q": "x"}}]}', X, "", "hm"),
    ("fence", "THOUGHT: hm\n\n```bash\nls -la\n```", [("bash", {"command": "ls -la"})], "", "hm"),
    ("fence", "THOUGHT: hm\n\n```mswea_bash_command\nls\n```\n", [("bash", {"command": "ls"})], "", "hm"),
    ("call-tags", 'm <function_call>{"name": "search", "arguments": {"q": "x"}}</function_call>', X, "m", None),
    ("react", 'Action:\n```json\n{"action": "search", "action_input": {"q": "x"}}\n```', X, "", None),
    ("use_mcp_tool", 'm\n<use_mcp_tool><server_name>s</server_name><tool_name>search</tool_name><arguments>{"q": "x"}</arguments></use_mcp_tool>', X, "m", None),
    ("execute", "m\n<execute>\nls\n</execute>", [("execute", {"command": "ls"})], "m", None),
    ("execute", "<execute_ipython>\nx = 1\n</execute_ipython>", [("execute_ipython", {"code": "x = 1"})], "", None),
    ("execute", "<search> who </search>", [("search", {"query": "who"})], "", None),
    ("harmony", '<|channel|>analysis<|message|>t<|end|><|start|>assistant<|channel|>commentary to=functions.search <|constrain|>json<|message|>{"q": "x"}<|call|>', X, "", "t"),
    ("harmony", "<|start|>assistant to=python<|channel|>commentary<|message|>1 + 1<|call|>", [("python", {"input": "1 + 1"})], "", None),
    ("named-tags", "m\n<read_file>\n<path>a.py</path>\n</read_file>", [("read_file", {"path": "a.py"})], "m", None),
    ("smolagents", "Thought: t\nCode:\n```py\nx = 1\n```<end_code>", [("python_interpreter", {"code": "x = 1"})], "", "t"),
    ("smolagents", "Thought: t\n<code>\nx = 1\n</code>", [("python_interpreter", {"code": "x = 1"})], "", "t"),
    ("smolagents", "Calling tools:\n[{'id': 'c', 'type': 'function', 'function': {'name': 'search', 'arguments': {'q': 'x'}}}]", X, "", None),
    ("react", 'Thought: t\nAction: search\nAction Input: {"q": "x"}', X, "", "t"),
    ("react", "Thought: t\nAction: search\nAction Input: x", [("search", {"input": "x"})], "", "t"),
    ("react", "THOUGHT: t\nACTION: go to desk 1", [("action", {"input": "go to desk 1"})], "", "t"),
    ("react", "Thought:\nt\n\nAction:\nclick[b1]", [("click", {"input": "b1"})], "", "t"),
    ("react", "Think: t\n\nAct: bash\n\n```bash\nls\n```", [("bash", {"command": "ls"})], "", "t"),
    ("react", "Think: t\n\nAct: finish", [("finish", {})], "", "t"),
    ("react", "m\nAction: Operation\n```sql\nSELECT 1\n```", [("Operation", {"input": "SELECT 1"})], "m", None),
    ("react", 'Thought: t\nAction:\n```json\n{"action": "search", "action_input": {"q": "x"}}\n```', X, "", "t"),
    ("react", 'Thought: t\nAction: search with Action Input: {"q": "x"}', X, "", "t"),
    ("python", '[search(q="x"), Market Trends API(n=-3, all=true)]', [*X, ("Market Trends API", {"n": -3, "all": True})], "", None),
    ("python", "[get.time()]", [("get.time", {})], "", None),
    ("python", 'search(q="x")\nget.time()', [*X, ("get.time", {})], "", None),
    ("json", '{"name": "search", "arguments": {"q": "x"}}', X, "", None),
    ("json", '[{"name": "search", "parameters": {"q": "x"}}, {"name": "b", "arguments": "{}"}]', [*X, ("b", {})], "", None),
]  # fmt: skip


@pytest.mark.parametrize(("notation", "text", "expected", "message", "thought"), CALLS)
def test_calls_of_a_text(
    notation: str, text: str, expected: list[tuple[str, dict[str, Any]]], message: str, thought: str | None
) -> None:
    found = read(text)
    assert (found.notation, calls(found)) == (notation, expected)
    assert (found.message, found.reasoning, found.kept) == (message, thought, [])


@pytest.mark.parametrize(
    "text",
    [
        'Write:\n```\n<invoke name="f">\n</invoke>\n```\nso.',
        "Use `<search>x</search>` for it.",
        'Say "<execute>ls</execute>".',
        "I use the <tool_call> tag.",
        'Write:\n```\n<tool_call>{"name": "f"}</tool_call>\n```\nso.',
        'Write `<tool_call>{"name": "f"}</tool_call>` for it.',
        "Write `<function=f></function>` for it.",
        "```\n<|python_tag|>x\n```",
        '```json\n{"name": "other", "arguments": {}}\n```',
    ],
)
def test_prose_about_a_notation_makes_no_call_and_is_reported(text: str) -> None:
    found = read(text)
    assert (found.calls, found.message) == ([], text)
    assert found.kept


def test_a_call_beside_prose_about_calls_is_read() -> None:
    call = '<tool_call>{"name": "search", "arguments": {"q": "x"}}</tool_call>'
    found = read(f"I write `<tool_call>` now:\n{call}")
    assert (calls(found), found.message) == (X, "I write `<tool_call>` now:")
    assert calls(read(f"So:\n```xml\n{call}\n```")) == X


@pytest.mark.parametrize(
    "text",
    [
        "The plan.\nAction: call mum\nThat is all.",
        "Thought: nothing to do.",
        "[1, 2, f(a=1)]",
        "[link](http://a.b)",
        'print("x")',
        '{"name": "Bob", "parameters": "none"}',
        '{"name": "Bob", "arguments": {}, "age": 3}',
        "<div><p>x</p></div>",
        "```python\nprint(1)\n```",
    ],
)
def test_prose_and_data_make_no_call(text: str) -> None:
    found = read(text)
    assert (found.calls, found.message, found.kept) == ([], text, [])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<TOOLCALL>[]</TOOLCALL>", "it holds no call"),
        ("<function_calls>\n</function_calls>", "stays text"),
        ("[TOOL_CALLS] nothing", "its JSON does not parse"),
        ("<|python_tag|>", "nothing follows"),
        ('<|tool_call_begin|>f<|tool_call_argument_begin|>{"q"', "is never closed"),
        ('<invoke name="f"><parameter name="k">', "is never closed"),
        ("<use_mcp_tool><tool_name></tool_name></use_mcp_tool>", "names no tool"),
        ("<execute>ls", "is never closed"),
        ("<search>a</search><information>b</information>", "stand in the same message"),
        ("Thought: t\nAction: a\nAction Input: {}\nObservation: o", "stand in the same message"),
        ("<|channel|>analysis", "has no <|message|>"),
        ("<|start|>user<|message|>a<|end|>", "several speakers"),
        ('{"name": "search", "arguments": {"q"', "does not parse"),
        ('Say {"name": "nobody", "arguments": {}} to it.', "not on offer"),
        ('[nobody(q="x")]\nand then', "no tool on offer"),
        ('[search(q="x"', "no Python"),
        ('[search(q="x")\nand then', "no Python"),
        ("```tool_code\nsearch(", "no Python"),
        ("```tool_code\nsearch()\n", "never closed"),
        ("```tool_code\nsearch()\n```\nis how to call", "something follows"),
        ('<function=search>{"q": "x"', "does not parse"),
        ("Thought: t\nCode:\n```py\nx = 1", "never closed"),
        ("[f(a=open('x'))]", "is no literal"),
        ("[f(a=1e999)]", "infinite"),
        ("<execute>ls</execute> <|python_tag|>x", "stays text"),
        ("<longcat_tool_call>f</longcat_tool_call>", "stays text"),
        ('<|tools_prefix|>[{"f": {"a": 1}}]<|tools_suffix|>', "stays text"),
        ("<start_function_call>call:f{a:1}<end_function_call>", "stays text"),
        ('m ✿FUNCTION✿: f\n✿ARGS✿: {"a": 1}', "stays text"),
        ("<tool_code>\nrange(3) if x else 1\n</tool_code>", "are no Python"),
    ],
)
def test_what_holds_a_mark_and_no_call_is_reported(text: str, reason: str) -> None:
    assert reason in " ".join(read(text).kept)


def test_a_thought_in_a_block_of_its_own_comes_first() -> None:
    found = read("<think>r</think>Thought: t\nAction: f\nAction Input: {}")
    assert (found.reasoning, found.message) == ("r", "t")


@pytest.mark.parametrize(("name", "acts"), [("finish", False), ("answer(3)", False), ("look", True)])
def test_after_the_last_action_of_react_people_speak(name: str, acts: bool) -> None:
    assert read(f"Thought: t\nAction: {name}").acts == acts


@pytest.mark.parametrize("role", ["function_call", "tool_call", "tool-call"])
def test_messages_that_are_calls(role: str) -> None:
    assert calls(read('{"name": "search", "arguments": {"q": "x"}}', role)) == X
    assert calls(read("[{'name': 'search', 'args': {'q': 'x'}}]", role)) == X
    assert calls(read('search(q="x")', role)) == X
    assert calls(read("m\n<function=search>\n<parameter=q>\nx\n</parameter>\n</function>", role)) == X
    found = read("nothing", role)
    assert (found.calls, len(found.kept)) == ([], 1)


@pytest.mark.parametrize(
    ("fields", "expected", "thought"),
    [
        ({"function_calls": 'search(q="x")\nget.time()'}, [*X, ("get.time", {})], None),
        ({"function_calls": '[{"name": "search", "arguments": {"q": "x"}}]'}, X, None),
        ({"function_calls": [{"name": "search", "input": {"q": "x"}}]}, X, None),
        ({"channel": "analysis"}, [], '{"q": "x"}'),
        ({"channel": "commentary", "recipient": "functions.search"}, X, None),
    ],
)
def test_calls_and_thinking_in_fields(
    fields: dict[str, Any], expected: list[tuple[str, dict[str, Any]]], thought: str | None
) -> None:
    found = read('{"q": "x"}', **fields)
    assert (calls(found), found.reasoning) == (expected, thought)


@pytest.mark.parametrize("key", ["arguments", "parameters", "args", "input"])
def test_arguments_by_other_names_count(key: str) -> None:
    found = read("", tool_calls=[{"function": {"name": "search", key: {"q": "x"}}}])
    assert (calls(found), found.kept) == (X, [])


def test_other_keys_of_a_call_are_kept_and_reported() -> None:
    found = read(
        "", tool_calls=[{"id": "1", "function": {"name": "f", "arguments": {}, "why": 1}, "sig": "s", "n": None}]
    )
    (call,) = found.calls
    assert call.extra == {"why": 1, "sig": "s"}
    assert found.kept == ["a call has further keys, kept in its extra: 'sig', 'why'"]


@given(text=texts)
def test_every_text_is_read_or_left(text: str) -> None:
    found = read(text)
    assert found.calls or found.acts or found.notation or found.message in text


@pytest.mark.parametrize(
    "piece",
    [
        "<tool_call>", "<tool_call>{", '<invoke name="f">', '<invoke name="f"><parameter name="k">', "<execute>", "<search>",
        "<|channel|>", "<|message|>", "<|start|>assistant<|message|>", "<|tool_call_begin|>", "<｜tool▁call▁begin｜>",
        "<use_mcp_tool>", "[TOOL_CALLS]", "<|python_tag|>", "Thought: \n", "Action: a\n", "Action Input: \n", "```py\n", "[f(",
        "[f(a=1),", "'", '"', "\\'", "f(a=", "{'a': ", "<read_file>", "<read_file><a>", "<code>", "Calling tools:\n", "- ", "-",
        " ", "\n", "`", "[", "{", '{"name": ', "<tool_response>", "<arg_key>", "<function_calls>", "Thought: ```py\n",
        '[{"name": "search", "arguments": {}}, ', '```json\n{"name": "search", "arguments": {}}\n```\n', "```tool_code\n", "[search(a=1)]\n",
        "<search>a</search><information>", "Action: a\nObservation: b\n", "<function=f>{", "<function_call>{",
    ],
)  # fmt: skip
def test_time_grows_with_the_text(piece: str) -> None:
    for role in ("assistant", "tool_call"):
        read(piece * (100_000 // len(piece)), role)
        read(f"[f(a={piece * (100_000 // len(piece))})]", role)
    run_in(piece * (100_000 // len(piece)))


@given(value=st.recursive(st.none() | st.booleans() | st.integers(-5, 5) | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))  # fmt: skip
def test_values_of_python_are_read_as_written(value: Any) -> None:
    found = read(f"[f(a={value!r})]")
    assert calls(found) == [("f", {"a": value})]


@pytest.mark.parametrize(
    "text",
    [
        "I searched <search>cats</search> in the docs and it says no.",
        "The <search> element is new: <search>form</search>.",
        "The <search> element is new: <search>form</search>",
        "<search> is new, as in <search>form</search>",
        "Run it in <execute> mode, then <execute>x</execute> is done.",
        "Type <execute_bash>ls</execute_bash>\nand look.",
        "Thought: fine.\nAction: none needed",
        "Thought: fine.\nAction: None\nAction Input: None",
    ],
)
def test_what_prose_mentions_is_no_call_and_is_told(text: str) -> None:
    found = read(text)
    assert (found.calls, found.message, found.acts) == ([], text, False)
    assert found.kept


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("I look: <search>cats</search>", "I look:"),
        ("The <search> tag is next.\n<search>cats</search>\nI wait.", "The <search> tag is next.\nI wait."),
        ("<b>So</b> <search>cats</search>", "<b>So</b>"),
    ],
)
def test_a_command_that_has_its_line_or_ends_the_message_is_a_call(text: str, message: str) -> None:
    found = read(text)
    assert (calls(found), found.message) == ([("search", {"query": "cats"})], message)


@pytest.mark.parametrize(
    "stop", ["\nObservation:", "\nObservation: ", "\n**Observation:**\n", "\nObservation 1:<|im_end|>"]
)
def test_the_word_at_which_a_react_agent_stops_is_no_second_turn(stop: str) -> None:
    found = read(f'Thought: I look\nAction: search\nAction Input: {{"q": "x"}}{stop}')
    assert (calls(found), found.reasoning, found.kept) == (X, "I look", [])


@pytest.mark.parametrize(
    "text",
    [
        'other\n{"q": "x"}',
        "search\n{q: x}",
        "THOUGHT: so it goes",
        "THOUGHT: do\n```bash\nls\n```\nand then\n```bash\nrm a\n```",
        "THOUGHT: do\n```python\n1\n```",
        "Here:\n```bash\nls\n```",
        '{"thought": "hm", "tool_calls": []}',
        '{"thought": "hm", "tool_calls": [{"name": "f", "arguments": {}}], "more": 1}',
        "The Final Answer: 3",
    ],
)
def test_what_only_looks_like_these_is_no_call(text: str) -> None:
    found = read(text)
    assert (found.calls, found.message, found.reasoning) == ([], text, None)
