import pytest
from hypothesis import given

from hfsvc.trajectories.styles.notations.thinking import Thinking, split_thinking
from tests.trajectories.talks import texts


@pytest.mark.parametrize(
    ("text", "reasoning", "rest"),
    [
        ("<think>r</think>m", "r", "m"),
        ("<think>r</think>\nm", "r", "m"),
        ("<think>\nr\n</think>\n\n{}", "\nr\n", "{}"),
        ("\n <think>r</think>\r\nm\n", "r", "m\n"),
        ("<think>r</think>", "r", ""),
        ("<think></think>m", None, "m"),
        ("<think> \n</think>\nm", None, "m"),
        ("r</think>\nm", "r", "m"),
        ("</think>m", None, "m"),
        ("\n</think>\n\nm", None, "m"),
        ("<think>a <think> b</think>m", "a <think> b", "m"),
    ],
)
def test_thinking_is_parted_from_what_is_said(text: str, reasoning: str | None, rest: str) -> None:
    assert split_thinking(text) == Thinking(reasoning, rest)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("<thinking>", "</thinking>"),
        ("<thought>", "</thought>"),
        ("<seed:think>", "</seed:think>"),
        ("<|START_THINKING|>", "<|END_THINKING|>"),
        ("[THINK]", "[/THINK]"),
        ("◁think▷", "◁/think▷"),
    ],
)
def test_other_models_have_other_marks_for_thinking(opening: str, closing: str) -> None:
    assert split_thinking(f"{opening}r</think>{closing}\n\nm") == Thinking("r</think>", "m")
    assert split_thinking(f"{opening} {closing}m") == Thinking(None, "m")
    assert split_thinking(f"m {opening}r{closing}") == Thinking(None, f"m {opening}r{closing}")
    unclosed = split_thinking(f"{opening}r")
    assert (unclosed.rest, unclosed.closed) == (f"{opening}r", True)
    assert unclosed.kept


@pytest.mark.parametrize("text", ["", "m", "\n<b>m</b>", "a <think> tag"])
def test_text_without_a_block_is_left_alone(text: str) -> None:
    assert split_thinking(text) == Thinking(None, text)


@pytest.mark.parametrize("text", ["<think>r", " <think>", "<think>\n{}"])
def test_a_block_that_is_never_closed_stays_and_nothing_after_it_counts(text: str) -> None:
    assert split_thinking(text) == Thinking(None, text, "a <think> is never closed", closed=False)


@pytest.mark.parametrize("text", ["a <think>b</think>", '{"analysis": "the tag </think>"}'])
def test_a_block_inside_the_text_stays(text: str) -> None:
    assert split_thinking(text) == Thinking(None, text, "a <think> block stands inside the text")


@pytest.mark.parametrize("rest", ["<think>s</think>m", "m<think>s</think>", "s</think>m"])
def test_of_several_blocks_the_first_is_taken(rest: str) -> None:
    assert split_thinking(f"<think>r</think>\n{rest}") == Thinking(
        "r", rest, "only the first <think> block is taken out"
    )


@given(text=texts)
def test_nothing_is_made_up(text: str) -> None:
    found = split_thinking(text)
    assert text.endswith(found.rest)
    assert found.reasoning is None or found.reasoning in text[: len(text) - len(found.rest)]
