"""Codes open one session each, for a while."""

from pathlib import Path

from hfsvc.server import make_access
from hfsvc.server.codes import OneTimeCodes
from tests.server.worlds import open_world


def test_a_code_is_good_once_and_for_five_minutes() -> None:
    now = [0.0]
    codes = OneTimeCodes(clock=lambda: now[0])
    first, second, third = (codes.issue() for _ in range(3))
    assert len({first, second, third}) == 3
    assert [codes.redeem(each) for each in (first, first, "", "é", first[:-1])] == [True, False, False, False, False]
    now[0] = 299.0
    assert codes.redeem(second)
    now[0] = 301.0
    assert not codes.redeem(third)


async def test_a_session_is_opened_by_a_code_once(root: Path) -> None:
    async with open_world(root, access=make_access(token="geheim")) as world:
        code = world.app.issue_code()
        assert "geheim" not in code
        assert (await world.client.get("/api/datasets")).status_code == 401
        for body in ({"code": "x"}, {"code": ""}, {"token": code}, {}, {"token": ""}, {"code": "geheim"}):
            assert (await world.client.post("/session", json=body)).status_code == 401
        assert (await world.client.post("/session", json={"code": code})).status_code == 204
        assert (await world.client.get("/api/datasets")).status_code == 200
        world.client.cookies.clear()
        assert (await world.client.post("/session", json={"code": code})).status_code == 401
        assert (await world.client.post("/session", json={"token": "geheim"})).status_code == 204
