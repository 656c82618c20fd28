"""A file or folder is whole under its final name or not there, whatever ends the process or fills the disk."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from hfsvc.errors import NoSpace
from hfsvc.export import ExportRequest, export_trajectories
from hfsvc.export.atomic_output import whole_file, whole_folder
from hfsvc.export.formats import Format
from hfsvc.testing import FakeTrajectorySource

from ..builders import files_below, noise, run_python
from .documents import talk

MiB = 1 << 20
# No compression makes it small.
NOISY = [talk(0, answer=noise(300_000).hex())]
LONG = [talk(number, answer="x" * MiB) for number in range(8)]


def test_a_file_appears_with_all_its_content(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with whole_file(path) as file:
        file.write(b"all of it")
        assert not path.exists()
    assert files_below(tmp_path) == {"new/a.txt": b"all of it"}


def test_a_folder_appears_with_all_its_files(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "a") as folder:
        (folder / "b").mkdir()
        (folder / "b" / "c").write_bytes(b"1")
        assert not (tmp_path / "a").exists()
    assert files_below(tmp_path) == {"a/b/c": b"1"}


def test_nothing_is_left_of_what_failed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"as it was")

    def fill_file() -> None:
        with whole_file(tmp_path / "a") as file:
            file.write(b"half")
            raise LookupError

    def fill_folder() -> None:
        with whole_folder(tmp_path / "b") as folder:
            (folder / "c").write_bytes(b"half")
            raise LookupError

    for fill in (fill_file, fill_folder):
        with pytest.raises(LookupError):
            fill()
    assert files_below(tmp_path) == {"a": b"as it was"}


def test_who_comes_first_is_not_disturbed_by_another_one_at_the_same_name(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a") as first:
        first.write(b"first")
        with whole_file(tmp_path / "a") as second:
            second.write(b"second")
        assert (tmp_path / "a").read_bytes() == b"second"
    assert files_below(tmp_path) == {"a": b"first"}


def test_names_are_taken_literally(tmp_path: Path) -> None:
    other = tmp_path / ".ab.0.part"
    other.write_bytes(b"of another name")
    with whole_file(tmp_path / "a[b]*?"):
        pass
    assert other.exists()


# ---- killed ---------------------------------------------------------------------------------------------------------

KILLED = """
import asyncio, sys
from pathlib import Path
from hfsvc.export import ExportRequest, export_trajectories
from hfsvc.export import pump as exporting
from hfsvc.testing import FakeTrajectorySource
from tests.export.documents import talk

exporting.CHUNK_BYTES = 1

started = asyncio.Event()

class Waiting(FakeTrajectorySource):
    async def stream_rows(self, **where):
        async for row in super().stream_rows(**where):
            yield row
            if row.row == 4:
                await started.wait()
                print("written", flush=True)
                await asyncio.sleep(3600)

source = Waiting([talk(number) for number in range(10)])
request = ExportRequest(path=Path(sys.argv[1]), format=sys.argv[2])
asyncio.run(export_trajectories(source, request, on_event=lambda _: started.set()))
"""


@pytest.mark.parametrize(
    ("name", "format"), [("a.jsonl", "jsonl"), ("a.parquet", "parquet"), ("a", "sts"), ("a", "atif-dir")]
)
async def test_a_killed_process_leaves_nothing_under_the_name_and_the_next_one_clears_up(
    tmp_path: Path, name: str, format: Format
) -> None:
    path = tmp_path / name
    with run_python(KILLED, str(path), format) as child:
        assert child.stdout
        assert child.stdout.readline() == "written\n", child.communicate()[1]
        child.kill()
    place = path / "trajectories" if format == "atif-dir" else path
    assert not place.exists()
    assert [each.name for each in place.parent.iterdir() if each.name.endswith(".part")]
    await export_trajectories(FakeTrajectorySource([talk(0)]), ExportRequest(path=path, format=format))
    assert place.exists()
    assert [each for each in place.parent.iterdir() if each.name.endswith(".part")] == []


# ---- no room --------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "mounted"
    folder.mkdir()
    try:
        command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("cannot mount a tmpfs here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.jsonl", "jsonl"),
        ("a.parquet", "parquet"),
        ("a.parquet", "steps"),
        ("a", "sts"),
        ("a", "atif-dir"),
    ],
)
async def test_a_full_disk_is_told_with_the_path_and_nothing_is_left(
    small_disk: Path, name: str, format: Format
) -> None:
    (small_disk / "filler").write_bytes(bytes(4 * MiB - 64 * 1024))
    with pytest.raises(NoSpace) as caught:
        await export_trajectories(FakeTrajectorySource(NOISY), ExportRequest(path=small_disk / name, format=format))
    assert str(small_disk / name) in str(caught.value)
    assert files_below(small_disk).keys() == {"filler"}


LIMITED = """
import asyncio, resource, sys
from pathlib import Path
from hfsvc.errors import HfsvcError
from hfsvc.export import ExportRequest, export_trajectories
from hfsvc.testing import FakeTrajectorySource
from tests.export.test_whole import LONG

resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    asyncio.run(export_trajectories(FakeTrajectorySource(LONG), ExportRequest(path=Path(sys.argv[1]))))
except HfsvcError as error:
    print(error.code)
"""


async def test_a_file_larger_than_the_system_allows_is_told_and_not_left(tmp_path: Path) -> None:
    child = run_python(LIMITED, str(tmp_path / "a.jsonl"))
    out, words = await anyio.to_thread.run_sync(child.communicate)
    assert out == "store_not_writable\n", words
    assert not files_below(tmp_path)
