import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfsvc.trajectories.files.lenient_json import HALF_CHARACTER, NO_NUMBER, read_json, read_listed

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_what_pythons_writer_puts_out_can_be_written_as_json_again(value: Any) -> None:
    found, changes = read_json(json.dumps(value))
    text = json.dumps(found, allow_nan=False)
    assert text.encode()
    assert bool(changes) == (text != json.dumps(value))


@given(st.lists(values, min_size=1, max_size=4))
def test_changes_name_the_items_that_have_them(items: list[Any]) -> None:
    changed = {index for index, _ in read_json(json.dumps(items)).changes}
    assert changed == {index for index, item in enumerate(items) if read_json(json.dumps(item)).changes}


@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        ("[1e400, -Infinity]", [None, None], [NO_NUMBER, NO_NUMBER]),
        ('"a\\ud83d"', "a\ufffd", [HALF_CHARACTER]),
        ('{"\\ud83d": NaN}', {"\ufffd": None}, [HALF_CHARACTER, NO_NUMBER]),
        (b'"\xed\xa0\xbd"', "\ufffd", [HALF_CHARACTER]),
        ('"\\ud83d\\ude00"', "\U0001f600", []),
    ],
)
def test_what_is_no_json_is_changed_and_told(text: str | bytes, value: Any, words: list[str]) -> None:
    found, changes = read_json(text)
    assert (found, sorted(word for _, word in changes)) == (value, sorted(words))


@pytest.mark.parametrize("text", ["", "words", "[1", b'"\xff"', "[" * 100_000])
def test_what_is_no_json_at_all_is_refused(text: str | bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        read_json(text)


def test_a_list_of_objects_in_texts_is_a_list_of_objects() -> None:
    assert read_listed(['{"a": 1}', "{}"]) == [{"a": 1}, {}]
    others: list[Any] = [["{}", "words"], ["[]"], [], None, "{}", [{}]]
    for other in others:
        assert read_listed(other) == other
