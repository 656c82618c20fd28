import httpx
import pytest

from hfsvc.hub.content import range_refusal
from hfsvc.hub.wire import checksum_of_etag, next_page
from hfsvc.models import ByteRange

SHA256, SHA1 = "a" * 64, "b" * 40


def refused(status: int, start: int = 10, stop: int = 20, size: int = 100, **headers: str) -> bool:
    named = httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return range_refusal(status, named, ByteRange(start=start, stop=stop), size) is not None


@pytest.mark.parametrize("said", ["bytes 10-19/100", "bytes 10-19/*", "bytes 10-18/100", "bytes 10-10/100"])
def test_the_wanted_range_or_the_beginning_of_it_is_taken(said: str) -> None:
    assert not refused(206, content_range=said)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "bytes 11-19/100",
        "bytes 10-20/100",
        "bytes 10-9/100",
        "bytes 0-99/100",
        "bytes 10-19/101",
        "bytes 10-19/99",
        "bytes */100",
        "items 10-19/100",
        "bytes 10-19/100, bytes 30-39/100",
    ],
)
def test_another_range_or_another_file_is_refused(said: str) -> None:
    assert refused(206, content_range=said)


def test_all_of_a_file_is_taken_only_where_all_was_wanted() -> None:
    assert refused(200)
    assert not refused(200, start=0, stop=100)


def test_no_other_status_brings_content() -> None:
    assert all(refused(status, start=0, stop=100) for status in (201, 204, 301, 302, 304))


def test_compressed_content_is_no_range() -> None:
    assert refused(206, content_range="bytes 10-19/100", content_encoding="gzip")
    assert refused(200, start=0, stop=100, content_encoding="gzip")
    assert not refused(206, content_range="bytes 10-19/100", content_encoding="identity")


@pytest.mark.parametrize(
    ("etag", "checksum"),
    [
        (f'"{SHA256}"', f"sha256:{SHA256}"),
        (SHA256.upper(), f"sha256:{SHA256}"),
        (f'W/"{SHA1}"', f"git-sha1:{SHA1}"),
        (f'"{"*" * 64}"', None),
        ('"abc-5"', None),
        ("", None),
        (None, None),
    ],
)
def test_an_etag_is_a_hash_only_where_it_looks_like_one(etag: str | None, checksum: str | None) -> None:
    assert checksum_of_etag(etag) == checksum


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ('<https://h/x?cursor=a%3D>; rel="next"', "https://h/x?cursor=a%3D"),
        ("<https://h/x>; rel=next", "https://h/x"),
        ('<https://h/a>; rel="prev", <https://h/b>; rel="next"', "https://h/b"),
        ('<https://h/x>; rel="xet-auth"', None),
        ("", None),
        (None, None),
    ],
)
def test_the_next_page_is_read_from_the_link(link: str | None, target: str | None) -> None:
    assert next_page(link) == target
