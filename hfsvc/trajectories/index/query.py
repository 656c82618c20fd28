"""The query language of lists and searches, parsed into words. Pure."""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from hfsvc.arguments import check_value, did_you_mean
from hfsvc.errors import InvalidArgument
from hfsvc.models import SUMMARY_FIELDS

_VALUE = r'"(?P<{}>(?:[^"]|"")*)"(?!\S)'
_WORDS = re.compile(rf"(?P<field>\w+):{_VALUE.format('value')}|{_VALUE.format('text')}|(?P<word>\S+)")
# What looks like a field, and not like an address, a path or a name of C++.
_FIELD = re.compile(r"([a-z_]\w+):(?![:/\\]|$)", re.ASCII)


class Word(NamedTuple):
    """A text that must occur: in one field, or in any where `field` is None; as the whole of it, or anywhere in it.

    `quoted` where it stood between quotation marks.
    """

    field: str | None
    text: str
    whole: bool = False
    quoted: bool = False


def read_query(query: str, fields: Collection[str]) -> Iterator[Word]:
    """The words of a query, case folded: ``word``, ``field:word``, ``field:"whole value"``, and ``"any text"``.

    Between quotation marks ``""`` stands for one, and any white space for one space.

    Args:
        query: As people type it.
        fields: Those that can be named.
    """
    start, folded = 0, query.casefold()
    while found := _WORDS.search(folded, start):
        word, start = _word(found, fields)
        yield word


def check_query(query: str | None) -> None:
    """Refuse a query that names a field which there is not: it would find nothing, whatever there is.

    Raises:
        InvalidArgument: It does, or is no text.
    """
    check_value("query", query, str | None)
    for word in read_query(query or "", SUMMARY_FIELDS):
        if not word.quoted and word.field is None and (field := _FIELD.match(word.text)):
            reason = f"{field[1]} is no field; a text with a colon is found between quotation marks"
            hint = did_you_mean(field[1], SUMMARY_FIELDS)
            known = tuple(SUMMARY_FIELDS)
            raise InvalidArgument(name="query", given=repr(query), reason=reason, known=known, hint=hint)


def _word(found: re.Match[str], fields: Collection[str]) -> tuple[Word, int]:
    """The word that was found, and where the next one may begin."""
    if found["field"] in fields:
        return Word(found["field"], _unquoted(found["value"]), whole=True), found.end()
    if found["text"]:
        return Word(None, _unquoted(found["text"]), quoted=True), found.end()
    text = found[0].split()[0]
    field, colon, wanted = text.partition(":")
    return Word(field, wanted) if colon and field in fields else Word(None, text), found.start() + len(text)


def _unquoted(text: str) -> str:
    return one_space(text.replace('""', '"'))


def one_space(text: str) -> str:
    """A text whose white space is single spaces, none of them at its ends."""
    return " ".join(text.split())
