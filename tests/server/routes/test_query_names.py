"""Parameters that an address does not take, or that are given twice, are refused with those that there are."""

import pytest

from tests.server.worlds import World, error_of


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/api/trajectories?lmit=5", "'lmit'.*cursor, episodes, layout, limit.*Did you mean limit"),
        ("/api/trajectories?Limit=5", "'Limit'"),
        ("/api/trajectories?=5", "''"),
        ("/api/trajectories?limit=5&limit=6", "'limit'.*2 times"),
        ("/api/trajectories?source=a&source=a", "'source'.*2 times"),
        ("/api/trajectories/0?offset=1", "'offset'.*by, commit, config"),
        ("/api/trajectories/0/steps?start=1", "'start'"),
        ("/api/trajectories.jsonl?offset=5", "'offset'.*skip_bad"),
        (
            "/api/trajectories?style=structurd",
            "style cannot be 'structurd'.*messages, structured.*Did you mean structured",
        ),
        ("/api/trajectories/0?result=good", "all, success, failure"),
        ("/api/trajectories.jsonl?lines=x", "atif, rows"),
        ("/api/trajectories/0?by=x", "key, trial_name, run_id, task"),
        ("/api/facets?field=x", "agent, model"),
        ("/api/facets?fields=task", "'fields'.*Did you mean field"),
        ("/api/datasets?source=x", "'source'.*none"),
        ("/api/jobs?x=1", "'x'"),
        ("/healthz?x=", "'x'"),
        ("/metrics?name%5B%5D=x", r"'name\[\]'"),
    ],
)
async def test_what_is_not_taken_is_refused(world: World, path: str, told: str) -> None:
    import re

    answer = await world.client.get(path)
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (400, "invalid_argument")
    assert re.search(told, f"{error['message']} {error['hint']}"), error


async def test_what_changes_something_is_refused_too(world: World) -> None:
    answer = await world.client.post("/api/datasets/acme%2Fnotes/verify?repiar=true")
    assert (answer.status_code, "repair" in error_of(answer)["message"]) == (400, True)
    assert (await world.client.delete("/api/datasets/acme%2Fnotes?force=1")).status_code == 400
    assert (await world.client.post("/api/jobs?x=1", json={"repo": "acme/notes"})).status_code == 400


async def test_what_may_repeat_and_what_pages_are_opened_with_is_taken(world: World) -> None:
    for path in ("/api/facets?field=task&field=agent", "/?utm_source=x", "/static/app.js?v=1&v=2"):
        assert (await world.client.get(path)).status_code == 200
