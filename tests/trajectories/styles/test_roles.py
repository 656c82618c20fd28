import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.trajectories.styles.roles import is_call, kind_of


@pytest.mark.parametrize(
    ("kind", "roles"),
    [
        (
            "agent",
            [
                "assistant",
                "gpt",
                "ai",
                "model",
                "agent",
                "function_call",
                "Assistant",
                "ASSISTANT",
                "bot",
                "tool_calls",
                "function-call",
                "tool_use",
            ],
        ),
        ("user", ["user", "human", "USER", "Human", "prompter"]),
        ("system", ["system", "System"]),
        (
            "tool",
            [
                "tool",
                "function",
                "observation",
                "ipython",
                "TOOL",
                "toolResult",
                "tool-result",
                "function_response",
                "env",
                "tool_results",
            ],
        ),
        ("unknown", [None, "", "developer", "tools", "toolbox", "-"]),
    ],
)
def test_every_name_of_a_speaker_is_of_a_kind(kind: str, roles: list[str | None]) -> None:
    assert {kind_of(role) for role in roles} == {kind}


@given(role=st.none() | st.text())
def test_no_role_is_an_error(role: str | None) -> None:
    assert (
        kind_of(role) == "agent" if is_call(role) else kind_of(role) in {"agent", "user", "system", "tool", "unknown"}
    )


@pytest.mark.parametrize("role", ["tool_call", "tool-calls", "FunctionCall", "function_calls", "tool_use", "tool use"])
def test_the_roles_that_are_calls_are_so_however_they_are_written(role: str) -> None:
    assert is_call(role)
    assert not is_call("assistant")
