"""Answers of the storage of chunks, and who may be asked: whatever cannot be true is refused."""

import json
from typing import Any

import pytest

from hfsvc.errors import NotAHub
from hfsvc.hub.reconstruction import MOST_CHUNKS, MOST_TERMS, Chunk, ContentTerm, decode_terms, only_chunk
from hfsvc.hub.xet import check_storage, decode_token, may_ask_storage

URL, XORB = "https://cas.test", "a" * 64
HUB, OWN = "https://huggingface.co", "https://cas-server.xethub.hf.co"


def term(**changes: Any) -> dict[str, Any]:
    return {"hash": XORB, "unpacked_length": 100_000, "range": {"start": 2, "end": 4}} | changes


def body(*terms: object, **more: Any) -> bytes:
    return json.dumps({"terms": terms} | more).encode()


def test_both_versions_are_read_and_what_else_they_say_is_not() -> None:
    for more in ({"xorbs": {XORB: [{"url": 3}]}}, {"fetch_info": "anything"}):
        found = decode_terms(body(term(), offset_into_first_range=7, **more), URL)
        assert found.terms == [ContentTerm(XORB, 2, 4, 100_000)]
        assert found.skipped == 7


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"[]", b"{", b"\xff", b"[" * 10_000, body(term(hash="A" * 64)), body(term(hash="../" + "a" * 61)),
        body(term(unpacked_length=0)), body(term(unpacked_length=-1)), body(term(unpacked_length=1.5)),
        body(term(unpacked_length=2 * (128 << 10) + 1)), body(term(unpacked_length=1)), body(term(unpacked_length=10**30)),
        body(term(range={"start": 4, "end": 4})), body(term(range={"start": -1, "end": 4})), body(term(range={"start": 1})),
        body(term(range={"start": 0, "end": MOST_CHUNKS + 1}, unpacked_length=10**7)), body(term(unpacked_length=True)),
        body(term(), offset_into_first_range=100_000), body(offset_into_first_range=1),
        body(term(), offset_into_first_range=-1), body(*[term()] * (MOST_TERMS + 1)),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(answer: bytes) -> None:
    with pytest.raises(NotAHub):
        decode_terms(answer, URL)


def test_the_chunk_of_a_byte_is_where_it_begins() -> None:
    one = term(range={"start": 5, "end": 6})
    assert only_chunk(decode_terms(body(one, offset_into_first_range=10), URL), 50, URL) == Chunk(XORB, 5, 40, 100_040)
    for answer in (body(term()), body(one, one), body(), body(one, offset_into_first_range=51)):
        with pytest.raises(NotAHub):
            only_chunk(decode_terms(answer, URL), 50, URL)


@pytest.mark.parametrize(
    ("told", "endpoint", "allowed"),
    [
        (OWN, HUB, None),
        (f"{OWN}/", HUB, None),
        ("https://cas.hub.test/base", "https://hub.test", "https://cas.hub.test"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:7000", "http://127.0.0.1:8000/"),
        ("https://cas.hub.test", HUB, "https://cas.hub.test"),
    ],
)
def test_a_storage_that_may_be_asked(told: str, endpoint: str, allowed: str | None) -> None:
    assert may_ask_storage(endpoint, allowed)
    assert check_storage(told, endpoint, allowed) == told.rstrip("/")


@pytest.mark.parametrize(
    ("told", "endpoint", "allowed"),
    [
        ("http://cas-server.xethub.hf.co", HUB, None),
        ("https://evil.test", HUB, None),
        ("https://evilhf.co", HUB, None),
        ("https://hf.co.evil.test", HUB, None),
        ("https://user:word@cas.hf.co", HUB, None),
        ("https://cas.hf.co?x=1", HUB, None),
        ("https://cas.hf.co#x", HUB, None),
        ("https://cas.hf.co:99999", HUB, None),
        ("https://c as.hf.co", HUB, None),
        ("https://cas.hf.co\r\nx: y", HUB, None),
        ("https://evil.test\\.hf.co", HUB, None),
        ("https://evil.test%00.hf.co", HUB, None),
        ("https://evil.test;.hf.co", HUB, None),
        ("file:///etc/passwd", HUB, None),
        ("//cas.hf.co", HUB, None),
        ("", HUB, None),
        ("http://[", HUB, None),
        (OWN, "https://hub.test", None),
        (OWN, "https://hub.test", "https://cas.hub.test"),
        ("http://cas.hub.test", "https://hub.test", "https://cas.hub.test"),
        ("https://cas.hub.test:444", "https://hub.test", "https://cas.hub.test"),
    ],
)
def test_a_storage_that_may_not_be_asked(told: str, endpoint: str, allowed: str | None) -> None:
    with pytest.raises(NotAHub):
        check_storage(told, endpoint, allowed)


def test_behind_a_mirror_nobody_is_asked_who_was_not_allowed() -> None:
    assert may_ask_storage(HUB, None)
    assert not may_ask_storage("https://hub.test", None)


@pytest.mark.parametrize(
    "token",
    ["", "a\nb", "a b", "\u00e4", "x" * 64_001, 7, None],
    ids=["empty", "line", "blank", "letter", "long", "number", "none"],
)
def test_a_token_that_no_header_can_carry_is_refused(token: object) -> None:
    with pytest.raises(NotAHub):
        decode_token(json.dumps({"casUrl": OWN, "accessToken": token, "exp": 1}).encode(), URL)
