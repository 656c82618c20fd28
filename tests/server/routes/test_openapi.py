"""The API against its own description: requests that schemathesis makes of it, answers that must be as it says."""

import asyncio
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.server.worlds import Counted, World, open_served_world, trajectory

EXAMPLES = 25
# Making a request that fits a description takes schemathesis long.
UNHURRIED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server in a thread of its own."""
    root = tmp_path_factory.mktemp("schema") / "store"
    found: list[str] = []
    up, done = threading.Event(), threading.Event()

    async def run() -> None:
        source = Counted([trajectory(f"t{number}", steps=3) for number in range(5)])
        async with open_served_world(root, source=source) as world:
            found.append(world.address)
            up.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    up.wait()
    yield found[0]
    done.set()
    thread.join()


@pytest.fixture(scope="module")
def schema(address: str) -> Any:
    return schemathesis.openapi.from_url(f"{address}api/openapi.json")


OPERATIONS = [
    ("GET", "/api/datasets"),
    ("GET", "/api/datasets/{repo}"),
    ("POST", "/api/datasets/{repo}/verify"),
    ("DELETE", "/api/datasets/{repo}"),
    ("GET", "/api/sources"),
    ("GET", "/api/jobs"),
    ("POST", "/api/jobs"),
    ("GET", "/api/jobs/{job_id}"),
    ("DELETE", "/api/jobs/{job_id}"),
    ("GET", "/api/jobs/{job_id}/events"),
    ("GET", "/api/trajectories"),
    ("GET", "/api/trajectories/{key}"),
    ("GET", "/api/trajectories/{key}/steps"),
    ("GET", "/api/trajectories.jsonl"),
    ("GET", "/api/facets"),
    ("GET", "/api/search"),
    ("GET", "/api/totals"),
    ("POST", "/session"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
]


# Those with a query or a body to get wrong.
FALLIBLE = [
    (method, path)
    for method, path in OPERATIONS
    if "trajectories" in path
    or path in {"/api/facets", "/api/search", "/api/totals"}
    or (path in {"/api/jobs", "/session", "/api/datasets/{repo}/verify"} and method == "POST")
]
TRIALS = [(GenerationMode.POSITIVE, *each) for each in OPERATIONS] + [
    (GenerationMode.NEGATIVE, *each) for each in FALLIBLE
]


async def test_the_api_describes_itself(world: World) -> None:
    document = (await world.client.get("/api/openapi.json")).json()
    assert {"/api/datasets", "/api/jobs", "/api/trajectories", "/api/trajectories/{key}"} <= document["paths"].keys()
    operations = [each for path in document["paths"].values() for each in path.values()]
    with_bodies = [each["responses"].keys() for each in operations if "requestBody" in each]
    assert len(with_bodies) == 2
    assert all("413" in answers for answers in with_bodies)


def test_every_operation_says_what_it_does(schema: Any) -> None:
    operations = [each for path in schema.raw_schema["paths"].values() for each in path.values()]
    assert all(each["description"] for each in operations)


async def test_it_says_who_may_ask_what_belongs_together_and_what_heads_hold(world: World) -> None:
    document = (await world.client.get("/api/openapi.json")).json()
    assert document["components"]["securitySchemes"]["token"] == {
        "type": "http",
        "scheme": "bearer",
        "description": "The server's token, where it asks for one.",
    }
    operations = {each["operationId"]: each for path in document["paths"].values() for each in path.values()}
    assert {"list_trajectories", "get_trajectory", "start_job", "list_facets", "verify_dataset"} <= operations.keys()
    tags = {each["name"] for each in document["tags"]}
    assert {tag for each in operations.values() for tag in each["tags"]} == tags
    assert "Location" in operations["start_job"]["responses"]["201"]["headers"]
    assert {"Hfsvc-Row", "Hfsvc-Commit", "ETag"} <= operations["get_trajectory"]["responses"]["200"]["headers"].keys()


def test_every_operation_is_tried(schema: Any) -> None:
    assert {(each.ok().method.upper(), each.ok().path) for each in schema.get_all_operations()} == set(OPERATIONS)


WORDLESS = {"invalid_repo_id", "invalid_pattern", "invalid_argument", "cursor_mismatch"}


def is_beyond_words(answer: Any) -> bool:
    """Whether it refuses what no description rules out: an address that is too long, an id, a glob, a field or a cursor that is none."""
    if answer.status_code == HTTPStatus.BAD_REQUEST:
        return bool(answer.json()["error"]["code"] in WORDLESS)
    return bool(answer.status_code == HTTPStatus.REQUEST_URI_TOO_LONG)


@pytest.mark.parametrize(("mode", "method", "path"), TRIALS)
def test_answers_are_as_described(schema: Any, mode: GenerationMode, method: str, path: str) -> None:
    operation = schema[path][method]

    @given(st.data())
    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=UNHURRIED)
    def check(data: Any) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        answer = case.call()
        if not is_beyond_words(answer):
            case.validate_response(answer)

    check()
