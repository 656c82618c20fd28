import hashlib
import re
from pathlib import Path

import httpx
import pytest

from hfsvc.testing import LocalHub

from .notes import PARQUET, README, REPO

API = f"/api/datasets/{REPO}"
SHA = re.compile(r"[0-9a-f]{40}")


def git_blob(data: bytes) -> str:
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


def test_info_tells_id_commit_and_card(client: httpx.Client) -> None:
    info = client.get(API).json()
    assert info["id"] == REPO
    assert SHA.fullmatch(info["sha"])
    assert re.fullmatch(r"[0-9a-f]{24}", info["_id"])
    assert info["cardData"] == {"license": "mit", "tags": ["weather"]}
    assert "license:mit" in info["tags"]
    assert (info["private"], info["gated"], info["disabled"]) == (False, False, False)
    assert {"rfilename": "en/train.parquet"} in info["siblings"]


def test_card_may_be_set(hub: LocalHub, client: httpx.Client) -> None:
    hub.configure(REPO, card={"configs": [{"config_name": "en"}]})
    assert client.get(API).json()["cardData"] == {"configs": [{"config_name": "en"}]}


def test_blobs_add_sizes_and_hashes(client: httpx.Client) -> None:
    siblings = {entry["rfilename"]: entry for entry in client.get(API, params={"blobs": "true"}).json()["siblings"]}
    assert siblings["README.md"] == {"rfilename": "README.md", "size": len(README), "blobId": git_blob(README)}
    lfs = siblings["en/train.parquet"]["lfs"]
    assert lfs["sha256"] == hashlib.sha256(PARQUET).hexdigest()
    assert (lfs["size"], lfs["pointerSize"]) == (len(PARQUET), 130)


def test_expand_gives_only_what_was_asked(client: httpx.Client) -> None:
    assert set(client.get(API, params={"expand": ["sha", "gated"]}).json()) == {"_id", "id", "sha", "gated"}
    unknown = client.get(API, params={"expand": "nonsense"})
    assert unknown.status_code == 400
    assert "cardData" in unknown.json()["error"]


@pytest.mark.parametrize("revision", ["main", "HEAD"])
def test_revision_names_the_commit(client: httpx.Client, revision: str) -> None:
    assert client.get(f"{API}/revision/{revision}").json()["sha"] == client.get(API).json()["sha"]


def test_revision_with_a_slash_is_one_segment(hub: LocalHub, client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "pr").mkdir()
    (tmp_path / "pr" / "a.txt").write_text("a")
    commit = hub.add_revision(REPO, "refs/pr/1", tmp_path / "pr")
    assert client.get(f"{API}/revision/refs%2Fpr%2F1").json()["sha"] == commit
    assert client.get(f"{API}/revision/refs/pr/1").headers["X-Error-Code"] == "RevisionNotFound"


def test_unknown_revision(client: httpx.Client) -> None:
    response = client.get(f"{API}/revision/v9")
    assert response.status_code == 404
    assert response.headers["X-Error-Code"] == "RevisionNotFound"
    assert response.json() == {"error": "Invalid rev id: v9"}


@pytest.mark.parametrize("revision", ["%20", "main%0D%0AX:%20y", "%00", "%C3%BC", "..%2F"])
def test_an_odd_revision_is_unknown_and_ends_nothing(client: httpx.Client, revision: str) -> None:
    assert client.get(f"{API}/revision/{revision}").headers["X-Error-Code"] == "RevisionNotFound"
    assert client.get(API).status_code == 200


def test_recursive_tree_holds_files_and_folders(client: httpx.Client) -> None:
    entries = {entry["path"]: entry for entry in client.get(f"{API}/tree/main", params={"recursive": True}).json()}
    assert entries["en"]["type"] == "directory"
    assert entries["en"]["size"] == 0
    assert entries["README.md"]["oid"] == git_blob(README)
    assert entries["en/train.parquet"]["lfs"]["oid"] == hashlib.sha256(PARQUET).hexdigest()
    assert entries["en/train.parquet"]["oid"] != git_blob(PARQUET)
    assert entries["en/empty.txt"]["oid"] == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert "lfs" not in entries["en/empty.txt"]


