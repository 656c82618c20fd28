"""The loopback Hub must be good enough for the Hub's own clients, run as their users run them."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.samples import SAMPLE_FILE, SAMPLE_REPO, write_sample_hub

PYTHON = os.environ.get("HFSVC_PEERS_PYTHON", "")
ROWS = 300
pytestmark = pytest.mark.skipif(
    not PYTHON, reason="HFSVC_PEERS_PYTHON names no Python with huggingface_hub, hf_xet and datasets"
)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    repo = write_sample_hub(tmp_path / "hub", rows=ROWS)
    with LocalHub(tmp_path / "hub", page_size=2, tokens={"hf_good": ("*",)}) as hub:
        hub.write(repo, "notes/a b.txt", b"blank\n")
        hub.write(repo, "notes/empty.txt", b"")
        yield hub


def run(hub: LocalHub, home: Path, *arguments: str, token: str | None = None) -> subprocess.CompletedProcess[str]:
    """A peer's command with the hub as its endpoint and a cache of its own."""
    settings = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "PYTHON"))}
    secret = {"HF_TOKEN": token} if token else {}
    command = [PYTHON, *arguments]
    return subprocess.run(
        command, env=inherited | settings | secret, capture_output=True, text=True, check=False, timeout=100
    )


def download(hub: LocalHub, home: Path, repo: str, *options: str, token: str | None = None) -> Path:
    target = home / "files"
    cli = ("-m", "huggingface_hub.cli.hf", "download", "--repo-type", "dataset", repo, "--local-dir", str(target))
    done = run(hub, home, *cli, *options, token=token)
    assert done.returncode == 0, done.stderr
    return target


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_hf_downloads_a_whole_dataset(hub: LocalHub, tmp_path: Path) -> None:
    assert contents(download(hub, tmp_path, SAMPLE_REPO)) == contents(hub.folder / SAMPLE_REPO)
    assert hub.count(server="cdn") == 1
    assert not [record for record in hub.find(server="cdn") if "authorization" in record.headers]


def test_hf_downloads_a_private_dataset_under_an_old_name(hub: LocalHub, tmp_path: Path) -> None:
    hub.rename(SAMPLE_REPO, "open-thoughts/renamed")
    hub.configure("open-thoughts/renamed", private=True)
    files = download(hub, tmp_path, SAMPLE_REPO, "--include", "*.parquet", token="hf_good")
    assert [*contents(files)] == [SAMPLE_FILE]
    assert all("authorization" in record.headers for record in hub.find(server="hub", path="*/datasets/*"))
    assert not [record for record in hub.find(server="cdn") if "authorization" in record.headers]


def test_hf_names_the_error(hub: LocalHub, tmp_path: Path) -> None:
    hub.configure(SAMPLE_REPO, gated="auto")
    code = (
        "import json, huggingface_hub as h\n"
        "def name(**k):\n"
        "    try: h.hf_hub_download(repo_type='dataset', **k)\n"
        "    except Exception as e: return type(e).__name__\n"
        f"repo, file = {SAMPLE_REPO!r}, {SAMPLE_FILE!r}\n"
        "print(json.dumps([name(repo_id=repo, filename=file), name(repo_id='a/b', filename='c', token='hf_good'),\n"
        "  name(repo_id=repo, filename='README.md', revision='v9'), name(repo_id=repo, filename='README.md')]))"
    )
    done = run(hub, tmp_path, "-c", code)
    assert json.loads(done.stdout) == ["GatedRepoError", "RepositoryNotFoundError", "RevisionNotFoundError", None]


def test_datasets_streams_rows(hub: LocalHub, tmp_path: Path) -> None:
    code = (
        "import json, datasets\n"
        f"rows = datasets.load_dataset({SAMPLE_REPO!r}, split='train', streaming=True)\n"
        "print(json.dumps([len({row['trial_name'] for row in rows}), rows.column_names]))"
    )
    done = run(hub, tmp_path, "-c", code)
    assert done.returncode == 0, done.stderr
    count, columns = json.loads(done.stdout)
    assert count == ROWS
    assert columns[0] == "conversations"
