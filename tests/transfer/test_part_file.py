from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from hfsvc.models import ByteRange
from hfsvc.transfer.journal import Extent, Header, digest_of, read_journal
from hfsvc.transfer.part_file import PartFile
from hfsvc.transfer.part_paths import PartPaths, adopt_whole, content_name, kept_ranges, part_name, salvage
from hfsvc.transfer.recent_blocks import FileBlock
from tests.builders import COMMIT, MiB, git_sha1, noise, sha256

CONTENT = noise(2 * MiB)


def nothing() -> None:
    return


@pytest.fixture
def paths(tmp_path: Path) -> PartPaths:
    for name in ("parts", "digests"):
        (tmp_path / name).mkdir()
    return PartPaths(tmp_path / "parts", tmp_path / "digests", "name")


def open_part(paths: PartPaths, checksum: str = sha256(CONTENT)) -> PartFile:
    return PartFile(paths, len(CONTENT), checksum, nothing)


def write(part: PartFile, start: int, stop: int) -> None:
    part.kept.add(part.write(start, [CONTENT[start:stop]]))


def test_a_part_resumes_with_what_was_written(paths: PartPaths) -> None:
    part = open_part(paths)
    write(part, 0, 1000)
    write(part, MiB, MiB + 5)
    part.close()
    again = open_part(paths)
    assert list(again.kept) == [ByteRange(start=0, stop=1000), ByteRange(start=MiB, stop=MiB + 5)]
    assert kept_ranges(paths, len(CONTENT)).total == 1005
    again.close()


def test_data_that_did_not_survive_is_not_counted(paths: PartPaths) -> None:
    part = open_part(paths)
    write(part, 0, 1000)
    write(part, 1000, 2000)
    part.close()
    with paths.part.open("r+b") as file:
        file.seek(500)
        file.write(bytes(10))
    again = open_part(paths)
    assert list(again.kept) == [ByteRange(start=1000, stop=2000)]
    again.close()


def test_ranges_that_are_forgotten_leave_the_others_there(paths: PartPaths) -> None:
    part = open_part(paths)
    for start in range(0, 5000, 1000):
        write(part, start, start + 1000)
    part.hash([FileBlock(0, 5000, None)])
    part.forget([ByteRange(start=1500, stop=2000), ByteRange(start=3000, stop=3001)])
    left = [ByteRange(start=0, stop=1000), ByteRange(start=2000, stop=3000), ByteRange(start=4000, stop=5000)]
    assert (list(part.kept), part.hashed) == (left, 0)
    part.close()
    assert list(kept_ranges(paths, len(CONTENT))) == left


def part_of(paths: PartPaths) -> Path:
    return paths.part


def journal_of(paths: PartPaths) -> Path:
    return paths.journal


@pytest.mark.parametrize("lost", [part_of, journal_of])
def test_a_part_without_its_other_half_begins_anew(paths: PartPaths, lost: Callable[[PartPaths], Path]) -> None:
    part = open_part(paths)
    write(part, 0, 1000)
    part.close()
    lost(paths).unlink()
    again = open_part(paths)
    assert again.kept.total == 0
    again.close()


@pytest.mark.parametrize("checksum", [sha256(CONTENT), git_sha1(CONTENT)])
def test_a_complete_part_becomes_a_whole_file(paths: PartPaths, checksum: str) -> None:
    part = open_part(paths, checksum)
    for start in (MiB, 0):
        write(part, start, start + MiB)
        part.hash([FileBlock(part.hashed, part.kept.prefix, None)])
    assert part.finish() == checksum
    assert paths.whole.read_bytes() == CONTENT
    assert list(paths.folder.iterdir()) == [paths.whole]


def test_a_part_that_is_wrong_stays_a_part(paths: PartPaths) -> None:
    part = open_part(paths, sha256(b"other"))
    write(part, 0, 2 * MiB)
    assert part.finish() == sha256(CONTENT)
    assert not paths.whole.exists()
    part.close()


def test_a_part_that_was_reset_has_nothing_and_hashes_anew(paths: PartPaths) -> None:
    part = open_part(paths)
    part.write(0, [bytes(2 * MiB)])
    part.hash([FileBlock(0, 2 * MiB, None)])
    part.forget([ByteRange(start=0, stop=len(CONTENT))])
    assert part.kept.total == 0
    write(part, 0, 2 * MiB)
    assert part.finish() == sha256(CONTENT)


