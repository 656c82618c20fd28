import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import (
    CaptivePortal,
    Chunked,
    Corrupt,
    Cut,
    Direct,
    Exchange,
    Fault,
    ForeignLinks,
    Garbage,
    Gzip,
    HangUp,
    IgnoreRange,
    MaskedHashes,
    Missing,
    OtherRange,
    OtherTotal,
    Pointer,
    Redirect,
    Response,
    SlowConnection,
    Stall,
    Status,
    TooManyConnections,
    TooManyRequests,
    WithHeader,
    WithoutHeader,
    WrongHash,
    mirror_of,
)

from .notes import PARQUET, REPO, resolve, signed

TREE = f"/api/datasets/{REPO}/tree/main?recursive=true"


def received(client: httpx.Client, url: str, **options: Any) -> tuple[bytes, Exception | None]:
    """What came of a body, and what ended it."""
    body = b""
    try:
        with client.stream("GET", url, **options) as response:
            for piece in response.iter_raw():
                body += piece
    except httpx.TransportError as error:
        return body, error
    return body, None


def test_cut_ends_the_body_early(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(Cut(after=1000), server="cdn", times=1)
    url = signed(client)
    body, error = received(client, url)
    assert body == PARQUET[:1000]
    assert isinstance(error, httpx.RemoteProtocolError)
    assert received(client, url) == (PARQUET, None)


def test_cut_may_reset(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(Cut(after=10, reset=True), server="cdn")
    assert isinstance(received(client, signed(client))[1], httpx.ReadError)


def test_cut_of_a_file_on_disk(hub: LocalHub, client: httpx.Client) -> None:
    data = b"0123456789" * 500_000
    hub.write(REPO, "big.bin", data)
    hub.fault(Cut(after=4_500_000), server="cdn")
    body, error = received(client, signed(client, "big.bin"))
    assert body == data[:4_500_000]
    assert error is not None
    assert hub.bytes_sent() == 4_500_000


@pytest.mark.parametrize(("reset", "kind"), [(False, httpx.RemoteProtocolError), (True, httpx.ReadError)])
def test_hang_up_gives_no_answer(
    hub: LocalHub, client: httpx.Client, reset: bool, kind: type[httpx.TransportError]
) -> None:
    hub.fault(HangUp(reset=reset))
    with pytest.raises(kind):
        client.get("/api/whoami-v2")


def test_garbage(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(Garbage())
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(TREE)


@pytest.mark.parametrize("after", [None, 0, 100])
def test_stall_until_released(hub: LocalHub, client: httpx.Client, after: int | None) -> None:
    hub.fault(Stall(after=after), server="cdn", times=1)
    url = signed(client)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(received, client, url)
        hub.wait_until(lambda: hub.stalled == 1)
        assert hub.bytes_sent() == (after or 0)
        assert not answer.done()
        hub.release()
        assert answer.result() == (PARQUET, None)
    assert hub.stalled == 0


def test_stall_ends_when_the_client_goes(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(Stall(after=100), server="cdn")
    url = signed(client)
    with httpx.Client() as other, other.stream("GET", url):
        hub.wait_until(lambda: hub.stalled == 1)
        assert hub.connections("cdn") == 1
    hub.wait_until(lambda: hub.stalled == 0 and hub.connections("cdn") == 0)


def test_one_connection_of_some_is_slow(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(SlowConnection(1, every=2), server="cdn")
    url = signed(client)
    for _ in range(2):
        with httpx.Client() as first, httpx.Client() as second:
            assert received(first, url) == (PARQUET, None)
            with second.stream("GET", url):
                hub.wait_until(lambda: hub.bytes_sent() % len(PARQUET) == 1)
            assert received(first, url) == (PARQUET, None)
        hub.reset()


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_status_comes_as_a_page(hub: LocalHub, client: httpx.Client, status: int) -> None:
    hub.fault(Status(status), times=1)
    response = client.get(TREE)
    assert (response.status_code, response.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert 15_000 < len(response.content) < 25_000
    assert client.get(TREE).status_code == 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [("json", '{"error":"no"}'), ("text", "no"), ("xml", "<Code>AccessDenied</Code><Message>no</Message>")],
)
def test_status_in_other_words(hub: LocalHub, client: httpx.Client, kind: Any, body: str) -> None:
    hub.fault(Status(403, kind, "no"))
    assert body in client.get(TREE).text


def test_rate_limited_with_all_its_headers(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(TooManyRequests(left=0, reset_s=7, retry_after="3"))
    response = client.get(TREE)
    assert response.status_code == 429
    assert response.headers["RateLimit"] == '"api";r=0;t=7'
    assert response.headers["Retry-After"] == "3"
    assert "error" in response.json()


def test_rate_limited_by_an_edge(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(TooManyRequests(kind="html"))
    response = client.get(resolve("README.md"))
    assert response.status_code == 429
    assert not {"ratelimit", "retry-after"} & set(response.headers)
    assert response.text.startswith("<!doctype html>")


def test_missing_is_a_dangling_entry(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(Missing(), path="en/train.parquet")
    assert "en/train.parquet" in client.get(TREE).text
    response = client.get(resolve("en/train.parquet"))
    assert (response.status_code, response.headers["X-Error-Code"]) == (404, "EntryNotFound")
    assert response.headers["X-Repo-Commit"] == hub.refresh(REPO)


def test_extra_connections_are_refused(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(TooManyConnections(limit=1), server="cdn")
    hub.fault(Stall(after=0), server="cdn", times=1)
    url = signed(client)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(client.get, url)
        hub.wait_until(lambda: hub.stalled == 1)
        assert client.get(url).status_code == 403
        hub.release()
        assert first.result().content == PARQUET
    assert client.get(url).status_code == 200


def test_captive_portal(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(CaptivePortal())
    for url in (TREE, resolve("README.md"), hub.cdn_endpoint):
        response = client.get(url)
        assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "X-Request-Id" not in response.headers


def test_mirror_redirects_to_another_hub(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(mirror_of("https://huggingface.co"), server="hub")
    response = client.get(TREE)
    assert (response.status_code, response.headers["Location"]) == (308, f"https://huggingface.co{TREE}")
    assert "X-Repo-Commit" not in response.headers


def test_redirect_anywhere(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(Redirect("http://elsewhere.example/x"), path="*.parquet")
    assert client.get(resolve("en/train.parquet")).headers["Location"] == "http://elsewhere.example/x"


def test_range_may_be_ignored(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(IgnoreRange(), server="cdn")
    response = client.get(signed(client), headers={"Range": "bytes=10-19"})
    assert (response.status_code, response.content) == (200, PARQUET)
    assert "Content-Range" not in response.headers


def test_another_range_than_asked(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(OtherRange(shift=5), server="cdn")
    response = client.get(signed(client), headers={"Range": "bytes=10-19"})
    assert (response.content, response.headers["Content-Range"]) == (PARQUET[15:20], "bytes 15-19/10240")


def test_another_total(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(OtherTotal(by=-1), server="cdn")
    response = client.get(signed(client), headers={"Range": "bytes=10-19"})
    assert response.headers["Content-Range"] == "bytes 10-19/10239"


def test_gzip_nobody_asked_for(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(Gzip(), server="cdn")
    response = client.get(signed(client))
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.content == PARQUET


def test_body_without_a_length(hub: LocalHub, client: httpx.Client) -> None:
    data = b"0123456789" * 500_000
    hub.write(REPO, "big.bin", data)
    hub.fault(Chunked(), server="cdn")
    response = client.get(signed(client, "big.bin"))
    assert "Content-Length" not in response.headers
    assert response.content == data


@pytest.mark.parametrize("size", [10_240, 5_000_000])
def test_corrupt_byte(hub: LocalHub, client: httpx.Client, size: int) -> None:
    data = bytes(size)
    hub.write(REPO, "zeros.bin", data)
    hub.fault(Corrupt(at=-1), server="cdn", times=1)
    url = signed(client, "zeros.bin")
    assert client.get(url).content == data[:-1] + b"\xff"
    assert client.get(url).content == data


def test_corrupt_byte_only_in_its_range(hub: LocalHub, client: httpx.Client) -> None:
    rule = hub.fault(Corrupt(at=5), server="cdn", covering=5)
    url = signed(client)
    assert client.get(url, headers={"Range": "bytes=6-9"}).content == PARQUET[6:10]
    assert rule.fired == 0
    assert client.get(url, headers={"Range": "bytes=5-9"}).content == bytes([PARQUET[5] ^ 0xFF]) + PARQUET[6:10]
    assert rule.fired == 1


def test_pointer_in_place_of_content(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(Pointer(), server="cdn")
    assert client.get(signed(client)).text.startswith("version https://git-lfs")


def test_mirror_that_serves_content_itself(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(Direct(), server="hub")
    response = client.get(resolve("en/train.parquet"), headers={"Range": "bytes=0-9"})
    assert (response.status_code, response.content) == (206, PARQUET[:10])
    assert response.headers["ETag"] == f'"{hashlib.sha256(PARQUET).hexdigest()}"'
    assert response.headers["X-Repo-Commit"] == hub.refresh(REPO)
    assert "X-Linked-ETag" not in response.headers


def test_missing_and_added_headers(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(WithoutHeader("X-Repo-Commit"))
    hub.fault(WithHeader("Set-Cookie", "session=secret"))
    response = client.get(resolve("en/train.parquet"))
    assert "X-Repo-Commit" not in response.headers
    assert response.headers["Set-Cookie"] == "session=secret"


def test_links_of_another_origin(hub: LocalHub, client: httpx.Client) -> None:
    hub.options.page_size = 1
    hub.fault(ForeignLinks())
    following = client.get(TREE).links["next"]["url"]
    assert following.startswith(f"https://huggingface.co{TREE}")


def test_listing_with_masked_and_wrong_hashes(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(MaskedHashes(), times=1)
    assert client.get(TREE).json()[-1]["lfs"]["oid"] == "*" * 64
    hub.fault(WrongHash("en/train.parquet"))
    entries = {entry["path"]: entry for entry in client.get(TREE).json()}
    assert entries["en/train.parquet"]["lfs"]["oid"] == "0" * 64
    assert entries["README.md"]["oid"] != "0" * 40


def test_nth_request(hub: LocalHub, client: httpx.Client) -> None:
    rule = hub.fault(Status(503), server="hub", skip=1, times=2)
    assert [client.get(TREE).status_code for _ in range(5)] == [200, 503, 503, 200, 200]
    assert rule.fired == 2


def test_faults_are_matched_by_server_path_and_method(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(Status(503), server="cdn")
    hub.fault(Status(504), path="/api/datasets/*/revision/*")
    hub.fault(Status(502), method="HEAD")
    assert client.get(TREE).status_code == 200
    assert client.get(f"/api/datasets/{REPO}/revision/main").status_code == 504
    assert client.head(resolve("README.md")).status_code == 502
    hub.clear_faults()
    assert client.head(resolve("README.md")).status_code == 307


class Broken:
    def apply(self, exchange: Exchange, response: Response) -> Response:
        raise ZeroDivisionError


def test_a_fault_of_ones_own_that_fails_is_seen(hub: LocalHub, client: httpx.Client) -> None:
    hub.fault(Broken())
    response = client.get(TREE)
    assert response.status_code == 500
    assert "ZeroDivisionError" in response.text


@pytest.mark.parametrize("faults", [(Corrupt(at=0), Cut(after=5)), (Cut(after=5), Corrupt(at=0))])
def test_faults_compose(hub: LocalHub, client: httpx.Client, faults: tuple[Fault, ...]) -> None:
    for fault in faults:
        hub.fault(fault, server="cdn")
    body, error = received(client, signed(client))
    assert body == bytes([PARQUET[0] ^ 0xFF]) + PARQUET[1:5]
    assert error is not None
