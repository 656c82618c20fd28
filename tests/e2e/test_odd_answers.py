"""Answers as other servers of the same protocol may give them: allowed, unusual, or beside the listing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from hfsvc.errors import ChecksumMismatch, NotAHub
from hfsvc.protocols import DatasetService
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Cut, Exchange, Response, WithHeader, WrongHash

from ..builders import REPO, MiB, everything, files_below, noise, open_service

pytestmark = pytest.mark.anyio
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


# ---- listings --------------------------------------------------------------------------------------------------------


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


async def test_a_listing_that_goes_round_in_a_circle_is_refused(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    # The first page leads to another one, that to itself.
    local_hub.fault(WithHeader("Link", '<?recursive=true&cursor=x>; rel="next"'), server="hub", path="*/tree/*")
    with anyio.fail_after(WAIT_S), pytest.raises(NotAHub):
        await service.download(everything())


# ---- content ---------------------------------------------------------------------------------------------------------


async def test_an_empty_file_with_another_hash_fails_at_once(
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