def test_hashing_ahead_of_a_part_that_lost_its_end_does_not_hang(paths: PartPaths) -> None:
    part = open_part(paths)
    write(part, 0, 2 * MiB)
    paths.part.write_bytes(b"short")
    with pytest.raises(OSError, match="ends"):
        part.hash([FileBlock(0, 2 * MiB, None)])
    part.close()


def test_the_digest_is_of_the_data_as_written(paths: PartPaths) -> None:
    part = open_part(paths)
    part.write(10, [CONTENT[10:20], CONTENT[20:50]])
    part.close()
    header = Header(identity="name", size=len(CONTENT))
    assert read_journal(paths.journal.read_bytes(), header) == [Extent(10, 50, digest_of([CONTENT[10:50]]))]


@pytest.mark.parametrize("content", [b"", b"x", CONTENT], ids=["empty", "small", "large"])
def test_a_whole_file_of_an_earlier_run_is_adopted_only_while_it_is_right(paths: PartPaths, content: bytes) -> None:
    assert adopt_whole(paths, sha256(content), nothing) is None
    paths.whole.write_bytes(content)
    assert adopt_whole(paths, sha256(content), nothing) == paths.whole
    paths.whole.write_bytes(content + b"!")
    assert adopt_whole(paths, sha256(content), nothing) is None
    assert not paths.whole.exists()


@pytest.mark.parametrize("masked", [False, True])
def test_what_is_right_of_a_damaged_file_is_salvaged(paths: PartPaths, tmp_path: Path, masked: bool) -> None:
    by_place, paths = paths, paths._replace(name=content_name(sha256(CONTENT)))
    part = open_part(by_place if masked else paths)
    write(part, 0, MiB)
    write(part, MiB, 2 * MiB)
    part.finish()
    damaged = tmp_path / "damaged"
    damaged.write_bytes(CONTENT[:-1] + b"!")
    salvage(paths, damaged)
    again = open_part(paths)
    assert list(again.kept) == [ByteRange(start=0, stop=MiB)]
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
    paths: PartPaths, kill_at: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = open_part(paths)
    write(part, 0, MiB)
    part.close()
    kill_at(0)
    with pytest.raises(Killed):
        open_part(paths)
    monkeypatch.undo()
    assert kept_ranges(paths, len(CONTENT)).total == MiB


@pytest.mark.parametrize("renames", [0, 1])
@pytest.mark.parametrize("name", ["name", "sha256"])
def test_a_process_killed_while_it_finishes_a_part_loses_nothing_of_it(
    paths: PartPaths, kill_at: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, renames: int, name: str
) -> None:
    paths = paths._replace(name=content_name(sha256(CONTENT)) if name == "sha256" else name)
    part = open_part(paths)
    write(part, 0, MiB)
    write(part, MiB, 2 * MiB)
    kill_at(renames)
    with suppress(Killed):
        part.finish()
    part.close()
    monkeypatch.undo()
    assert kept_ranges(paths, len(CONTENT)).total == len(CONTENT)
    if adopt_whole(paths, sha256(CONTENT), nothing) is None:
        open_part(paths).finish()
    assert [path.name for path in paths.folder.iterdir()] == [paths.whole.name]
    kept = paths._replace(name=content_name(sha256(CONTENT)), folder=paths.digests_folder)
    assert sum(extent.span.length for extent in kept.read_journal(len(CONTENT))) == len(CONTENT)


def test_nothing_is_salvaged_of_a_file_without_digests_or_that_is_gone(paths: PartPaths, tmp_path: Path) -> None:
    (tmp_path / "damaged").write_bytes(CONTENT)
    salvage(paths, tmp_path / "damaged")
    paths.digests.write_bytes(b"")
    salvage(paths, tmp_path / "gone")
    assert list(paths.folder.iterdir()) == []


def test_parts_are_named_by_content_and_else_by_place() -> None:
    assert part_name("a/b", COMMIT, "x", "sha256:00") == part_name("c/d", "f" * 40, "y", "sha256:00")
    names = {part_name(repo, commit, path, None) for repo in ("a/b", "c/d") for commit in "01" for path in "xy"}
    assert len(names) == 8
    assert all("/" not in name for name in names)