def test_tree_lists_one_level_and_below_a_folder(client: httpx.Client) -> None:
    assert [entry["path"] for entry in client.get(f"{API}/tree/main").json()] == [".gitattributes", "README.md", "en"]
    below = client.get(f"{API}/tree/main/en").json()
    assert [entry["path"] for entry in below] == ["en/empty.txt", "en/train.parquet"]


def test_tree_of_an_unknown_folder(client: httpx.Client) -> None:
    response = client.get(f"{API}/tree/main/nope")
    assert (response.status_code, response.headers["X-Error-Code"]) == (404, "EntryNotFound")
    assert response.json() == {"error": 'nope does not exist on "main"'}


def test_expanded_tree_names_the_last_commit(client: httpx.Client) -> None:
    entry = client.get(f"{API}/tree/main", params={"expand": True}).json()[0]
    assert SHA.fullmatch(entry["lastCommit"]["id"])


def test_tree_pages_by_absolute_links(hub: LocalHub, client: httpx.Client) -> None:
    hub.options.page_size = 2
    seen, url = [], f"{hub.endpoint}{API}/tree/main?recursive=true"
    while url:
        page = client.get(url)
        seen += [entry["path"] for entry in page.json()]
        url = page.links.get("next", {}).get("url", "")
        assert url.startswith(hub.endpoint) or not url
    assert seen == [".gitattributes", "README.md", "en", "en/empty.txt", "en/train.parquet"]
    assert hub.count(bucket="api") == 3


def test_empty_repository_lists_nothing(hub: LocalHub, client: httpx.Client) -> None:
    (hub.folder / "acme/void").mkdir()
    assert client.get("/api/datasets/acme/void/tree/main").json() == []


@pytest.mark.parametrize("as_json", [True, False])
def test_paths_info_omits_what_is_missing(client: httpx.Client, as_json: bool) -> None:
    asked = {"paths": ["README.md", "en", "nope"], "expand": False}
    url = f"{API}/paths-info/main"
    response = client.post(url, json=asked) if as_json else client.post(url, data=asked)
    assert [(entry["path"], entry["type"]) for entry in response.json()] == [("README.md", "file"), ("en", "directory")]


def test_paths_info_refuses_too_many(client: httpx.Client) -> None:
    assert client.post(f"{API}/paths-info/main", json={"paths": ["a"] * 2001}).status_code == 400


def test_refs_are_sorted_by_kind(hub: LocalHub, client: httpx.Client, tmp_path: Path) -> None:
    for name in ("dev", "refs/tags/v1.0", "refs/convert/parquet", "refs/pr/1"):
        hub.add_revision(REPO, name, tmp_path)
    plain = client.get(f"{API}/refs").json()
    assert [ref["ref"] for ref in plain["branches"]] == ["refs/heads/main", "refs/heads/dev"]
    assert (plain["tags"][0]["name"], plain["converts"][0]["name"]) == ("v1.0", "parquet")
    assert "pullRequests" not in plain
    assert client.get(f"{API}/refs?include_prs=1").json()["pullRequests"][0]["name"] == "1"
    assert client.get(f"{API}/revision/v1.0").status_code == 200


def test_commits_are_listed_newest_first(hub: LocalHub, client: httpx.Client) -> None:
    old = hub.refresh(REPO)
    hub.write(REPO, "new.txt", b"new")
    new = hub.refresh(REPO)
    response = client.get(f"{API}/commits/main")
    assert [commit["id"] for commit in response.json()] == [new, old]
    assert response.headers["X-Total-Count"] == "2"


def test_whoami(hub: LocalHub, client: httpx.Client) -> None:
    hub.options.tokens = {"hf_good": ()}
    assert client.get("/api/whoami-v2").status_code == 401
    known = client.get("/api/whoami-v2", headers={"Authorization": "Bearer hf_good"})
    assert known.json()["auth"]["accessToken"]["role"] == "read"


def test_every_answer_tells_limits_and_request_id(client: httpx.Client) -> None:
    response = client.get(API, headers={"X-Request-Id": "abc"})
    assert response.headers["X-Request-Id"] == "abc"
    assert re.fullmatch(r'"api";r=\d+;t=\d+', response.headers["RateLimit"])
    assert response.headers["RateLimit-Policy"] == '"fixed window";"api";q=100000;w=300'
    assert response.headers["X-HF-Warning"].startswith("unauthenticated;")
    assert '"resolvers"' in client.get(f"/datasets/{REPO}/resolve/main/nope").headers["RateLimit"]


