"""Answers as other servers of the same protocol may give them: allowed, unusual, or beside the listing."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest

from hfsvc.errors import BadListing, ChecksumMismatch, HfsvcError, HubRefused, NotAHub
from hfsvc.models import Event, Retried
from hfsvc.protocols import DatasetService
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Cut, Exchange, HangUp, Response, Status, WithHeader, WrongHash
from hfsvc.testing.localhub.http_messages import text_response
from hfsvc.transfer import retry

from ..builders import REPO, MiB, everything, files_below, noise, of_kind, open_service

WAIT_S = 60


@dataclass(frozen=True)
class Links:
    """``Link`` headers of another form; ``{}`` stands for the next page."""

    form: str
    relative: bool = False

    def apply(self, exchange: Exchange, response: Response) -> Response:
        link = response.header("Link")
        if link is None:
            return response
        address = link.partition(">")[0].removeprefix("<")
        target = "/" + address.split("/", 3)[3] if self.relative else address
        return response.without("Link").adding({"link": self.form.format(target)})


@dataclass(frozen=True)
class Says:
    """A status and a body of JSON."""

    status: int
    body: bytes

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return Response(self.status, (("Content-Type", "application/json"),), self.body)


@dataclass(frozen=True)
class Onward:
    """A server of content that passes a request on."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return text_response("Moved", 307, Location=exchange.request.target)


# ---- listings --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EntryOf:
    """The listing's entry of one file has other facts."""

    file: str
    facts: tuple[tuple[str, object], ...]

    def apply(self, exchange: Exchange, response: Response) -> Response:
        if not isinstance(response.body, bytes):
            return response
        entries = json.loads(response.body)
        for entry in entries:
            if entry["path"] == self.file:
                entry |= dict(self.facts)
        return replace(response, body=json.dumps(entries).encode())


