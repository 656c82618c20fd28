"""Lock files: written of what is on disk, and brought again, the same files byte for byte."""

from collections.abc import Iterable, Iterator

import msgspec

from hfsvc.errors import InvalidLock, LockMismatch, typed
from hfsvc.models import (
    LOCK_VERSION,
    DatasetRequest,
    DownloadedDataset,
    LockedDataset,
    LockedFile,
    LockFile,
    OnEvent,
)
from hfsvc.protocols import DatasetService

_decoder = msgspec.json.Decoder(LockFile)


def lock_of(datasets: Iterable[DownloadedDataset]) -> LockFile:
    """What makes up datasets that are on disk. Pure."""
    return LockFile(datasets={each.repo: _locked(each) for each in sorted(datasets, key=lambda each: each.repo)})


def _locked(dataset: DownloadedDataset) -> LockedDataset:
    files = {path: LockedFile(size=dataset.sizes[path], checksum=dataset.checksums[path]) for path in dataset.files}
    return LockedDataset(
        commit=dataset.commit,
        revision=dataset.revision,
        selection=dataset.selection,
        files=files,
        conversion=dataset.conversion,
    )


def encode_lock(lock: LockFile) -> bytes:
    """A lock file as it is written: JSON, sorted, a fact a line, so that changes of it can be read. Pure."""
    return msgspec.json.format(msgspec.json.encode(lock, order="deterministic"), indent=2) + b"\n"


def decode_lock(content: bytes, path: str) -> LockFile:
    """The lock file that some bytes are. Pure.

    Raises:
        InvalidLock: They are none, or one of another version.
    """
    try:
        lock = _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidLock(path=path, reason=str(error)) from None
    if lock.version != LOCK_VERSION:
        raise InvalidLock(path=path, reason=f"it is of version {lock.version}, and this hfsvc knows {LOCK_VERSION}")
    for repo, locked in lock.datasets.items():
        if not locked.selection:
            raise InvalidLock(path=path, reason=f"of {repo} it names no selection")
    return lock


async def download_locked(
    service: DatasetService, repo: str, locked: LockedDataset, *, on_event: OnEvent | None = None
) -> DownloadedDataset:
    """Bring exactly what is locked of a dataset. Where all of it is here, nothing is asked of the Hub but its commit.

    Args:
        service: Brings it.
        repo: The dataset.
        locked: What makes it up.
        on_event: As for `DatasetService.download`.

    Raises:
        LockMismatch: What is here now is not that: files differ, lack, or are too many.
        HfsvcError: What the service raises.
    """
    brought = [await service.download(each, on_event=on_event) for each in _requests(repo, locked)]
    dataset = brought[-1]
    if found := [*differences(locked, dataset)]:
        raise LockMismatch(repo=repo, differences=tuple(found))
    return dataset


def _requests(repo: str, locked: LockedDataset) -> list[DatasetRequest]:
    return [
        DatasetRequest(
            repo=typed(repo),
            revision=locked.commit,
            include=each.include,
            exclude=each.exclude,
            config=each.config,
            split=each.split,
            max_bytes=each.max_bytes,
            max_files=each.max_files,
            converted=locked.conversion or False,
        )
        for each in locked.selection
    ]


def differences(locked: LockedDataset, dataset: DownloadedDataset) -> Iterator[str]:
    """In what a dataset on disk is not the locked one, a sentence's end each. Pure."""
    if dataset.commit != locked.commit:
        yield f"it is at commit {dataset.commit[:12]}, and locked at {locked.commit[:12]}"
    for path, file in sorted(locked.files.items()):
        if path not in dataset.checksums:
            yield f"{path} is locked, and is not there"
        elif (dataset.checksums[path], dataset.sizes[path]) != (file.checksum, file.size):
            yield f"{path} is of another content"
    for path in sorted(set(dataset.files) - set(locked.files)):
        yield f"{path} is there, and is not locked"
