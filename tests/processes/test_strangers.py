"""Users without a home, folders of others, umasks and limits: told for what they are, or no obstacle at all."""

import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Status
from hfsvc.testing.samples import write_sample_hub

from ..builders import REPO, KiB, noise, run_python
from .strangers import (
    NOBODY,
    PROJECT,
    as_stranger,
    ends_without_working_folder,
    hand_over,
    needs_strangers,
    run_all_hfsvc,
    run_hfsvc,
)

pytestmark = needs_strangers
UNEXPECTED = "in a way it should not"


@pytest.fixture(scope="module")
def sample_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    folder = tmp_path_factory.mktemp("hub")
    write_sample_hub(folder, rows=20)
    with LocalHub(folder) as hub:
        yield hub


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder whose way is open to all; pytest closes its own whenever any run of it begins."""
    folder = Path(tempfile.mkdtemp(prefix="hfsvc-strangers-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def home(outside: Path) -> Path:
    """Where the stranger works."""
    return hand_over(outside / "work")


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


@pytest.mark.parametrize("root", [None, "data", "/whole"])
def test_nothing_needs_a_home(sample_hub: LocalHub, home: Path, root: str | None) -> None:
    place = [] if root is None else ["--root", str(home / "whole") if root.startswith("/") else root]
    commands = (
        "download openthoughts-sft",
        "list",
        "count",
        "sources",
        "stats",
        "verify openthoughts-sft",
        "show 0",
    )
    whole = [" ".join([command, *place]) for command in commands]
    run_all_hfsvc(whole, folder=home, HF_ENDPOINT=sample_hub.endpoint)
    code, said = run_hfsvc("doctor", *place, folder=home, HF_ENDPOINT=sample_hub.endpoint)
    assert (code, "writable" in said) == (0, True), said


def test_a_home_that_is_asked_for_and_not_there_is_told(home: Path) -> None:
    for arguments in (("list", "--root", "~/x"), ("list",)):
        env: Any = {} if len(arguments) > 1 else {"HFSVC_ROOT": "~/x"}
        code, said = run_hfsvc(*arguments, folder=home, **env)
        assert (code, "no home folder" in said) == (2, True), said


def test_a_home_that_cannot_be_written_is_no_obstacle(sample_hub: LocalHub, home: Path, outside: Path) -> None:
    locked = outside / "locked"
    locked.mkdir(mode=0o555)
    env: Any = {"HOME": str(locked), "HF_ENDPOINT": sample_hub.endpoint, "TMPDIR": str(outside / "missing")}
    assert run_hfsvc("download", "openthoughts-sft", folder=home, **env)[0] == 0
    assert run_hfsvc("demo", folder=home, **env)[0] == 0
    assert list(locked.iterdir()) == []


def test_a_working_folder_that_is_gone_is_told(home: Path) -> None:
    commands = ["list", "count", "sources", "doctor", "download acme/notes", "export openthoughts-sft --output x.jsonl"]
    env: Any = {"HF_ENDPOINT": "http://127.0.0.1:9", "HFSVC_GIVE_UP_AFTER_S": "0.1"}
    for command, ended in ends_without_working_folder(commands, folder=hand_over(home / "gone"), **env):
        assert UNEXPECTED not in ended.out, command
        assert "Traceback" not in ended.out, command
        assert (ended.code, "working folder" in ended.out) == (2, True), (command, ended)


def test_with_a_whole_root_only_relative_paths_need_the_working_folder(home: Path) -> None:
    paths = ["count ./runs.parquet", "count *.jsonl", "serve ./runs", "stats ./runs"]
    commands = [f"{each} --root {home / 'data'}" for each in ["list", *paths]]
    (_, listed), *told = ends_without_working_folder(commands, folder=hand_over(home / "gone"))
    assert listed.code == 0, listed
    for command, ended in told:
        assert (ended.code, "working folder cannot be found" in ended.out) == (2, True), (command, ended)


def test_an_output_is_told_where_the_working_folder_is_gone(home: Path) -> None:
    code = """
import os
from pathlib import Path
from hfsvc.errors import InvalidSettings
from hfsvc.export.atomic_output import whole_file
os.rmdir(os.getcwd())
try:
    with whole_file(Path("x.jsonl")):
        pass
except InvalidSettings as error:
    print(error)