def test_quota_is_counted_by_bucket(hub: LocalHub, client: httpx.Client) -> None:
    hub.set_quota("api", 2)
    answers = [client.get(API) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["RateLimit"].split(";")[1] for answer in answers] == ["r=1", "r=0", "r=0"]
    assert client.get(f"/datasets/{REPO}/resolve/main/README.md").status_code == 307


def test_commit_moves_with_the_files_and_old_ones_stay(hub: LocalHub, client: httpx.Client) -> None:
    old = client.get(API).json()["sha"]
    hub.write(REPO, "en/train.parquet", b"other content")
    new = client.get(API).json()["sha"]
    assert new != old
    url = f"/datasets/{REPO}/resolve/{old}/en/train.parquet"
    assert client.get(client.get(url).headers["Location"]).content == PARQUET


def test_same_files_have_the_same_commit(hub: LocalHub, client: httpx.Client) -> None:
    for path in ("README.md", ".gitattributes", "en/train.parquet", "en/empty.txt"):
        hub.write("acme/copy", path, (hub.folder / REPO / path).read_bytes())
    assert hub.refresh("acme/copy") == hub.refresh(REPO)


def test_branch_may_move_to_another_folder(hub: LocalHub, client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "README.md").write_text("moved")
    old = hub.refresh(REPO)
    new = hub.add_revision(REPO, "main", tmp_path / "b")
    assert client.get(API).json()["sha"] == new
    assert client.get(f"{API}/tree/{old}/en").status_code == 200
    assert client.get(f"{API}/tree/{new}/en").status_code == 404


def test_large_file_that_changed_is_not_served_under_its_old_commit(hub: LocalHub, client: httpx.Client) -> None:
    big = hub.folder / REPO / "big.bin"
    with big.open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    url = client.get(f"/datasets/{REPO}/resolve/{hub.refresh(REPO)}/big.bin").headers["Location"]
    big.write_bytes(b"changed")
    response = client.get(url)
    assert response.status_code == 500
    assert "add_revision" in response.text


def test_declared_hash_is_taken_without_reading(hub: LocalHub, client: httpx.Client) -> None:
    hub.declare_sha256(REPO, "en/train.parquet", "ab" * 32)
    entries = client.get(f"{API}/tree/main/en").json()
    assert entries[1]["lfs"]["oid"] == "ab" * 32


def test_rename_redirects_and_keeps_path_query_and_method(hub: LocalHub, client: httpx.Client) -> None:
    hub.rename(REPO, "acme/new-notes")
    response = client.get(f"{API}/tree/main/en?recursive=true&limit=3")
    assert response.status_code == 307
    assert response.headers["Location"] == "/api/datasets/acme/new-notes/tree/main/en?recursive=true&limit=3"
    posted = client.post(f"{API}/paths-info/main", json={"paths": ["en"]}, follow_redirects=True)
    assert posted.json()[0]["path"] == "en"
    assert client.get(API, follow_redirects=True).json()["id"] == "acme/new-notes"


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("/api/datasets/Acme/Weather-Notes", API),
        ("/api/datasets/weather-notes", API),
        ("/api/datasets/weather-notes/tree/main/en", f"{API}/tree/main/en"),
        ("/datasets/ACME/weather-notes/resolve/main/a%20b", f"/datasets/{REPO}/resolve/main/a%20b"),
    ],
)
def test_other_case_and_single_names_are_redirected(client: httpx.Client, asked: str, answered: str) -> None:
    response = client.get(asked)
    assert (response.status_code, response.headers["Location"]) == (307, answered)


def test_injected_entries_are_listed_and_paths_can_be_fetched(hub: LocalHub, client: httpx.Client) -> None:
    hub.inject_entries(REPO, ["../evil.parquet", {"type": "unknown", "path": "module", "oid": "0" * 40, "size": 0}])
    entries = client.get(f"{API}/tree/main?recursive=true").json()
    assert [entry["path"] for entry in entries[-2:]] == ["../evil.parquet", "module"]
    location = client.get(f"/datasets/{REPO}/resolve/main/%2E%2E%2Fevil.parquet").headers["Location"]
    assert b"evil" in client.get(location).content


def test_unknown_pages_are_not_found(client: httpx.Client) -> None:
    assert client.get("/nothing/here").status_code == 404
    assert client.get(f"{API}/nonsense").status_code == 404
