"""A Hub that lies: nothing is written outside the root, and what is no Hub is told as such."""

import json
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from hfsvc.errors import DatasetChanged, HfsvcError, HubRefused, NotAHub, ProxyRefused, UnsafePath
from hfsvc.models import DatasetRequest, Event, Planned
from hfsvc.protocols import DatasetService
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import (
    CaptivePortal,
    Exchange,
    Fault,
    ForeignLinks,
    Garbage,
    Redirect,
    Response,
    Status,
    WithHeader,
    mirror_of,
)

from ..builders import REPO, everything, files_below, noise, of_kind, open_service

BAD_PATHS = [
    "../escape.parquet",
    "a/../../escape.parquet",
    "a/../b.parquet",
    "/etc/escape.parquet",
    "//server/share.parquet",
    "a//b.parquet",
    "./a.parquet",
    "a/./b.parquet",
    "..",
    "a/",
    "..\\escape.parquet",
    "a\\b.parquet",
    "C:\\escape.parquet",
    ".hfsvc/parts/x.parquet",
    ".HFSVC/x.parquet",
    "a/.hfsvc/x.parquet",
    "new\nline.parquet",
    "nul\x00byte.parquet",
    "bell\x07.parquet",
    "del\x7f.parquet",
    "x" * 256 + ".parquet",
    "é" * 128,
]


@dataclass(frozen=True)
class Claims:
    """Info answers with other facts than the Hub's."""

    facts: dict[str, Any]

    def apply(self, exchange: Exchange, response: Response) -> Response:
        if response.status != 200 or not isinstance(response.body, bytes):
            return response
        return replace(response, body=json.dumps(json.loads(response.body) | self.facts).encode())


def everything_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("path", BAD_PATHS)
async def test_a_dangerous_path_is_refused_and_nothing_written(
    local_hub: LocalHub, service: DatasetService, root: Path, path: str
) -> None:
    local_hub.write(REPO, "good.parquet", b"good")
    local_hub.inject_entries(REPO, [path])
    before = everything_in(root.parent)
    with pytest.raises(UnsafePath) as caught:
        await service.download(DatasetRequest(repo=REPO, include=("good.parquet", path)))
    assert caught.value.path == path
    assert not files_below(root) if root.exists() else True
    assert {each for each in everything_in(root.parent) - before if not each.startswith("store")} == set()
    assert local_hub.count(bucket="resolvers") == 0


@pytest.mark.parametrize(
    "path", ["../../x", "a/../../b.txt", "../two\nlines", "./a.txt", "a/./b", "..", "/etc/x", "bell\x07"]
)
async def test_what_is_refused_is_told_with_how_the_rest_comes_without_it(
    local_hub: LocalHub, service: DatasetService, path: str
) -> None:
    local_hub.write(REPO, "good.parquet", b"good")
    local_hub.inject_entries(REPO, [path])
    with pytest.raises(UnsafePath, match="Leave it out with --exclude") as caught:
        await service.download(everything())
    exclude = shlex.split(str(caught.value.hint).partition("--exclude ")[2].removesuffix("."))
    assert exclude[0].isprintable()
    assert (await service.download(everything(exclude=tuple(exclude)))).files == ("good.parquet",)


async def test_all_that_is_refused_is_told_at_once_and_in_the_plan(
    local_hub: LocalHub, service: DatasetService
) -> None:
    local_hub.write(REPO, "good.jsonl", b"{}")
    local_hub.inject_entries(REPO, ["../x.jsonl", "/abs.jsonl", "bell\x07.jsonl"])
    planned = {file.path: file.fault for file in (await service.plan(DatasetRequest(repo=REPO))).files}
    assert [path for path, fault in planned.items() if fault is None] == ["good.jsonl"]
    assert len(planned) == 4
    with pytest.raises(UnsafePath, match="and 2 more") as caught:
        await service.download(DatasetRequest(repo=REPO))
    exclude = tuple(shlex.split(str(caught.value.hint).partition("out with ")[2].removesuffix("."))[1::2])
    # The kinds of files that are taken unless others are named are those that are not left out.
    assert (await service.download(DatasetRequest(repo=REPO, exclude=exclude))).files == ("good.jsonl",)
    before = len(local_hub.requests)
    assert (await service.download(DatasetRequest(repo=REPO, exclude=exclude))).files == ("good.jsonl",)
    assert len(local_hub.requests) == before + 1


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot hold these")
async def test_names_that_only_other_systems_cannot_hold_are_kept_and_told(
    local_hub: LocalHub, service: DatasetService, caplog: pytest.LogCaptureFixture
) -> None:
    odd = ("a:b.json", "aux/x.json", "com1.csv", "con.parquet", "nul.json", "prn")
    for path in ("fine.parquet", *odd):
        local_hub.write(REPO, path, path.encode())
    events: list[Event] = []
    found = await service.download(everything(), on_event=events.append)
    assert set(odd) < set(found.files)
    assert of_kind(events, Planned)[0].plan.unportable == odd
    assert "a:b.json" in caplog.text
    assert (await service.verify(REPO)).ok


