import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.trajectories.styles.notations import terminus_json, terminus_xml
from hfsvc.trajectories.styles.notations.base import Broken, Call, ParsedText

DONE = Call("mark_task_complete", {})


def run(keystrokes: str, duration: float = 1.0) -> Call:
    return Call("bash_command", {"keystrokes": keystrokes, "duration": duration})


def batch(*commands: Any, **fields: Any) -> str:
    return json.dumps({"analysis": "a", "plan": "p", "commands": list(commands)} | fields)


LS = {"keystrokes": "ls\n", "duration": 0.1}
LIST = run("ls\n", 0.1)
SAID = "Analysis: a\nPlan: p"


# ---- JSON -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        batch(LS),
        f"\n{batch(LS)}\n",
        json.dumps(json.loads(batch(LS)), indent=2),
        f"```json\n{batch(LS)}\n```",
        f"```\n{batch(LS)}\n```\n",
        f"Let me look at {{the}} folder: {batch(LS)} Done!",
        f'He said "no {{. {batch(LS)}',
        f'{{"note": {{"deep": 1}}}} {batch(LS)} {batch()}',
        f'{{"commands": []}} {batch(LS)}',
        '{"a": ' * 20 + batch(LS),
    ],
)
def test_a_batch_is_found_wherever_it_stands(text: str) -> None:
    assert terminus_json.opens(text) >= 0
    assert terminus_json.parse(text) == ParsedText(SAID, [LIST])


@pytest.mark.parametrize(
    ("commands", "calls"),
    [
        ([], []),
        ([LS, LS], [LIST, LIST]),
        ([{"keystrokes": "C-c"}], [run("C-c")]),
        ([{"keystrokes": "", "duration": 5}], [run("", 5.0)]),
        ([{"keystrokes": "é", "duration": None}], [run("é")]),
        ([{"keystrokes": "é", "duration": "3"}], [run("é")]),
        ([{"keystrokes": "é", "duration": [3]}], [run("é")]),
        ([{"keystrokes": "é", "duration": 10**400}], [run("é")]),
        ([{"keystrokes": "é", "duration": 90, "more": 1}], [run("é", 90.0)]),
    ],
)
def test_every_command_is_a_call_and_takes_a_second_by_default(commands: list[Any], calls: list[Call]) -> None:
    assert terminus_json.parse(batch(*commands)) == ParsedText(SAID, calls)


@pytest.mark.parametrize("yes", [True, "true", "True", "yes", "1", 1])
def test_the_end_of_the_task_is_a_call(yes: Any) -> None:
    assert terminus_json.parse(batch(LS, task_complete=yes)) == ParsedText(SAID, [LIST, DONE])


@pytest.mark.parametrize("no", [False, None, "false", "", "no", 0])
def test_no_end_of_the_task_is_none(no: Any) -> None:
    assert terminus_json.parse(batch(task_complete=no)) == ParsedText(SAID, [])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"analysis": ""}, "Plan: p"),
        ({"plan": ""}, "Analysis: a"),
        ({"analysis": "", "plan": None}, ""),
        ({"analysis": ["x"]}, "Analysis: ['x']\nPlan: p"),
    ],
)
def test_the_message_is_what_the_agent_itself_writes(fields: dict[str, Any], message: str) -> None:
    assert terminus_json.parse(batch(**fields)) == ParsedText(message, [])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"commands": []}', "its JSON has no analysis, plan"),
        ('{"analysis": "", "plan": ""}', "its JSON has no commands"),
        (batch(commands={}), "its commands are no list"),
        (batch("ls"), "its command 1 has no keystrokes"),
        (batch(LS, {"keystrokes": None}), "its command 2 has no keystrokes"),
        (batch(LS)[:-1], "its JSON does not parse: "),
        (batch(LS).replace("\\n", "\n"), "its JSON does not parse: "),
        (batch(LS).replace("0.1", "NaN"), "its JSON does not parse: "),
        (batch(LS).replace("ls", "\\ud800"), "its JSON does not parse: "),
        (batch(LS, x="deep").replace('"deep"', "[" * 200 + "]" * 200), "its JSON does not parse: it is nested deeper"),
        ('"commands" {', "it has no JSON object"),
        ('"analysis": {', "it has no JSON object"),
    ],
)
def test_what_the_harness_refuses_is_no_batch(text: str, reason: str) -> None:
    assert terminus_json.opens(text) >= 0
    found = terminus_json.parse(text)
    assert isinstance(found, Broken)
    assert found.reason.startswith(reason)


