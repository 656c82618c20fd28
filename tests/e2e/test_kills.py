"""Killed before every single change of the disk: the next run goes on, and nothing is left over."""

import hashlib
import json
import os
import sys
from pathlib import Path

import anyio
import pytest

from hfsvc.testing import LocalHub

from .. import builders
from ..builders import REPO, KiB, noise, run_python

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")

NURSERY = """
import hashlib, json, shutil, signal, sys
from pathlib import Path
from tests.processes.nursery import run_in_child
from hfsvc.containers import open_container
from hfsvc.models import DatasetRequest
from hfsvc.settings import Settings

endpoint, base, work, known = sys.argv[1], Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
first, stride = int(sys.argv[5]), int(sys.argv[6])

def in_child(root, revision, die_at=None):
    async def run():
        settings = Settings(endpoint=endpoint, root=root, trust_env=False, chunk_bytes=512 << 10)
        async with open_container(settings) as container:
            service = container.datasets()
            if revision is None:
                await service.delete("acme/notes")
            else:
                await service.download(DatasetRequest(repo="acme/notes", include=("**",), revision=revision))

    return run_in_child(run, root, die_at=die_at, opens=True)

def files(root):
    folder = root / "acme" / "notes"
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*") if path.is_file()
    }

def check(step):
    root = base / str(step)
    if work != "download":
        shutil.copytree(base / "old", root)
    code = in_child(root, None if work == "delete" else "main", die_at=step)
    for path, digest in files(root).items():
        assert digest in known["either"][path], f"{path} is in place and wrong"
    assert in_child(root, "main") == 0
    assert files(root) == known["main"], "other files than the dataset's"
    left = [path for path in (root / ".hfsvc").rglob("*") if path.is_file() and "locks" not in path.parts]
    assert [path.parent.parent.name for path in left] == ["digests"], f"left over: {left}"
    return code

if work != "download":
    assert in_child(base / "old", "old") == 0
step = first
while True:
    try:
        code = check(step)
    except AssertionError as error:
        sys.exit(f"killed before change {step}: {error}")
    if code == 0:
        break
    assert code == -signal.SIGKILL, code
    shutil.rmtree(base / str(step))
    step += stride
print(step)
"""


def digests(files: dict[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


@pytest.mark.skipif(sys.platform == "win32", reason="kills processes")
@pytest.mark.parametrize(("work", "least"), [("download", 20), ("update", 20), ("delete", 5)])
async def test_a_run_killed_before_any_change_of_the_disk_is_resumed(
    local_hub: LocalHub, root: Path, tmp_path: Path, work: str, least: int
) -> None:
    old = {"big.parquet": noise(1100 * KiB, 1), "changed.txt": b"old", "gone/gone.parquet": noise(KiB, 2)}
    new = {"big.parquet": noise(1100 * KiB, 3), "changed.txt": b"new", "same.txt": b"same"}
    for path, content in old.items():
        target = tmp_path / "old" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    for path, content in new.items():
        local_hub.write(REPO, path, content)
    local_hub.add_revision(REPO, "old", tmp_path / "old")
    listed = [digests(old), digests(new)]
    either = {path: [each[path] for each in listed if path in each] for path in {*old, *new}}
    # The two transports share the work.
    first, stride = (0 if builders.TRANSPORT == "auto" else 1), 2
    known = json.dumps({"main": digests(new), "either": either})
    child = run_python(NURSERY, local_hub.endpoint, str(root), work, known, str(first), str(stride))
    out, words = await anyio.to_thread.run_sync(child.communicate)
    assert child.returncode == 0, words
    assert int(out) >= least, out
