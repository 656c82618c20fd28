from pathlib import Path

import pytest

from hfsvc.files.checksum import checksum_file, checksum_of
from tests.builders import git_sha1, noise, sha256


def nothing() -> None:
    return


@pytest.mark.parametrize("size", [0, 1, 5 << 20])
def test_a_file_has_the_hashes_that_git_and_lfs_give_it(tmp_path: Path, size: int) -> None:
    content = noise(size)
    (tmp_path / "file").write_bytes(content)
    for kind, expected in (("sha256", sha256(content)), ("git-sha1", git_sha1(content))):
        assert checksum_file(tmp_path / "file", kind, on_block=nothing) == checksum_of(kind, content) == expected


def test_an_empty_blob_has_gits_well_known_id() -> None:
    assert checksum_of("git-sha1", b"") == "git-sha1:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def test_hashing_can_be_stopped_between_blocks(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(noise(9 << 20))
    blocks: list[int] = []

    def stop_at_two() -> None:
        blocks.append(1)
        if len(blocks) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checksum_file(tmp_path / "file", "sha256", on_block=stop_at_two)
    assert len(blocks) == 2
