"""Mirrors: below a path, with headers of their own, and those that send on to another Hub."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from hfsvc.errors import AuthenticationRequired, ChecksumMismatch, DatasetNotFound, GatedDataset, HfsvcError
from hfsvc.models import Event, Retried
from hfsvc.secret import Secret
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import mirror_of

from ..builders import REPO, everything, files_below, noise, of_kind, open_service, sha256
from .mirror import Change, mirror

TOKEN = "hf_geheimgeheimgeheim"
FILES = {"a.parquet": noise(100_000), "b.parquet": noise(2000, 1), "README.md": b"# Notes\n"}
HubFactory = Callable[..., LocalHub]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


@pytest.fixture
def hub(local_hub_factory: HubFactory) -> LocalHub:
    hub = local_hub_factory(page_size=1, tokens={TOKEN: [REPO]})
    for path, content in FILES.items():
        hub.write(REPO, path, content)
    return hub


async def download(endpoint: str, root: Path) -> dict[str, bytes]:
    async with open_service(endpoint, root) as service:
        found = await service.download(everything())
    return files_below(found.local_path)


@pytest.mark.parametrize("prefix", ["/hf", "/a/b.c"])
async def test_a_mirror_below_a_path_may_pass_on_what_the_hub_calls_absolute(
    hub: LocalHub, root: Path, prefix: str
) -> None:
    asked: list[str] = []
    async with mirror(hub.endpoint, prefix=prefix, asked=asked) as endpoint:
        assert await download(endpoint, root) == FILES
    assert all(path.startswith(f"{prefix}/") for path in asked)


async def test_a_rename_is_followed_below_a_mirrors_path(hub: LocalHub, root: Path) -> None:
    hub.rename(REPO, "acme/minutes")
    async with mirror(hub.endpoint, prefix="/hf") as endpoint:
        assert await download(endpoint, root) == FILES


async def test_what_lies_beside_a_mirrors_path_is_found_there(hub: LocalHub, root: Path) -> None:
    asked: list[str] = []
    async with mirror(hub.endpoint, prefix="/hf", outside="/api/resolve-cache", asked=asked) as endpoint:
        assert await download(endpoint, root) == FILES
    assert any(path.startswith("/api/resolve-cache/") for path in asked)


async def test_an_absolute_address_of_the_mirror_may_lack_its_path(hub: LocalHub, root: Path) -> None:
    front = ""

    def absolute(path: str, response: httpx.Response, body: bytes) -> Answer:
        named = [
            (name, front.encode() + value if name.lower() == b"location" and value.startswith(b"/") else value)
            for name, value in response.headers.raw
        ]
        return response.status_code, named, body

    async with mirror(hub.endpoint, prefix="/hf", change=absolute) as endpoint:
        front = endpoint.removesuffix("/hf")
        assert await download(endpoint, root) == FILES


async def test_what_is_nowhere_is_asked_for_twice_and_no_more(hub: LocalHub, root: Path) -> None:
    asked: list[str] = []

    def lost(path: str, response: httpx.Response, body: bytes) -> Answer:
        if "/revision/" not in path:
            return response.status_code, response.headers.raw, body
        return 307, [(b"location", b"/nowhere")], b""

    async with mirror(hub.endpoint, prefix="/hf", change=lost, asked=asked) as endpoint:
        with pytest.raises(HfsvcError):
            await download(endpoint, root)
    assert [path for path in asked if "nowhere" in path] == ["/hf/nowhere", "/nowhere"]


async def test_links_may_name_an_inner_address(hub: LocalHub, root: Path) -> None:
    # What the Hub behind it writes is its own address, which only the mirror can reach.
    def inner(path: str, response: httpx.Response, body: bytes) -> Answer:
        raw = [
            (name, value.replace(b"127.0.0.1", b"10.255.0.1"))
            for name, value in response.headers.raw
            if name.lower() == b"link"
        ]
        return response.status_code, [pair for pair in response.headers.raw if pair[0].lower() != b"link"] + raw, body

    async with mirror(hub.endpoint, prefix="/hf", change=inner) as endpoint:
        assert await download(endpoint, root) == FILES


async def test_a_location_may_hold_utf8_as_it_is(hub: LocalHub, root: Path) -> None:
    hub.write(REPO, "übersicht.md", b"# Alles\n")

    def raw(path: str, response: httpx.Response, body: bytes) -> Answer:
        # Another header in another encoding must not change how this one is read.
        named = [
            (name, value.replace(b"%C3%BC", "ü".encode()) if name.lower() == b"location" else value)
            for name, value in response.headers.raw
        ]
        return response.status_code, [*named, (b"x-note", "ü".encode("latin-1"))], body

    async with mirror(hub.endpoint, change=raw) as endpoint, open_service(endpoint, root, transport="httpx") as service:
        found = await service.download(everything())
    assert files_below(found.local_path) == FILES | {"übersicht.md": b"# Alles\n"}


# ---- what a mirror says of content -----------------------------------------------------------------------------------


def with_header(name: bytes, value: bytes, *, on: Callable[[httpx.Response], bool]) -> Change:
    def change(path: str, response: httpx.Response, body: bytes) -> Answer:
        named = response.headers.raw
        if "/resolve" in path and on(response):
            named = [pair for pair in named if pair[0].lower() != name] + [(name, value)]
        return response.status_code, named, body

    return change


def is_redirect(response: httpx.Response) -> bool:
    return response.has_redirect_location


OTHER = noise(40, 7).hex()[:64].encode()


@pytest.mark.parametrize(
    "change",
    [
        with_header(b"etag", b'"%s"' % OTHER, on=lambda _: True),
        with_header(b"x-linked-etag", b'"%s"' % OTHER, on=lambda response: not is_redirect(response)),
        with_header(b"x-linked-etag", b'"%s"' % OTHER[:32], on=is_redirect),
        with_header(b"x-linked-etag", b'"mirror-5"', on=is_redirect),
    ],
    ids=["etag", "of an answer", "an md5", "a number"],
)
async def test_an_etag_of_a_mirrors_own_contradicts_no_listing(hub: LocalHub, root: Path, change: Change) -> None:
    async with mirror(hub.endpoint, change=change) as endpoint:
        assert await download(endpoint, root) == FILES


async def test_content_that_a_mirror_sends_directly_is_hashed_and_taken(hub: LocalHub, root: Path) -> None:
    content = {f"/{path}": body for path, body in FILES.items()}

    def direct(path: str, response: httpx.Response, body: bytes) -> Answer:
        found = next((content[each] for each in content if path.endswith(each) and "/resolve/" in path), None)
        if found is None:
            return response.status_code, response.headers.raw, body
        commit = response.headers["x-repo-commit"].encode()
        return 200, [(b"etag", b'"%s"' % OTHER), (b"x-repo-commit", commit)], found

    async with mirror(hub.endpoint, change=direct) as endpoint:
        assert await download(endpoint, root) == FILES


async def test_a_redirect_with_another_hash_of_the_same_kind_ends_it_before_a_byte(hub: LocalHub, root: Path) -> None:
    wrong = with_header(
        b"x-linked-etag",
        b'"%s"' % sha256(b"another")[7:].encode(),
        on=lambda r: is_redirect(r) and "cdn" not in r.url.host,
    )
    async with mirror(hub.endpoint, change=wrong) as endpoint, open_service(endpoint, root) as service:
        with pytest.raises(HfsvcError) as caught:
            await service.download(everything(include=("a.parquet",)))
    assert isinstance(caught.value, ChecksumMismatch)
    assert hub.count(server="cdn") == 0


# ---- those that send on ----------------------------------------------------------------------------------------------


async def refusal(hub: LocalHub, factory: HubFactory, root: Path, token: str | None) -> HfsvcError:
    front = factory(root.parent / "mirror")
    front.fault(mirror_of(hub.endpoint), server="hub")
    events: list[Event] = []
    async with open_service(front, root, token=Secret(token) if token else None) as service:
        with pytest.raises(HfsvcError) as caught:
            await service.download(everything(), on_event=events.append)
    assert of_kind(events, Retried) == []
    return caught.value


async def test_a_private_dataset_behind_a_mirror_is_told_with_where_the_token_stops(
    hub: LocalHub, local_hub_factory: HubFactory, root: Path
) -> None:
    hub.configure(REPO, private=True)
    error = await refusal(hub, local_hub_factory, root, TOKEN)
    assert isinstance(error, DatasetNotFound)
    assert f"redirects to {hub.endpoint}," in str(error)
    assert "set HF_TOKEN" not in str(error)
    assert "HF_TOKEN" in str(await refusal(hub, local_hub_factory, root, None))


async def test_a_gated_dataset_behind_a_mirror_is_told_with_where_the_token_stops(
    hub: LocalHub, local_hub_factory: HubFactory, root: Path
) -> None:
    hub.configure(REPO, gated="manual")
    error = await refusal(hub, local_hub_factory, root, TOKEN)
    assert isinstance(error, (GatedDataset, AuthenticationRequired))
    assert f"redirects to {hub.endpoint}," in str(error)


async def test_a_mirror_may_send_on_for_content_alone(hub: LocalHub, root: Path) -> None:
    # A private dataset is refused without a code, by a server that nobody named.
    def send_on(path: str, response: httpx.Response, body: bytes) -> Answer:
        if "/resolve/" not in path:
            return response.status_code, response.headers.raw, body
        return 307, [(b"location", f"{hub.endpoint}{path.removeprefix('/hf')}".encode())], b""

    hub.configure(REPO, private=True)
    events: list[Event] = []
    async with (
        mirror(hub.endpoint, prefix="/hf", change=send_on) as endpoint,
        open_service(endpoint, root, token=Secret(TOKEN)) as service,
    ):
        with pytest.raises(HfsvcError) as caught:
            await service.download(everything(), on_event=events.append)
    assert isinstance(caught.value, DatasetNotFound)
    assert f"redirects to {hub.endpoint}," in str(caught.value)
    assert of_kind(events, Retried) == []
