import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hfsvc.testing import LocalHub

from .chromium import ARGUMENTS, find_chromium
from .hostile import write_hostile_rows
from .rich import CONFIGS, DOCUMENTS, PARTS, write_documents, write_parts
from .servers import ALIAS, HOSTILE, Served, ask, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from .watched import Open

# Read here: tests see none of it.
IMAGES = os.environ.get("HFSVC_IMAGES")
# Only the session that installs it needs it.
collect_ignore_glob = [] if importlib.util.find_spec("playwright") else ["test_*.py"]


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    found = find_chromium()
    if found is None:
        pytest.skip("there is no Chromium on this machine; HFSVC_CHROMIUM names one")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))


@pytest.fixture(scope="session")
def hub_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample dataset and a hostile one."""
    from hfsvc.testing.samples import write_sample_hub

    folder = tmp_path_factory.mktemp("hub")
    write_sample_hub(folder, rows=250)
    write_hostile_rows(folder / HOSTILE / "data" / "train-00000-of-00001.parquet")
    write_parts(folder / PARTS)
    write_documents(folder / DOCUMENTS)
    return folder


@pytest.fixture(scope="session")
def hub(hub_folder: Path) -> Iterator[LocalHub]:
    with LocalHub(hub_folder) as hub:
        hub.configure(PARTS, card={"configs": CONFIGS})
        yield hub


@pytest.fixture(scope="session")
def served(hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """``hfsvc serve`` as a process, the sample on disk, a dataset of several parts, and one of ATIF documents."""
    with serving(tmp_path_factory.mktemp("served"), hub.endpoint) as server:
        ask(server, "download", ALIAS)
        ask(server, "download", PARTS)
        ask(server, "download", DOCUMENTS, "--include", "*.json")
        yield server


@pytest.fixture(scope="session")
def served_hostile(hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same with the hostile dataset."""
    with serving(tmp_path_factory.mktemp("hostile"), hub.endpoint) as server:
        ask(server, "download", HOSTILE)
        yield server


@pytest.fixture
def open_page(browser: "Browser") -> "Iterator[Open]":
    """Opens pages, and tells at the end what they did that they must not."""
    from .watched import Watch, open_watched

    contexts, watches = [], list[Watch]()

    def open_page(address: str, **settings: Any) -> "Page":
        context, page, watch = open_watched(browser, address, **settings)
        contexts.append(context)
        watches.append(watch)
        return page

    yield open_page
    for context in contexts:
        context.close()
    for watch in watches:
        watch.check()


@pytest.fixture
def shoot() -> "Callable[[Page, str], None]":
    """Takes a picture for the documentation, where HFSVC_IMAGES names a folder for them."""

    def shoot(page: "Page", name: str) -> None:
        if IMAGES:
            page.screenshot(path=Path(IMAGES) / f"{name}.png", animations="disabled", caret="hide")

    return shoot
