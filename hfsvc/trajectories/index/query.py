"""The query language of lists and searches, parsed into words. Pure."""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

_WORDS = re.compile(r'(?:(?P<field>\w+):"(?P<value>(?:[^"]|"")*)"(?!\S))|(?P<word>\S+)')


class Word(NamedTuple):
    """A text that must occur: in one field, or in any where `field` is None; as the whole of it, or anywhere in it."""

    field: str | None
    text: str
    whole: bool = False


def read_query(query: str, fields: Collection[str]) -> Iterator[Word]:
    """The words of a query, case folded: ``word``, ``field:word``, and ``field:"whole value"``.

    In a whole value ``""`` stands for a quotation mark, and any white space for one space. What begins like a field and
    is none is a word like any other.

    Args:
        query: As people type it.
        fields: Those that can be named.
    """
    start, folded = 0, query.casefold()
    while found := _WORDS.search(folded, start):
        word, start = _word(found, fields)
        yield word


def _word(found: re.Match[str], fields: Collection[str]) -> tuple[Word, int]:
    """The word that was found, and where the next one may begin."""
    if found["field"] in fields:
        return Word(found["field"], one_space(found["value"].replace('""', '"')), whole=True), found.end()
    text = found[0].split()[0]
    field, colon, wanted = text.partition(":")
    return Word(field, wanted) if colon and field in fields else Word(None, text), found.start() + len(text)


def one_space(text: str) -> str:
    """A text whose white space is single spaces, none of them at its ends."""
    return " ".join(text.split())
