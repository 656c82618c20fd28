import gzip
import hashlib
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from hfsvc.testing import LocalHub

from .notes import PARQUET, README, REPO, HubFactory, resolve, signed

SHA256 = hashlib.sha256(PARQUET).hexdigest()


def test_git_file_is_redirected_to_the_cache(hub: LocalHub, client: httpx.Client) -> None:
    commit = hub.refresh(REPO)
    first = client.get(resolve("README.md"))
    assert first.status_code == 307
    location = first.headers["Location"]
    assert location.startswith(f"/api/resolve-cache/datasets/{REPO}/{commit}/README.md?%2Fdatasets%2Facme%2F")
    assert "&etag=%22" in location
    assert first.headers["X-Repo-Commit"] == commit
    assert "ETag" not in first.headers
    second = client.get(location)
    assert second.status_code == 200
    assert second.content == README
    assert second.headers["ETag"] == first.headers["X-Linked-ETag"]
    assert second.headers["X-Repo-Commit"] == commit
    assert second.headers["Content-Length"] == str(len(README))
    assert second.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert [record.bucket for record in hub.requests] == ["resolvers", "resolvers"]


def test_lfs_file_is_redirected_to_the_cdn(hub: LocalHub, client: httpx.Client) -> None:
    response = client.get(resolve("en/train.parquet"))
    assert response.status_code == 302
    assert response.headers["X-Linked-ETag"] == f'"{SHA256}"'
    assert response.headers["X-Linked-Size"] == str(len(PARQUET))
    assert response.headers["X-Repo-Commit"] == hub.refresh(REPO)
    assert "X-Xet-Hash" not in response.headers
    assert response.headers["Location"].startswith(hub.cdn_endpoint)


def test_xet_headers_when_asked_for(hub: LocalHub, client: httpx.Client) -> None:
    hub.options.xet = True
    response = client.get(resolve("en/train.parquet"))
    assert len(response.headers["X-Xet-Hash"]) == 64
    assert 'rel="xet-auth"' in response.headers["Link"]


def test_cdn_has_none_of_the_hubs_headers(client: httpx.Client) -> None:
    response = client.get(signed(client))
    assert response.content == PARQUET
    assert not [name for name in response.headers if name.startswith(("x-linked", "x-repo", "ratelimit"))]
    assert response.headers["ETag"].strip('"') != SHA256
    assert len(response.headers["ETag"]) == 66


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=10-19", 10, 20), ("bytes=10200-", 10200, 10240), ("bytes=-8", 10232, 10240), ("bytes=0-99999", 0, 10240)],
)
def test_ranges_of_the_cdn(client: httpx.Client, asked: str, start: int, stop: int) -> None:
    response = client.get(signed(client), headers={"Range": asked})
    assert response.status_code == 206
    assert response.content == PARQUET[start:stop]
    assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(PARQUET)}"


def test_range_past_the_end(client: httpx.Client) -> None:
    response = client.get(signed(client), headers={"Range": "bytes=10240-"})
    assert (response.status_code, response.headers["Content-Range"]) == (416, "bytes */10240")


def test_ranges_of_the_cache(client: httpx.Client) -> None:
    location = client.get(resolve("README.md")).headers["Location"]
    assert client.get(location, headers={"Range": "bytes=2-5"}).content == README[2:6]


def test_empty_file(client: httpx.Client) -> None:
    location = client.get(resolve("en/empty.txt")).headers["Location"]
    assert client.get(location).headers["Content-Length"] == "0"
    assert client.get(location, headers={"Range": "bytes=0-"}).status_code == 416


def test_head_has_the_headers_and_no_body(hub: LocalHub, client: httpx.Client) -> None:
    head = client.head(resolve("en/train.parquet"))
    assert (head.status_code, head.headers["X-Linked-Size"]) == (302, str(len(PARQUET)))
    on_cdn = client.head(head.headers["Location"])
    assert (on_cdn.headers["Content-Length"], on_cdn.content) == (str(len(PARQUET)), b"")
    assert client.head(resolve("nope")).headers["X-Error-Code"] == "EntryNotFound"
    assert hub.count(method="HEAD") == 3
    assert hub.bytes_sent() == 0


def test_missing_entry_is_told_in_plain_text(hub: LocalHub, client: httpx.Client) -> None:
    response = client.get(resolve("nope.txt"))
    assert (response.status_code, response.text) == (404, "Entry not found")
    assert response.headers["X-Error-Code"] == "EntryNotFound"
    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.headers["X-Repo-Commit"] == hub.refresh(REPO)