def test_the_end_of_the_task_counts_even_with_commands_that_do_not() -> None:
    assert terminus_json.parse(batch(1, task_complete=True)) == ParsedText(SAID, [DONE])


@pytest.mark.parametrize("text", ["", "prose", "use {braces}", '{"a": 1}', "```json\n[]\n```"])
def test_prose_is_no_batch(text: str) -> None:
    assert terminus_json.opens(text) == -1


def test_of_very_many_braces_only_the_first_are_tried() -> None:
    assert isinstance(terminus_json.parse('{"a": ' * 10**5 + batch(LS)), Broken)


# ---- XML ------------------------------------------------------------------------------------------------------------

SECTIONS = "<analysis>a</analysis>\n<plan>\np\n</plan>"
KEYS = '<keystrokes duration="0.1">ls\n</keystrokes>'


@pytest.mark.parametrize(
    ("body", "calls"),
    [
        (f"<commands>\n{KEYS}\n{KEYS}\n</commands>", [LIST, LIST]),
        (f"<commands>{KEYS}</commands><task_complete>\nTrue </task_complete>", [LIST, DONE]),
        ("<commands></commands>", []),
        ("<commands />", []),
        ("<task_complete>true</task_complete>", [DONE]),
        ("<commands></commands><task_complete>false</task_complete>", []),
        ("<commands><keystrokes>a &amp;&amp; b < c</keystrokes></commands>", [run("a &amp;&amp; b < c")]),
        ("<commands><keystrokes duration='2'>a</keystrokes></commands>", [run("a", 2.0)]),
        ('<commands><keystrokes duration="soon">a</keystrokes></commands>', [run("a")]),
        ('<commands><keystrokes duration="inf">a</keystrokes></commands>', [run("a")]),
        ("<commands><keystrokes>a</keystrokes><keystrokes>b</commands>", [run("a")]),
    ],
)
def test_a_response_is_read_as_the_harness_does(body: str, calls: list[Call]) -> None:
    for text in (f"<response>\n{SECTIONS}{body}</response>", f"So:\n<response>{SECTIONS}{body}\n"):
        assert terminus_xml.opens(text) >= 0
        assert terminus_xml.parse(text) == ParsedText(SAID, calls)


def test_only_the_first_response_counts_and_sections_may_be_missing() -> None:
    text = f"<response><commands>{KEYS}</commands></response><response><analysis>b</analysis></response>"
    assert terminus_xml.parse(text) == ParsedText("", [LIST])


def test_a_response_without_commands_is_refused() -> None:
    assert terminus_xml.parse("<response>") == Broken("its <response> has no <commands>")
    assert terminus_xml.opens("<answer>") == -1


VALUES = st.one_of(st.text(max_size=8), st.floats(), st.integers(), st.booleans(), st.none(), st.just({"a": []}))
COMMANDS = st.lists(
    st.dictionaries(st.sampled_from(["keystrokes", "duration", "is_blocking"]), VALUES, max_size=3), max_size=3
)
BATCHES = st.fixed_dictionaries(
    {},
    optional={
        "analysis": VALUES,
        "plan": VALUES,
        "commands": st.one_of(COMMANDS, VALUES),
        "task_complete": VALUES,
        "more": VALUES,
    },
)


@given(BATCHES, st.sampled_from(["", "\n", " " * 40]), st.sampled_from(["", "\n", "}", "So."]))
def test_a_batch_that_is_read_at_once_is_what_the_harness_reads(batch: Any, before: str, after: str) -> None:
    text = f"{before}{json.dumps(batch)}{after}"
    plain = terminus_json.parse_plain(text)
    assert plain is None or plain == terminus_json.parse(text)


def test_a_usual_batch_is_read_at_once() -> None:
    commands = [{"keystrokes": "ls\n", "duration": 1}, {"keystrokes": "pwd\n"}]
    text = f"\n{batch(*commands, task_complete=True)}"
    assert terminus_json.parse_plain(text) == ParsedText(SAID, [run("ls\n", 1.0), run("pwd\n"), DONE])
