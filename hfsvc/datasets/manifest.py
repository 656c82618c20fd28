"""The sha256 of every file of a dataset on disk, and lines of them as GNU coreutils write them."""

from hfsvc.disk import disk_errors
from hfsvc.errors import ChecksumMismatch
from hfsvc.files.checksum import checksum_file, kind_of
from hfsvc.models import DownloadedDataset
from hfsvc.store.safe_paths import inside


def manifest_of(dataset: DownloadedDataset) -> list[tuple[str, str]]:
    """The sha256 of each file, in byte order of paths. Blocks.

    What the Hub lists by sha256 was verified against it when it came, and is not read again.

    Raises:
        ChecksumMismatch: A file that has to be read is not what was recorded.
    """
    return [(path, _sha256(dataset, path)) for path in dataset.files]


def _sha256(dataset: DownloadedDataset, path: str) -> str:
    recorded = dataset.checksums[path]
    if kind_of(recorded) == "sha256":
        return recorded.partition(":")[2]
    file = inside(dataset.local_path, path)
    with disk_errors(file, verb="read"):
        actual = checksum_file(file, kind_of(recorded), on_block=lambda: None)
        digest = checksum_file(file, "sha256", on_block=lambda: None)
    if actual != recorded:
        raise ChecksumMismatch(repo=dataset.repo, path=path, expected=recorded, actual=actual)
    return digest.partition(":")[2]


def sum_line(path: str, digest: str) -> str:
    r"""A line of ``SHA256SUMS``, without its end; a name with a backslash or a line feed is escaped, as coreutils do. Pure."""
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == path else chr(92)}{digest}  {escaped}"
