from typing import Any

import httpx
import pytest

from hfsvc.testing import LocalHub

from .notes import REPO, resolve

API = f"/api/datasets/{REPO}"
GOOD = {"Authorization": "Bearer hf_good"}
OTHER = {"Authorization": "Bearer hf_other"}
BAD = {"Authorization": "Bearer hf_bad"}


@pytest.fixture(autouse=True)
def _tokens(hub: LocalHub) -> None:
    hub.options.tokens = {"hf_good": ("acme/*",), "hf_other": ()}


@pytest.mark.parametrize("private", [True, False])
def test_private_and_missing_look_alike(hub: LocalHub, client: httpx.Client, private: bool) -> None:
    if private:
        hub.configure(REPO, private=True)
    url = API if private else "/api/datasets/acme/missing"
    anonymous, stranger = client.get(url), client.get(url, headers=OTHER)
    assert anonymous.status_code == 401
    assert "X-Error-Code" not in anonymous.headers
    assert anonymous.headers["WWW-Authenticate"] == 'Bearer realm="Authentication required"'
    assert anonymous.json() == {"error": "Invalid username or password."}
    assert (stranger.status_code, stranger.headers["X-Error-Code"]) == (404, "RepoNotFound")
    assert stranger.json() == {"error": "Repository not found"}


def test_private_is_open_to_its_token(hub: LocalHub, client: httpx.Client) -> None:
    hub.configure(REPO, private=True)
    assert client.get(API, headers=GOOD).json()["private"] is True
    assert client.get(resolve("en/train.parquet"), headers=GOOD).status_code == 302


def test_bad_token_fails_where_none_would_do(client: httpx.Client) -> None:
    response = client.get(API, headers=BAD)
    assert response.status_code == 401
    assert response.headers["X-Error-Message"] == "Invalid username or password."


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (OTHER, 403)])
def test_gated_content(hub: LocalHub, client: httpx.Client, headers: dict[str, str], status: int) -> None:
    hub.configure(REPO, gated="auto")
    response = client.get(resolve("en/train.parquet"), headers=headers)
    assert (response.status_code, response.headers["X-Error-Code"]) == (status, "GatedRepo")
    assert client.get(API, headers=headers).json()["gated"] == "auto"
    assert client.get(resolve("README.md"), headers=headers).status_code == 307
    assert client.get(f"{API}/commits/main", headers=headers).status_code == status


def test_gated_listing_masks_hashes_until_access(hub: LocalHub, client: httpx.Client) -> None:
    hub.options.xet = True
    hub.configure(REPO, gated="manual")

    def train(**more: Any) -> dict[str, Any]:
        entry: dict[str, Any] = client.get(f"{API}/tree/main/en", **more).json()[1]
        return entry

    assert train()["lfs"]["oid"] == train()["xetHash"] == "*" * 64
    assert "*" not in train(headers=GOOD)["lfs"]["oid"]
    paths = client.post(f"{API}/paths-info/main", json={"paths": ["en/train.parquet"]}).json()
    assert paths[0]["lfs"]["oid"] == "*" * 64
    siblings = client.get(API, params={"blobs": "true"}).json()["siblings"]
    assert siblings[-1]["lfs"]["sha256"] == "*" * 64


def test_gated_is_open_to_its_token(hub: LocalHub, client: httpx.Client) -> None:
    hub.configure(REPO, gated="auto")
    assert client.get(resolve("en/train.parquet"), headers=GOOD).status_code == 302


def test_disabled_repository_lists_but_gives_no_content(hub: LocalHub, client: httpx.Client) -> None:
    hub.configure(REPO, disabled=True)
    assert client.get(API).json()["disabled"] is True
    response = client.get(resolve("en/train.parquet"))
    assert response.status_code == 403
    assert response.headers["X-Error-Message"] == "Access to this resource is disabled."
    assert "X-Error-Code" not in response.headers