"""
    done = as_stranger(["-P", "-c", code], hand_over(home / "gone"))
    assert "x.jsonl cannot be used: it is relative, and the working folder cannot be found" in done.stdout, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand out folders of another user")
def test_a_root_of_another_user_is_told(sample_hub: LocalHub, home: Path, outside: Path) -> None:
    other = outside / "other"
    other.mkdir(mode=0o755)
    code, said = run_hfsvc(
        "download", "openthoughts-sft", "--root", str(other), folder=home, HF_ENDPOINT=sample_hub.endpoint
    )
    assert (code, "Permission denied" in said, UNEXPECTED in said) == (7, True, False), said


@pytest.mark.skipif(os.geteuid() != 0, reason="nothing could be written before")
def test_a_store_that_cannot_be_written_is_read(sample_hub: LocalHub, home: Path, outside: Path) -> None:
    root = outside / "store"
    env = {**os.environ, "PYTHONPATH": str(PROJECT), "HF_ENDPOINT": sample_hub.endpoint}
    fetch = [sys.executable, "-m", "hfsvc", "download", "openthoughts-sft", "--root", str(root), "-q"]
    subprocess.run(fetch, env=env, cwd=outside, check=True, capture_output=True)
    shutil.rmtree(root / ".hfsvc" / "locks")
    commit = sample_hub.refresh("open-thoughts/OpenThoughts-Agent-v1-SFT")
    commands = (
        "verify openthoughts-sft",
        f"download openthoughts-sft --revision {commit}",
        "count",
        "stats",
        "show 0",
    )
    whole = [f"{command} --root {root}" for command in commands]
    run_all_hfsvc(whole, folder=home, HF_ENDPOINT=sample_hub.endpoint)
    code, said = run_hfsvc("verify", "openthoughts-sft", "--repair", "--root", str(root), folder=home)
    assert (code, "cannot be written" in said) == (7, True), said


@pytest.mark.parametrize(("umask", "expected"), [(0o077, "0o600"), (0o002, "0o664"), (0o022, "0o644")])
def test_the_umask_says_who_may_read_and_write(local_hub: LocalHub, home: Path, umask: int, expected: str) -> None:
    local_hub.write(REPO, "large.bin", noise(3000 * KiB))
    local_hub.write(REPO, "small.bin", b"small")
    code, said = run_hfsvc(
        *("download", REPO, "--include", "**", "--root", "data"),
        folder=home,
        umask=umask,
        HF_ENDPOINT=local_hub.endpoint,
    )
    assert code == 0, said
    files = [path for path in (home / "data").rglob("*") if path.is_file()]
    assert len(files) > 4
    assert {path.name: mode(path) for path in files} == {path.name: expected for path in files}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_one_of_a_group_resumes_what_another_left(local_hub: LocalHub, home: Path) -> None:
    home.chmod(0o2775)
    local_hub.write(REPO, "large.bin", noise(4000 * KiB))
    local_hub.fault(Status(500), server="cdn", skip=2)
    env: Any = {"HF_ENDPOINT": local_hub.endpoint, "HFSVC_GIVE_UP_AFTER_S": "0.5", "HFSVC_CHUNK_BYTES": str(1000 * KiB)}
    command = ("download", REPO, "--include", "**", "--root", "data")
    assert run_hfsvc(*command, folder=home, umask=0o002, **env)[0] == 5
    local_hub.clear_faults()
    local_hub.reset()
    code, said = run_hfsvc(*command, folder=home, umask=0o002, user=NOBODY + 1, **env)
    assert code == 0, said
    assert local_hub.bytes_sent() < 3900 * KiB


@pytest.mark.parametrize("limit", [20, 24, 30])
def test_few_file_descriptors_are_told_as_that(local_hub: LocalHub, tmp_path: Path, limit: int) -> None:
    for number in range(40):
        local_hub.write(REPO, f"{number}.bin", noise(20 * KiB, number))
    code = (
        "import resource, sys\n"
        "from hfsvc.cli.main import run\n"
        "import hfsvc; hfsvc.preload()\n"
        "import asyncio, socket, encodings.idna, httpcore, hfsvc.cli.download, hfsvc.cli.run\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[1])))\n"
        "sys.argv[:2] = ['hfsvc']\n"
        "run()"
    )
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > limit
    arguments = (str(limit), "download", REPO, "--include", "**", "--root", str(tmp_path / "data"))
    env = {"HF_ENDPOINT": local_hub.endpoint, "HFSVC_TRANSPORT": "httpx", "HFSVC_GIVE_UP_AFTER_S": "2"}
    child = run_python(code, *arguments, env=env)
    out, said = child.communicate(timeout=55)
    assert UNEXPECTED not in said, out + said
    assert child.returncode in {0, 7}, said
    assert child.returncode == 0 or "too many files and connections are open" in said, said