def test_unknown_revision(client: httpx.Client) -> None:
    response = client.get(resolve("README.md", "v9"))
    assert (response.status_code, response.headers["X-Error-Code"]) == (404, "RevisionNotFound")


def test_raw_gives_the_pointer(client: httpx.Client) -> None:
    pointer = client.get(f"/datasets/{REPO}/raw/main/en/train.parquet").text
    assert pointer == f"version https://git-lfs.github.com/spec/v1\noid sha256:{SHA256}\nsize {len(PARQUET)}\n"
    assert client.get(f"/datasets/{REPO}/raw/main/README.md").content == README


def test_gzip_ignores_the_range(client: httpx.Client) -> None:
    location = client.get(resolve("README.md")).headers["Location"]
    with client.stream("GET", location, headers={"Accept-Encoding": "gzip", "Range": "bytes=0-3"}) as response:
        packed = b"".join(response.iter_raw())
    assert response.status_code == 200
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["ETag"].startswith('W/"')
    assert "Content-Length" not in response.headers
    assert gzip.decompress(packed) == README


def test_if_none_match(client: httpx.Client) -> None:
    response = client.get(resolve("en/train.parquet"), headers={"If-None-Match": f'"{SHA256}"'})
    assert (response.status_code, response.content) == (304, b"")


def test_range_on_resolve_is_pinned_into_the_address(client: httpx.Client) -> None:
    location = signed(client, Range="bytes=0-9")
    assert client.get(location, headers={"Range": "bytes=0-9"}).content == PARQUET[:10]
    refused = client.get(location, headers={"Range": "bytes=10-19"})
    assert (refused.status_code, "invalid range" in refused.text) == (403, True)


def test_altered_address_is_refused(client: httpx.Client) -> None:
    location = signed(client)
    for wrong in (location.replace("Signature=", "Signature=0"), location.partition("?")[0], location + "&a=b"):
        refused = client.get(wrong)
        assert refused.status_code == 403
        assert "<Code>AccessDenied</Code>" in refused.text
        assert "X-Request-Id" not in refused.headers


def test_addresses_expire(hub: LocalHub, client: httpx.Client) -> None:
    old = signed(client)
    hub.expire_urls()
    assert client.get(old).status_code == 403
    assert client.get(signed(client)).status_code == 200


def test_lifetime_of_addresses(local_hub_factory: HubFactory, client: httpx.Client) -> None:
    short = local_hub_factory(url_lifetime_s=0)
    location = client.get(short.endpoint + resolve("en/train.parquet")).headers["Location"]
    assert client.get(location).status_code == 403


def test_external_cdn(hub: LocalHub, client: httpx.Client) -> None:
    hub.options.cdn_url = "http://cdn.example/base/"
    hub.write(REPO, "a b.parquet", b"x")
    assert signed(client, "a%20b.parquet") == f"http://cdn.example/base/{REPO}/a%20b.parquet"


@pytest.mark.parametrize("path", ["a b/#1?.csv", "50%.txt", "é.txt", "a%20b.bin", "plus+&=.txt", "[x]/~y.parquet"])
def test_odd_names_survive(hub: LocalHub, client: httpx.Client, path: str) -> None:
    hub.write(REPO, path, path.encode())
    listed = client.get(f"/api/datasets/{REPO}/tree/main?recursive=true").json()
    assert path in [entry["path"] for entry in listed]
    assert client.get(resolve(quote(path)), follow_redirects=True).content == path.encode()


def test_lfs_rule_can_be_set(local_hub_factory: HubFactory, client: httpx.Client, hub: LocalHub) -> None:
    everything = local_hub_factory(lfs=lambda path, size: True)
    assert client.get(everything.endpoint + resolve("README.md")).status_code == 302


def test_large_file_from_disk(hub: LocalHub, client: httpx.Client, tmp_path: Path) -> None:
    data = bytes(range(251)) * 40_000
    hub.write(REPO, "big.bin", data)
    location = signed(client, "big.bin")
    assert client.get(location).content == data
    assert client.get(location, headers={"Range": "bytes=5000000-9999999"}).content == data[5_000_000:10_000_000]
    assert hub.bytes_sent(path="big.bin") == len(data) + 5_000_000
