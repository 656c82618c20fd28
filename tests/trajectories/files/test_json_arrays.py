import json
import tracemalloc
from collections.abc import Iterator
from itertools import chain, pairwise, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.trajectories.files.json_arrays import BrokenArray, split_array

# What cutting looks at, and what hides it.
TRICKY = st.text(alphabet='"\\[]{},: x\n\u00e9\U0001f600', max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TRICKY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TRICKY, inner, max_size=4),
    max_leaves=12,
)
LAYOUTS = st.sampled_from([{"separators": (",", ":")}, {"indent": 2}, {"ensure_ascii": False}])


def pieces(text: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


def outcome(blocks: list[bytes]) -> tuple[list[bytes], str | None]:
    elements: list[bytes] = []
    try:
        for element in split_array(blocks):
            elements.append(element)
    except BrokenArray as error:
        return elements, str(error)
    return elements, None


@given(st.lists(VALUES, max_size=5), LAYOUTS, st.lists(st.integers(0, 1000), max_size=8))
def test_elements_come_as_they_are(values: list[Any], layout: dict[str, Any], cuts: list[int]) -> None:
    blocks = pieces(json.dumps(values, **layout).encode(), cuts)
    assert [json.loads(element) for element in split_array(blocks)] == values


@given(TRICKY, st.lists(st.integers(0, 1000), max_size=8))
def test_any_text_is_cut_the_same_however_it_arrives(text: str, cuts: list[int]) -> None:
    whole = b"[" + text.encode()
    assert outcome(pieces(whole, cuts)) == outcome([whole])


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_strings_hide_what_they_hold(size: int) -> None:
    values = ["\\", '"', '\\"', "\\\\", "],[", {'"': "}{", "\\": ['\\\\"']}, ","]
    text = json.dumps(values).encode()
    blocks = [text[start : start + size] for start in range(0, len(text), size)]
    assert [json.loads(element) for element in split_array(blocks)] == values


def test_memory_is_that_of_an_element() -> None:
    tracemalloc.start()
    try:
        count = sum(
            1 for _ in split_array(chain([b"["], repeat(b'{"a": [1, "%s"]},' % (b"x" * 1000), 10_000), [b"1]"]))
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 10_001
    assert peak < 500_000


@pytest.mark.parametrize("nesting", [1, 3, 4, 5, 30])
def test_depth_does_not_matter(nesting: int) -> None:
    element = b'{"a":[' * nesting + b"1,2" + b"]}" * nesting
    assert list(split_array([b"[", element, b",", element, b"]"])) == [element, element]


@pytest.mark.parametrize("text", [b"[]", b"[ \n ]  \n"])
def test_an_empty_array_has_no_elements(text: bytes) -> None:
    assert list(split_array([text])) == []


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        (b"[1,,2]", [b"1", b"", b"2"]),
        (b"[1,]", [b"1", b""]),
        (b"[nonsense, {broken]}, 3]", [b"nonsense", b" {broken]}", b" 3"][:2]),
        (b'[{"a" 1}, {}]', [b'{"a" 1}', b" {}"]),
    ],
)
def test_elements_need_not_be_json(text: bytes, elements: list[bytes]) -> None:
    assert outcome([text])[0][: len(elements)] == elements


@pytest.mark.parametrize("text", [b"[", b"[{}", b"[{},", b'[{"a": "', b'["\\', b'[{}, {"a": [1}]'])
def test_an_array_that_does_not_end_says_how_far_it_was_whole(text: bytes) -> None:
    elements, error = outcome([text])
    assert error == f"the array does not end; {len(elements)} of its elements are whole"
    assert len(elements) == text.startswith(b"[{},")


@pytest.mark.parametrize("blocks", [[b"[1] 2"], [b"[1]", b"\n", b"{}"]])
def test_text_after_the_array_is_an_error(blocks: list[bytes]) -> None:
    assert outcome(blocks) == ([b"1"], "there is more text after the end of the array")


def test_an_element_comes_when_its_end_has_come() -> None:
    given: list[int] = []

    def endless() -> Iterator[bytes]:
        yield b"["
        while True:
            given.append(1)
            yield b'{"a": [1, 2]},'

    elements = split_array(endless())
    assert [next(elements) for _ in range(3)] == [b'{"a": [1, 2]}'] * 3
    assert len(given) == 3