@pytest.mark.parametrize("size", [None, "12", -1, 1.5, True, [], 10**30], ids=str)
async def test_a_size_that_cannot_be_used_is_taken_from_what_lfs_says(
    local_hub: LocalHub, service: DatasetService, size: object
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.write(REPO, "b.parquet", b"bb")
    local_hub.fault(EntryOf("a.parquet", (("size", size),)), server="hub", path="*/tree/*")
    found = await service.download(everything())
    assert files_below(found.local_path) == {"a.parquet": b"a", "b.parquet": b"bb"}


async def test_the_size_of_a_pointer_is_not_taken_for_the_contents(
    local_hub: LocalHub, service: DatasetService
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.fault(EntryOf("a.parquet", (("size", 134),)), server="hub", path="*/tree/*")
    assert (await service.download(everything())).total_bytes == 1


@pytest.mark.parametrize("facts", [{"oid": 5}, {"lfs": "yes"}, {"lfs": {"oid": 5, "size": 1}}, {"lfs": []}], ids=str)
async def test_a_checksum_of_another_type_is_taken_from_the_redirect(
    local_hub: LocalHub, service: DatasetService, facts: dict[str, object]
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.fault(EntryOf("a.parquet", tuple(facts.items())), server="hub", path="*/tree/*")
    assert files_below((await service.download(everything())).local_path) == {"a.parquet": b"a"}


async def test_a_file_without_any_size_fails_alone_and_by_its_name(
    local_hub: LocalHub, service: DatasetService, root: Path
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.write(REPO, "b.parquet", b"bb")
    local_hub.fault(EntryOf("a.parquet", (("size", None), ("lfs", {"oid": "0" * 64}))), server="hub", path="*/tree/*")
    plan = await service.plan(everything())
    with pytest.raises(BadListing) as caught:
        await service.download(everything())
    assert [file.path for file in plan.files if file.fault] == [caught.value.path] == ["a.parquet"]
    assert files_below(root / REPO) == {"b.parquet": b"bb"}


@pytest.mark.parametrize(
    "links",
    [
        Links('<{}> ; rel = "next"'),
        Links('<{}>; rel="last next"'),
        Links('<{}>; title="a, b"; REL=next'),
        Links("<{}>;rel='next'"),
        Links('<http://h/0>;rel=first, <{}>;crossorigin;rel="next",<http://h/9>; rel="last"'),
        Links('<{}>; rel="next"', relative=True),
    ],
    ids=str,
)
async def test_the_next_page_is_found_however_its_link_is_written(
    local_hub_factory: Callable[..., LocalHub], root: Path, links: Links
) -> None:
    hub = local_hub_factory(page_size=1)
    for name in "abc":
        hub.write(REPO, f"{name}.parquet", b"x")
    hub.fault(links, server="hub", path="*/tree/*")
    async with open_service(hub, root) as service:
        assert len((await service.download(everything())).files) == 3


@pytest.mark.parametrize("link", ['<{}>; rel="prev"', '<{}>; rel="next-archive"', '<{}>; title="; rel=next"; rel=prev'])
async def test_a_link_to_something_else_is_no_next_page(
    local_hub_factory: Callable[..., LocalHub], root: Path, link: str
) -> None:
    hub = local_hub_factory(page_size=1)
    for name in "abc":
        hub.write(REPO, f"{name}.parquet", b"x")
    hub.fault(Links(link), server="hub", path="*/tree/*")
    async with open_service(hub, root) as service:
        assert len((await service.download(everything())).files) == 1


@dataclass(frozen=True)
class Circle:
    """A page whose next one is itself."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return response.adding({"Link": f'<{exchange.request.target}>; rel="next"'})


async def test_a_listing_that_goes_round_in_a_circle_is_refused(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.fault(Circle(), server="hub", path="*/tree/*")
    with anyio.fail_after(WAIT_S), pytest.raises(NotAHub, match="circle"):
        await service.download(everything())


@pytest.mark.parametrize(
    "body", [b'{"cardData":' + b"[" * 100_000 + b"]" * 100_000 + b"}", b"[" * 60_000], ids=["nested", "cut"]
)
@pytest.mark.parametrize(("status", "kind"), [(200, NotAHub), (400, HubRefused)])
async def test_json_that_is_nested_too_deep_is_no_answer_of_a_hub(
    local_hub: LocalHub, service: DatasetService, status: int, kind: type[HfsvcError], body: bytes
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.fault(Says(status, body), server="hub", path="*/revision/*")
    with pytest.raises(kind):
        await service.download(everything())


@pytest.mark.parametrize("header", ["RateLimit", "Retry-After"])
async def test_a_wait_of_absurd_length_is_no_wait(local_hub: LocalHub, service: DatasetService, header: str) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    digits = "9" * 5000
    value = f'"api";r=0;t={digits}' if header == "RateLimit" else digits
    local_hub.fault(Status(429, headers={header: value}), server="hub", path="*/revision/*", times=1)
    assert (await service.download(everything())).files == ("a.parquet",)


# ---- content ---------------------------------------------------------------------------------------------------------


async def test_an_empty_file_with_another_checksum_fails_at_once(
    local_hub: LocalHub, service: DatasetService, root: Path
) -> None:
    local_hub.write(REPO, "a.txt", b"")
    local_hub.write(REPO, "b.txt", b"b")
    local_hub.fault(WrongHash("a.txt"), server="hub", path="*/tree/*")
    with anyio.fail_after(WAIT_S), pytest.raises(ChecksumMismatch) as caught:
        await service.download(everything())
    assert caught.value.path == "a.txt"
    assert files_below(root / REPO) == {"b.txt": b"b"}


async def test_a_stream_that_breaks_after_its_last_byte_is_whole(local_hub: LocalHub, service: DatasetService) -> None:
    content = noise(2 * MiB)
    local_hub.write(REPO, "a.parquet", content)
    local_hub.write(REPO, "b.parquet", content[:100])
    for rule in (WithHeader("Transfer-Encoding", "chunked"), Cut(after=len(content))):
        local_hub.fault(rule, server="cdn")
    found = await service.download(everything())
    assert files_below(found.local_path) == {"a.parquet": content, "b.parquet": content[:100]}
    assert local_hub.bytes_sent() == len(content) + 100


async def test_content_may_be_redirected_to_another_server(local_hub: LocalHub, service: DatasetService) -> None:
    content = noise(MiB)
    local_hub.write(REPO, "a.parquet", content)
    local_hub.fault(Onward(), server="cdn", times=3)
    events: list[Event] = []
    found = await service.download(everything(), on_event=events.append)
    assert files_below(found.local_path) == {"a.parquet": content}
    assert of_kind(events, Retried) == []


async def test_a_redirect_to_nowhere_is_no_content(local_hub: LocalHub, service: DatasetService) -> None:
    content = noise(MiB)
    local_hub.write(REPO, "a.parquet", content)
    local_hub.fault(Says(302, b"x" * 100), server="cdn", times=8)
    found = await service.download(everything())
    assert files_below(found.local_path) == {"a.parquet": content}


@dataclass(frozen=True)
class OneConnection:
    """Whoever asks for a file while another request for it is under way hears nothing."""

    def apply(self, exchange: Exchange, response: Response) -> Response:
        return response if exchange.active == 1 else HangUp(reset=True).apply(exchange, response)


async def test_connections_too_many_may_be_refused_without_a_word(
    local_hub_factory: Callable[..., LocalHub], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough for the one connection to get on meanwhile.
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 0.1)
    monkeypatch.setattr(retry, "LONGEST_WAIT_S", 1.0)
    hub = local_hub_factory(bytes_per_s=8 * MiB)
    content = noise(4 * MiB)
    hub.write(REPO, "a.parquet", content)
    hub.fault(OneConnection(), server="cdn")
    async with open_service(hub, root, chunk_bytes=MiB) as service:
        found = await service.download(everything())
    assert files_below(found.local_path) == {"a.parquet": content}