async def test_a_dangerous_path_that_nobody_asked_for_does_no_harm(
    local_hub: LocalHub, service: DatasetService
) -> None:
    local_hub.write(REPO, "good.parquet", b"good")
    local_hub.inject_entries(REPO, ["../escape.txt"])
    assert (await service.download(DatasetRequest(repo=REPO))).files == ("good.parquet",)


async def test_a_file_where_another_needs_a_folder_is_refused(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet/b.parquet", b"b")
    local_hub.inject_entries(REPO, ["a.parquet"])
    with pytest.raises(UnsafePath):
        await service.download(everything())
    assert local_hub.count(bucket="resolvers") == 0


@pytest.mark.parametrize(
    "name",
    [
        "../../escape",
        "..",
        "../escape",
        "/tmp/hfsvc-escape",
        "acme/../../escape",
        ".hfsvc/locks",
        "a/b/c",
        "",
        "acme/notes?x",
        "acme/notes#x",
        "acme\\notes",
        "index.json",
    ],
)
async def test_a_hub_that_claims_a_dangerous_name_is_refused(
    local_hub: LocalHub, service: DatasetService, root: Path, name: str
) -> None:
    local_hub.write(REPO, "good.parquet", b"good")
    local_hub.fault(Claims({"id": name}), server="hub", path="*/revision/*")
    before = everything_in(root.parent)
    with pytest.raises((NotAHub, UnsafePath)):
        await service.download(everything())
    assert {each for each in everything_in(root.parent) - before if not each.startswith("store/.hfsvc")} <= {"store"}


@pytest.mark.parametrize(
    "facts",
    [
        {"sha": "main"},
        {"sha": "../../../x"},
        {"sha": "A" * 39},
        {"sha": None},
        {"id": 5},
        {"sha": "0" * 64},
    ],
    ids=str,
)
async def test_info_without_a_name_and_a_commit_is_no_hubs(
    local_hub: LocalHub, service: DatasetService, facts: dict[str, Any]
) -> None:
    local_hub.write(REPO, "good.parquet", b"good")
    local_hub.fault(Claims(facts), server="hub", path="*/revision/*")
    with pytest.raises(NotAHub):
        await service.download(everything())


@pytest.mark.parametrize(
    "card", [{"license": ["mit", 3]}, {"license": {"name": 1}}, [], "text", None, {"license": None}], ids=str
)
async def test_a_strange_card_is_no_reason_to_fail(local_hub: LocalHub, service: DatasetService, card: object) -> None:
    local_hub.write(REPO, "good.parquet", b"good")
    local_hub.fault(Claims({"cardData": card, "tags": ["x", 5, None]}), server="hub", path="*/revision/*")
    assert (await service.download(everything())).files == ("good.parquet",)


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "file", "size": 1, "oid": "0" * 40},
        {"type": "file", "path": 5, "size": 1},
    ],
    ids=str,
)
async def test_a_listing_of_nonsense_is_no_hubs(
    local_hub: LocalHub, service: DatasetService, entry: dict[str, Any]
) -> None:
    local_hub.write(REPO, "good.parquet", b"good")
    local_hub.inject_entries(REPO, [entry])
    with pytest.raises(NotAHub):
        await service.download(everything())


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "directory", "path": "../../x", "oid": "0" * 40},
        {"type": "submodule", "path": "../../x"},
        {"type": "file", "path": "more.txt", "size": 0, "oid": "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", "new": {}},
    ],
    ids=str,
)
async def test_unknown_kinds_and_fields_pass(
    local_hub: LocalHub, service: DatasetService, entry: dict[str, Any]
) -> None:
    local_hub.write(REPO, "good.parquet", b"good")
    local_hub.inject_entries(REPO, [entry])
    assert "good.parquet" in (await service.download(everything())).files


async def test_a_file_longer_than_listed_is_cut_off(local_hub: LocalHub, service: DatasetService, root: Path) -> None:
    content = noise(3 << 20)
    local_hub.write(REPO, "good.parquet", b"good")
    long: dict[str, Any] = {
        "path": "good.parquet",
        "type": "file",
        "size": 100,
        "oid": "0" * 40,
        "lfs": {"oid": "0" * 64},
    }
    local_hub.write(REPO, "good.parquet", content)
    local_hub.inject_entries(REPO, [long])
    with pytest.raises(HfsvcError):
        await service.download(everything())
    assert not files_below(root)


