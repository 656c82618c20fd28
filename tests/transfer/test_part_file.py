import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from hfsvc.models import ByteRange
from hfsvc.transfer.file_transfer import WRITE_PIECES
from hfsvc.transfer.journal import Extent, Header, digest_of, read_journal
from hfsvc.transfer.part_file import DiskPart, MemoryPart, open_part
from hfsvc.transfer.part_paths import Places, adopt_whole, content_name, kept_bytes, part_name, salvage
from tests.builders import COMMIT, MiB, git_sha1, noise, sha256

CONTENT = noise(2 * MiB)


def nothing() -> None:
    return


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("parts", "digests"):
        (tmp_path / name).mkdir()
    return Places(tmp_path / "parts", tmp_path / "digests", "name")


def open_disk_part(places: Places, checksum: str = sha256(CONTENT)) -> DiskPart:
    part = open_part(places, len(CONTENT), checksum, nothing)
    assert isinstance(part, DiskPart)
    return part


def write(part: DiskPart, start: int, stop: int) -> None:
    part.landed.add(part.write(start, [CONTENT[start:stop]]))


def test_a_part_remembers_what_landed(places: Places) -> None:
    part = open_disk_part(places)
    write(part, 0, 1000)
    write(part, MiB, MiB + 5)
    part.close()
    again = open_disk_part(places)
    assert list(again.landed) == [ByteRange(start=0, stop=1000), ByteRange(start=MiB, stop=MiB + 5)]
    assert kept_bytes(places, len(CONTENT)) == 1005
    again.close()


def test_data_that_did_not_survive_is_not_counted(places: Places) -> None:
    part = open_disk_part(places)
    write(part, 0, 1000)
    write(part, 1000, 2000)
    part.close()
    with places.part.open("r+b") as file:
        file.seek(500)
        file.write(bytes(10))
    again = open_disk_part(places)
    assert list(again.landed) == [ByteRange(start=1000, stop=2000)]
    again.close()


def part_of(places: Places) -> Path:
    return places.part


def journal_of(places: Places) -> Path:
    return places.journal


@pytest.mark.parametrize("lost", [part_of, journal_of])
def test_a_part_without_its_other_half_begins_anew(places: Places, lost: Callable[[Places], Path]) -> None:
    part = open_disk_part(places)
    write(part, 0, 1000)
    part.close()
    lost(places).unlink()
    again = open_disk_part(places)
    assert again.landed.total == 0
    again.close()


@pytest.mark.parametrize("checksum", [sha256(CONTENT), git_sha1(CONTENT)])
def test_a_complete_part_becomes_a_whole_file(places: Places, checksum: str) -> None:
    part = open_disk_part(places, checksum)
    for start in (MiB, 0):
        write(part, start, start + MiB)
        part.advance(part.landed.prefix)
    assert part.finish() == (checksum, places.whole)
    assert places.whole.read_bytes() == CONTENT
    assert list(places.folder.iterdir()) == [places.whole]


def test_a_part_that_is_wrong_stays_a_part(places: Places) -> None:
    part = open_disk_part(places, sha256(b"other"))
    write(part, 0, 2 * MiB)
    assert part.finish() == (sha256(CONTENT), None)
    assert not places.whole.exists()
    part.close()


def test_a_part_that_was_reset_has_nothing_and_hashes_anew(places: Places) -> None:
    part = open_disk_part(places)
    part.write(0, [bytes(2 * MiB)])
    part.advance(2 * MiB)
    part.reset()
    assert part.landed.total == 0
    write(part, 0, 2 * MiB)
    assert part.finish() == (sha256(CONTENT), places.whole)


def test_hashing_ahead_of_a_part_that_lost_its_end_does_not_hang(places: Places) -> None:
    part = open_disk_part(places)
    write(part, 0, 2 * MiB)
    places.part.write_bytes(b"short")
    with pytest.raises(OSError, match="ends"):
        part.advance(2 * MiB)
    part.close()


def test_the_digest_is_of_the_data_as_written(places: Places) -> None:
    part = open_disk_part(places)
    part.write(10, [CONTENT[10:20], CONTENT[20:50]])
    part.close()
    header = Header(identity="name", size=len(CONTENT))
    assert read_journal(places.journal.read_bytes(), header) == [Extent(10, 50, digest_of([CONTENT[10:50]]))]


def test_a_small_part_gathers_in_memory_and_in_any_order(places: Places) -> None:
    part = open_part(places, 5, sha256(b"abcde"), nothing)
    assert isinstance(part, MemoryPart)
    for start, data in ((3, [b"d", b"e"]), (0, [b"abc"])):
        part.landed.add(part.write(start, data))
    assert list(places.folder.iterdir()) == []
    assert part.finish() == (sha256(b"abcde"), places.whole)


