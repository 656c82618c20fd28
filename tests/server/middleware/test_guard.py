"""What stands before the app: headers on every answer, sessions, other origins, bounds, and mounting."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hfsvc.secret import Secret
from hfsvc.server import ServerAccess, ServerLimits
from hfsvc.server.middleware.access import make_access
from tests.server.worlds import Counted, Held, World, error_of, open_app, open_world

PAGE = "https://pages.example"
TOKEN = ServerAccess(token=Secret("geheim"))


@pytest.mark.parametrize(
    "path", ["/", "/api/trajectories", "/api/trajectories/0", "/api/trajectories.jsonl", "/nothing"]
)
async def test_every_answer_carries_what_protects_pages(world: World, path: str) -> None:
    headers = (await world.client.get(path)).headers
    assert dict(each.split(" ", 1) for each in headers["content-security-policy"].split("; ")) == {
        **dict.fromkeys(("default-src", "base-uri", "form-action", "frame-ancestors"), "'none'"),
        **dict.fromkeys(("script-src", "style-src", "connect-src"), "'self'"),
        "img-src": "'self' data:",
        "require-trusted-types-for": "'script'",
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert not [name for name in headers if name.startswith("access-control")]
    assert "server" not in headers
    assert headers["cache-control"] == ("no-cache" if path == "/" else "no-store")


async def test_refusals_carry_it_too(world: World) -> None:
    answer = await world.client.get("/", headers={"host": "evil.example"})
    assert (answer.status_code, error_of(answer)["code"]) == (403, "host_not_allowed")
    assert "content-security-policy" in answer.headers


async def test_two_hosts_are_none(world: World) -> None:
    answer = await world.client.get("/healthz", headers=[("host", "localhost"), ("host", "localhost")])
    assert answer.status_code == 403


async def test_a_stranger_changes_nothing(world: World) -> None:
    for method, path in (("POST", "/api/jobs"), ("DELETE", "/api/datasets/acme%2Fnotes"), ("POST", "/session")):
        answer = await world.client.request(method, path, headers={"origin": "https://evil.example"}, json={})
        assert (answer.status_code, error_of(answer)["code"]) == (403, "origin_not_allowed")


async def test_bodies_have_their_bound(world: World) -> None:
    large = b'{"repo": "%s"}' % (b"x" * (1 << 17))

    async def unmeasured() -> AsyncGenerator[bytes, None]:
        yield large

    for content in (large, unmeasured()):
        answer = await world.client.post("/api/jobs", content=content)
        assert (answer.status_code, error_of(answer)["code"]) == (413, "body_too_large")


async def test_there_are_only_so_many_requests_at_once(root: Path) -> None:
    async with open_world(root, limits=ServerLimits(requests=0)) as world:
        answer = await world.client.get("/healthz")
        assert (answer.status_code, error_of(answer)["code"]) == (503, "busy")
        assert answer.headers["retry-after"] == "1"


class TestHead:
    @pytest.mark.parametrize("path", ["/", "/static/app.js", "/healthz", "/api/trajectories", "/api/trajectories/0"])
    async def test_it_is_that_of_get(self, world: World, path: str) -> None:
        head, answer = await world.client.head(path), await world.client.get(path)
        assert (head.status_code, head.headers, head.content) == (200, answer.headers, b"")

    async def test_answers_without_an_end_are_ended(self, root: Path, source: Counted, held: Held) -> None:
        async with open_world(root, source=source, datasets=held) as world:
            job = (await world.client.post("/api/jobs", json={"repo": "acme/notes"})).json()["id"]
            for path in ("/api/trajectories.jsonl", f"/api/jobs/{job}/events"):
                answer = await world.client.head(path)
                assert (answer.status_code, answer.content) == (200, b"")
            assert source.streams == 0

    async def test_what_only_changes_has_none(self, world: World) -> None:
        answer = await world.client.head("/session")
        assert answer.status_code == 405
        allowed = (await world.client.put("/api/jobs")).headers["allow"]
        assert set(allowed.split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


class TestToken:
    async def test_without_it_there_is_only_the_pages_shell(self, root: Path) -> None:
        async with open_world(root, access=TOKEN) as world:
            for path in ("/api/trajectories", "/metrics", "/api/openapi.json", "/nothing"):
                answer = await world.client.get(path)
                assert (answer.status_code, error_of(answer)["code"]) == (401, "token_required")
                assert answer.headers["www-authenticate"] == "Bearer"
            assert (await world.client.get("/")).status_code == 200
            assert (await world.client.get("/healthz")).status_code == 200
            answer = await world.client.get("/api/trajectories", headers={"authorization": "Bearer geheim"})
            assert answer.status_code == 200

    async def test_it_is_exchanged_for_a_cookie_that_scripts_do_not_see(self, root: Path) -> None:
        async with open_world(root, access=TOKEN) as world:
            answer = await world.client.post("/session", json={"token": "geheim"})
            assert answer.status_code == 204
            _, *attributes = answer.headers["set-cookie"].split("; ")
            assert {"HttpOnly", "SameSite=Strict", "Path=/"} == set(attributes)
            assert "geheim" not in answer.headers["set-cookie"]
            assert (await world.client.get("/api/trajectories")).status_code == 200

    async def test_over_tls_the_cookie_stays_there(self, root: Path) -> None:
        async with open_app(root, access=TOKEN) as app:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="https://localhost") as client:
                answer = await client.post("/session", json={"token": "geheim"})
                assert answer.headers["set-cookie"].endswith("; Secure")

    @pytest.mark.parametrize("token", ["", "geheim ", "Geheim", "gehei"])
    async def test_another_one_opens_nothing(self, root: Path, token: str) -> None:
        async with open_world(root, access=TOKEN) as world:
            answer = await world.client.post("/session", json={"token": token})
            assert (answer.status_code, error_of(answer)["code"]) == (401, "wrong_token")
            assert "set-cookie" not in answer.headers

    async def test_a_server_without_one_gives_no_cookie(self, world: World) -> None:
        answer = await world.client.post("/session", json={"token": "any"})
        assert answer.status_code == 204
        assert "set-cookie" not in answer.headers


class TestOtherOrigins:
    async def test_a_page_that_was_let_in_may_read(self, root: Path) -> None:
        async with open_world(root, access=make_access(allow_origins=[PAGE])) as world:
            answer = await world.client.get("/healthz", headers={"origin": PAGE})
            assert answer.headers["access-control-allow-origin"] == PAGE
            assert "hfsvc-row" in answer.headers["access-control-expose-headers"]
            assert set(answer.headers["vary"].split(", ")) == {"Origin", "Accept-Encoding"}
            answer = await world.client.get("/healthz", headers={"origin": "https://evil.example"})
            assert "access-control-allow-origin" not in answer.headers
            assert set(answer.headers["vary"].split(", ")) == {"Origin", "Accept-Encoding"}

    async def test_browsers_are_told_before_they_ask(self, root: Path) -> None:
        asked = {"origin": PAGE, "access-control-request-method": "DELETE"}
        access = make_access(token=Secret("geheim"), allow_origins=[PAGE])
        async with open_world(root, access=access) as world:
            answer = await world.client.options("/api/jobs/1", headers=asked)
            assert answer.status_code == 204
            assert "DELETE" in answer.headers["access-control-allow-methods"]
            assert "authorization" in answer.headers["access-control-allow-headers"]
            answer = await world.client.options("/api/jobs/1", headers=asked | {"origin": "https://evil.example"})
            assert answer.status_code == 403

    async def test_nobody_is_let_in_unasked(self, world: World) -> None:
        answer = await world.client.options(
            "/api/jobs", headers={"origin": PAGE, "access-control-request-method": "POST"}
        )
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]


def by_the_book(scope: Any) -> Any:
    return {**scope, "root_path": "/data"}


def cut_off(scope: Any) -> Any:
    inner = {"path": scope["path"].removeprefix("/data"), "raw_path": scope["raw_path"].removeprefix(b"/data")}
    return {**scope, "root_path": "/data", **inner}


def cut_off_unsaid(scope: Any) -> Any:
    return {**scope, "path": scope["path"].removeprefix("/data").rstrip("/") + "/"}


class TestMounting:
    """In another app, below a prefix: by the book of ASGI, with the prefix cut off as older hosts do, and by Litestar."""

    @pytest.mark.parametrize("mount", [by_the_book, cut_off, cut_off_unsaid])
    async def test_paths_are_those_below_the_prefix(self, root: Path, source: Counted, mount: Any) -> None:
        async with open_app(root, source=source, access=TOKEN) as app, app.lifespan():

            async def host(scope: Any, receive: Any, send: Any) -> None:
                await app(mount(scope), receive, send)

            transport = httpx.ASGITransport(host)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost/data/") as client:
                assert (await client.get("")).status_code == 200
                assert (await client.get("static/session.js")).status_code == 200
                answer = await client.post("session", json={"token": "geheim"})
                assert "; Path=/data; " in answer.headers["set-cookie"]
                answer = await client.get("api/trajectories/b")
                assert answer.headers["hfsvc-row"] == "1"
                answer = await client.get("api/trajectories/trial%2Fb", params={"by": "trial_name"})
                assert answer.headers["hfsvc-row"] == "1"

    @pytest.mark.parametrize("mount", [by_the_book, cut_off_unsaid])
    async def test_the_prefix_itself_leads_to_the_page_below_it(self, root: Path, mount: Any) -> None:
        async with open_app(root, access=TOKEN) as app:

            async def host(scope: Any, receive: Any, send: Any) -> None:
                await app(mount(scope), receive, send)

            transport = httpx.ASGITransport(host)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                answer = await client.get("/data", params={"a": "b"})
                assert (answer.status_code, answer.headers["location"]) == (308, "data/?a=b")
                assert (await client.get("/data/")).status_code == 200

    async def test_without_a_lifespan_there_are_no_downloads(self, root: Path) -> None:
        async with open_app(root) as app:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                assert (await client.get("/healthz")).status_code == 200
                answer = await client.post("/api/jobs", json={"repo": "acme/notes"})
                assert (answer.status_code, error_of(answer)["code"]) == (503, "busy")
