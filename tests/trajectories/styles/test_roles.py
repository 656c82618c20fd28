import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.trajectories.styles.roles import KINDS, kind_of


@pytest.mark.parametrize(
    ("kind", "roles"),
    [
        ("agent", ["assistant", "gpt", "ai", "model", "agent", "function_call"]),
        ("user", ["user", "human"]),
        ("system", ["system"]),
        ("tool", ["tool", "function", "observation", "ipython"]),
        ("unknown", [None, "", "developer", "Assistant", "user ", "tools"]),
    ],
)
def test_every_name_of_a_speaker_is_of_a_kind(kind: str, roles: list[str | None]) -> None:
    assert {kind_of(role) for role in roles} == {kind}


@given(role=st.none() | st.text())
def test_no_role_is_an_error(role: str | None) -> None:
    assert kind_of(role) == "unknown" or role in KINDS