def test_a_small_part_that_is_wrong_is_not_written(places: Places) -> None:
    part = open_part(places, 5, sha256(b"abcde"), nothing)
    part.write(0, [b"abcdE"])
    assert part.finish()[1] is None
    assert list(places.folder.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"x", CONTENT], ids=["empty", "small", "large"])
def test_a_whole_file_of_an_earlier_run_is_adopted_only_while_it_is_right(places: Places, content: bytes) -> None:
    assert adopt_whole(places, sha256(content), nothing) is None
    places.whole.write_bytes(content)
    assert adopt_whole(places, sha256(content), nothing) == places.whole
    places.whole.write_bytes(content + b"!")
    assert adopt_whole(places, sha256(content), nothing) is None
    assert not places.whole.exists()


@pytest.mark.parametrize("masked", [False, True])
def test_what_is_right_of_a_damaged_file_is_salvaged(places: Places, tmp_path: Path, masked: bool) -> None:
    by_place, places = places, places._replace(name=content_name(sha256(CONTENT)))
    part = open_disk_part(by_place if masked else places)
    write(part, 0, MiB)
    write(part, MiB, 2 * MiB)
    part.finish()
    damaged = tmp_path / "damaged"
    damaged.write_bytes(CONTENT[:-1] + b"!")
    salvage(places, damaged)
    again = open_disk_part(places)
    assert list(again.landed) == [ByteRange(start=0, stop=MiB)]
    again.close()
    assert damaged.read_bytes() == CONTENT[:-1] + b"!"


class Killed(BaseException):
    """Stands for the end of the process: nothing after it runs but what unwinds."""


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Die instead of the n-th rename from now on."""

    def arm(number: int) -> None:
        left = [number]
        real = Path.replace

        def replace(path: Path, target: Path) -> Path:
            if not left[0]:
                raise Killed
            left[0] -= 1
            return real(path, target)

        monkeypatch.setattr(Path, "replace", replace)

    return arm


def test_a_process_killed_while_it_opens_a_part_loses_nothing_of_it(
    places: Places, kill_at: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = open_disk_part(places)
    write(part, 0, MiB)
    part.close()
    kill_at(0)
    with pytest.raises(Killed):
        open_disk_part(places)
    monkeypatch.undo()
    assert kept_bytes(places, len(CONTENT)) == MiB


@pytest.mark.parametrize("renames", [0, 1])
@pytest.mark.parametrize("name", ["name", "sha256"])
def test_a_process_killed_while_it_finishes_a_part_loses_nothing_of_it(
    places: Places, kill_at: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, renames: int, name: str
) -> None:
    places = places._replace(name=content_name(sha256(CONTENT)) if name == "sha256" else name)
    part = open_disk_part(places)
    write(part, 0, MiB)
    write(part, MiB, 2 * MiB)
    kill_at(renames)
    with suppress(Killed):
        part.finish()
    part.close()
    monkeypatch.undo()
    assert kept_bytes(places, len(CONTENT)) == len(CONTENT)
    if adopt_whole(places, sha256(CONTENT), nothing) is None:
        open_disk_part(places).finish()
    assert [path.name for path in places.folder.iterdir()] == [places.whole.name]
    kept = places._replace(name=content_name(sha256(CONTENT)), folder=places.digests_folder)
    assert sum(extent.span.length for extent in kept.read_journal(len(CONTENT))) == len(CONTENT)


def test_nothing_is_salvaged_of_a_file_without_digests_or_that_is_gone(places: Places, tmp_path: Path) -> None:
    (tmp_path / "damaged").write_bytes(CONTENT)
    salvage(places, tmp_path / "damaged")
    places.digests.write_bytes(b"")
    salvage(places, tmp_path / "gone")
    assert list(places.folder.iterdir()) == []


def test_parts_are_named_by_content_and_else_by_place() -> None:
    assert part_name("a/b", COMMIT, "x", "sha256:00") == part_name("c/d", "f" * 40, "y", "sha256:00")
    names = {part_name(repo, commit, path, None) for repo in ("a/b", "c/d") for commit in "01" for path in "xy"}
    assert len(names) == 8
    assert all("/" not in name for name in names)


def test_a_write_of_more_pieces_than_the_system_takes_at_once_is_cut_before() -> None:
    assert os.sysconf("SC_IOV_MAX") > WRITE_PIECES
