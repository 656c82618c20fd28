"""Tokenizers of folders and of models on the Hub: fetched once a commit, verified, and kept below the store's root."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hfsvc import Settings, open_container
from hfsvc.containers import Container
from hfsvc.errors import ChecksumMismatch, FixRequest, InvalidTokenizer, MissingExtra, Offline
from hfsvc.secret import Secret
from hfsvc.testing import Corrupt, LocalHub
from hfsvc.train.tokenizer_files import find_files, open_tokenizer

REPO = "acme/tiny"
CONTENTS = {
    "tokenizer.json": b'{"a": 1}',
    "tokenizer_config.json": b"{}",
    "chat_template.jinja": b"{{ messages }}",
    "additional_chat_templates/tool_use.jinja": b"x",
}


@pytest.fixture
def local_hub(tmp_path: Path) -> Any:
    with LocalHub(tmp_path / "hub", lfs=lambda path, size: path == "tokenizer.json") as hub:
        for path, content in CONTENTS.items():
            hub.write_model(REPO, path, content)
        hub.write_model(REPO, "model.safetensors", b"heavy")
        hub.write(REPO, "tokenizer.json", b"a dataset of the same name")
        yield hub


@pytest.fixture
async def container(local_hub: LocalHub, root: Path) -> AsyncIterator[Container]:
    async with opened(local_hub, root) as found:
        yield found


def opened(hub: LocalHub, root: Path, **settings: Any) -> Any:
    return open_container(Settings(root=root, endpoint=hub.endpoint, **settings))


async def test_the_small_files_of_a_model_are_fetched_once(
    container: Container, local_hub: LocalHub, root: Path
) -> None:
    assert await find_files(container, REPO) == CONTENTS
    assert local_hub.count(path="*model.safetensors*") == 0
    local_hub.reset()
    assert await find_files(container, REPO) == CONTENTS
    assert [each.path for each in local_hub.requests] == [f"/api/models/{REPO}/revision/main"]
    async with opened(local_hub, root, offline=True) as offline:
        assert await find_files(offline, REPO) == CONTENTS


async def test_a_new_commit_is_fetched_beside_the_old_one(container: Container, local_hub: LocalHub) -> None:
    await find_files(container, REPO)
    old = (await container.hub().resolve(REPO, "main", token=None)).commit
    assert old
    local_hub.write_model(REPO, "chat_template.jinja", b"other")
    assert (await find_files(container, REPO))["chat_template.jinja"] == b"other"


async def test_a_dataset_of_the_same_name_is_another_thing(container: Container) -> None:
    info = await container.hub().resolve(REPO, "main", token=None)
    listed = [file.path async for file in container.hub().list_files(info, token=None)]
    assert listed == ["tokenizer.json"]


async def test_damaged_content_is_not_kept(container: Container, local_hub: LocalHub, root: Path) -> None:
    local_hub.fault(Corrupt(), server="cdn")
    with pytest.raises(ChecksumMismatch):
        await find_files(container, REPO)
    assert not [*root.rglob("tokenizer.json")]


async def test_a_private_model_needs_the_token(tmp_path: Path, root: Path) -> None:
    hub = LocalHub(tmp_path / "private", tokens={"hf_good": ["acme/*"]})
    with hub:
        hub.write_model(REPO, "tokenizer.json", b"{}")
        hub._models.get(REPO).state.private = True  # type: ignore[union-attr]
        async with opened(hub, root) as anonymous:
            with pytest.raises(InvalidTokenizer, match="or it is private"):
                await find_files(anonymous, REPO)
        async with opened(hub, root, token=Secret("hf_good")) as known:
            assert await find_files(known, REPO) == {"tokenizer.json": b"{}"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("acme/none", "on the Hub there is no model of that name"),
        (f"{REPO}@gone", "it has no revision gone"),
        ("no/such/folder", "it is no folder, and no name of a model"),
    ],
)
async def test_what_is_not_there_is_one_sentence(container: Container, name: str, reason: str) -> None:
    with pytest.raises(InvalidTokenizer, match=reason):
        await find_files(container, name)


async def test_offline_without_what_was_fetched(local_hub: LocalHub, root: Path) -> None:
    async with opened(local_hub, root, offline=True) as offline:
        with pytest.raises(Offline):
            await find_files(offline, REPO)


async def test_a_folder_needs_no_network(local_hub: LocalHub, root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "tokenizer.json").write_bytes(b"{}")
    (folder / "other.bin").write_bytes(b"no")
    async with opened(local_hub, root, offline=True) as offline:
        assert await find_files(offline, folder) == {"tokenizer.json": b"{}"}
    assert not local_hub.requests


async def test_without_the_extra_it_is_named(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "hfsvc.train.tokenizer", raising=False)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtra, match=r"hfsvc\[train\]"):
        await open_tokenizer(container, REPO)
    assert issubclass(MissingExtra, FixRequest)
