import sys
from pathlib import Path
from types import ModuleType

import pytest

import hfsvc
from hfsvc.errors import FixRequest
from hfsvc.models import DownloadedDataset, Event
from hfsvc.testing import LocalHub

from .builders import REPO, files_below


@pytest.fixture
def hub(local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> LocalHub:
    local_hub.write(REPO, "a.parquet", b"a")
    local_hub.write(REPO, "b.txt", b"b")
    monkeypatch.setenv("HF_ENDPOINT", local_hub.endpoint)
    return local_hub


async def test_one_call_downloads_what_it_is_asked_for(hub: LocalHub, root: Path) -> None:
    found = await hfsvc.download(REPO, root=str(root), include="**", exclude="*.txt")
    assert found.local_path == root / REPO
    assert files_below(found.local_path) == {"a.parquet": b"a"}
    before = len(hub.requests)
    await hfsvc.download(REPO, root=root)
    await hfsvc.download(REPO, root=root, force=True)
    assert len(hub.requests) > before + 2


async def test_its_token_goes_along(hub: LocalHub, root: Path) -> None:
    await hfsvc.download(REPO, root=root, token="hf_geheim")
    assert {each.headers.get("authorization") for each in hub.requests if each.server == "hub"} == {"Bearer hf_geheim"}


async def test_what_cannot_be_is_refused(root: Path) -> None:
    with pytest.raises(FixRequest):
        await hfsvc.download(REPO, root=root, revision="")
    assert not root.exists()


async def test_an_asynchronous_listener_is_awaited(hub: LocalHub, root: Path) -> None:
    heard: list[Event] = []

    async def listen(event: Event) -> None:
        heard.append(event)

    found = await hfsvc.download(REPO, root=root, on_event=listen)
    assert isinstance(found, DownloadedDataset)
    assert type(heard[-1]).__name__ == "Finished"


async def test_a_notebook_shows_a_bar_and_a_script_nothing(
    hub: LocalHub, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await hfsvc.download(REPO, root=root)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    await hfsvc.download(REPO, root=root, force=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert REPO in shown.err
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    await hfsvc.download(REPO, root=root, force=True)
    assert capsys.readouterr() == ("", "")