async def test_another_repository_under_a_recorded_name_is_not_mixed_in(
    local_hub: LocalHub, service: DatasetService
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    before = await service.download(everything())
    local_hub.write(REPO, "b.parquet", b"b")
    local_hub.fault(Claims({"_id": "f" * 24}), server="hub", path="*/revision/*")
    with pytest.raises(DatasetChanged, match="hfsvc delete"):
        await service.download(everything())
    assert await service.get_download_info(REPO) == before


# ---- what is no Hub --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        CaptivePortal(),
        Status(200, "json", "fine"),
        Status(404, "html"),
        Redirect("https://example.invalid/login"),
        Redirect("/api/datasets/acme/notes/revision/main", 302),
    ],
    ids=str,
)
async def test_what_is_no_hub_is_told_so_or_unavailable(local_hub: LocalHub, root: Path, fault: Fault) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.fault(fault, server="hub")
    async with open_service(local_hub, root, connect_timeout_s=2) as service:
        with pytest.raises(HfsvcError) as caught:
            await service.download(everything())
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("location", ["ftp://example.invalid/x", "http://[", "http://h:99999/x", "javascript:alert(1)"])
async def test_a_redirect_to_nowhere_is_no_hubs(local_hub: LocalHub, service: DatasetService, location: str) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.fault(Redirect(location), server="hub")
    with pytest.raises(HfsvcError) as caught:
        await service.download(everything())
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("location", ["ftp://example.invalid/x", "http://[", "http://h:99999/x"])
async def test_content_that_lies_nowhere_fails_with_an_error_of_ours(
    local_hub: LocalHub, service: DatasetService, location: str
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.fault(WithHeader("Location", location), server="hub", path="*/resolve/*")
    with pytest.raises(HfsvcError) as caught:
        await service.download(everything())
    assert caught.value.exit_code == 5


async def test_content_of_another_commit_is_refused(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.fault(WithHeader("X-Repo-Commit", "f" * 40), server="hub", path="*/resolve/*")
    with pytest.raises(NotAHub):
        await service.download(everything())
    assert local_hub.bytes_sent() == 0


async def test_garbage_instead_of_http_is_unavailable(local_hub: LocalHub, service: DatasetService) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.fault(Garbage(), server="hub")
    with pytest.raises(HfsvcError) as caught:
        await service.download(everything())
    assert caught.value.exit_code == 5


# ---- mirrors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["https://evil.example", "http://10.0.0.7:8080", "https://huggingface.co"])
async def test_next_pages_are_asked_of_the_endpoint_wherever_links_point(
    local_hub_factory: Callable[..., LocalHub], root: Path, origin: str
) -> None:
    hub = local_hub_factory(page_size=1)
    for name in "abc":
        hub.write(REPO, f"{name}.parquet", b"x")
    hub.fault(ForeignLinks(origin), server="hub")
    async with open_service(hub, root) as service:
        assert len((await service.download(everything())).files) == 3
    assert hub.count(path="*/tree/*") == 3


@pytest.mark.parametrize("status", [400, 405, 451])
async def test_a_hub_that_refuses_is_a_hub(local_hub: LocalHub, service: DatasetService, status: int) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    rule = local_hub.fault(Status(status, "json", "not like this"), server="hub")
    with pytest.raises(HubRefused, match=f"answered {status} .*not like this"):
        await service.download(everything())
    assert rule.fired == 1


@pytest.mark.parametrize("status", [403, 407])
async def test_what_a_proxy_answers_is_not_the_hubs(local_hub: LocalHub, service: DatasetService, status: int) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    rule = local_hub.fault(Status(status), server="hub")
    with pytest.raises(ProxyRefused, match=f"answered {status}"):
        await service.download(everything())
    assert rule.fired == 1


@pytest.mark.parametrize("link", ["http://[", "//evil.example/x", "ftp://evil.example/x", "http://h:99999/x"])
async def test_a_next_page_that_is_no_address_of_the_hub_is_refused(
    local_hub: LocalHub, service: DatasetService, link: str
) -> None:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.fault(WithHeader("Link", f'<{link}>; rel="next"'), server="hub", path="*/tree/*")
    with pytest.raises(NotAHub):
        await service.download(everything())


async def test_next_pages_on_the_public_hub_are_read_from_the_mirror(
    local_hub_factory: Callable[..., LocalHub], root: Path
) -> None:
    hub = local_hub_factory(page_size=1)
    for name in "abc":
        hub.write(REPO, f"{name}.parquet", b"x")
    hub.fault(ForeignLinks(), server="hub")
    async with open_service(hub, root) as service:
        assert len((await service.download(everything())).files) == 3


async def test_a_mirror_may_send_content_requests_to_another_hub(
    local_hub_factory: Callable[..., LocalHub], root: Path
) -> None:
    hub = local_hub_factory()
    mirror = local_hub_factory()
    hub.write(REPO, "a.parquet", b"a")
    mirror.fault(mirror_of(hub.endpoint), server="hub")
    async with open_service(mirror, root) as service:
        assert (await service.download(everything())).files == ("a.parquet",)
