import pytest

from hfsvc.trajectories.index.query import Word, read_query

FIELDS = ("agent", "task")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", []),
        (" Two  words ", [Word(None, "two"), Word(None, "words")]),
        ("agent:a other:b :c", [Word("agent", "a"), Word(None, "other:b"), Word(None, ":c")]),
        ("agent:", [Word("agent", "")]),
        ('agent:"a  b"', [Word("agent", "a b", whole=True)]),
        ('agent:"a ""b""" c', [Word("agent", 'a "b"', whole=True), Word(None, "c")]),
        ('agent:""', [Word("agent", "", whole=True)]),
        ('other:"a b"', [Word(None, 'other:"a'), Word(None, 'b"')]),
        ('agent:"a task:b', [Word("agent", '"a'), Word("task", "b")]),
        ('agent:"a"b', [Word("agent", '"a"b')]),
        ('"agent:a"', [Word(None, "agent:a", quoted=True)]),
        ('"a ""b""  c" d', [Word(None, 'a "b" c', quoted=True), Word(None, "d")]),
        ('"a', [Word(None, '"a')]),
        ('""', [Word(None, '""')]),
    ],
)
def test_a_query_is_read_word_by_word(query: str, expected: list[Word]) -> None:
    assert list(read_query(query, FIELDS)) == expected
