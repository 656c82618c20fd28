"""The plan of a download, made from the listing, the index and what lies on disk. Pure."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from hfsvc.datasets.globs import leaving_out
from hfsvc.errors import BadListing, NoSpace, UnsafePath
from hfsvc.models import Delta, DownloadPlan, LeftFiles, PlannedFile, RemoteDataset, RemoteFile
from hfsvc.store.inventory import Inventory
from hfsvc.store.safe_paths import find_unportable, refusal
from hfsvc.transfer.ranges import RangeSet

MOST_EXCLUDES = 20


def make_plan(
    dataset: RemoteDataset,
    files: Sequence[RemoteFile],
    inventory: Inventory,
    *,
    recorded: Sequence[str] = (),
    requests_left: int | None = None,
    left: LeftFiles | None = None,
) -> DownloadPlan:
    """The plan for the selected `files`.

    Args:
        dataset: At its commit.
        files: Selected, in order.
        inventory: What is here.
        recorded: Paths that the index names now; those that are not selected any more go.
        requests_left: From the Hub's rate limit.
        left: What limits leave of what was asked for.
    """
    first_path: dict[str, str] = {}
    planned = [_planned(file, inventory, first_path) for file in files]
    to_fetch = [file for file in planned if file.to_fetch]
    kept = sum(file.kept_bytes for file in to_fetch)
    return DownloadPlan(
        repo=dataset.repo,
        revision=dataset.revision,
        commit=dataset.commit,
        files=tuple(planned),
        removed=tuple(sorted(set(recorded) - {file.path for file in files})),
        total_bytes=sum(file.size for file in planned),
        present_bytes=sum(file.size for file in planned if file.present),
        kept_bytes=kept,
        fetch_bytes=sum(file.size for file in to_fetch) - kept,
        free_bytes=inventory.free_bytes,
        hub_requests=sum(_requests(file) for file in to_fetch),
        hub_requests_left=requests_left,
        unportable=find_unportable(file.path for file in files if not refusal(file.path)),
        conversion=dataset.conversion,
        left=left,
    )


def _planned(file: RemoteFile, inventory: Inventory, first_path: dict[str, str]) -> PlannedFile:
    present = file.path in inventory.present
    copy_of = None if present or file.fault else inventory.copies.get(file.path) or first_path.get(file.checksum or "")
    if file.checksum and not copy_of and not file.fault:
        first_path.setdefault(file.checksum, file.path)
    kept = 0 if present or copy_of else _kept_bytes(file, inventory)
    return PlannedFile(
        path=file.path,
        size=file.size,
        checksum=file.checksum,
        present=present,
        copy_of=copy_of,
        kept_bytes=kept,
        fault=file.fault,
        xet_hash=file.xet_hash,
    )


def _kept_bytes(file: RemoteFile, inventory: Inventory) -> int:
    return inventory.kept[file.path].total if file.path in inventory.kept else 0


def _requests(file: PlannedFile) -> int:
    # A git blob is answered by the Hub itself, after a redirect; LFS content lies elsewhere; nothing is asked for nothing.
    if not file.size:
        return 0
    return 1 if (file.checksum or "").startswith("sha256:") else 2


def marking_refused(file: RemoteFile) -> RemoteFile:
    """The file itself, or, where its path may not become one below the dataset's folder, with that as its fault."""
    reason = refusal(file.path)
    return msgspec.structs.replace(file, fault=f"its path is refused: {reason}") if reason else file


def check_files(repo: str, files: Sequence[PlannedFile]) -> None:
    """Raise where a download fails at any of these files.

    Raises:
        UnsafePath: As `check_paths`.
        BadListing: The listing lacks something.
    """
    check_paths(files)
    for file in files:
        if file.fault:
            raise BadListing(repo=repo, path=file.path, reason=file.fault)


def check_paths(files: Sequence[PlannedFile]) -> None:
    """Raise where paths may not become files below a dataset's folder.

    Raises:
        UnsafePath: The first of them, with all of them in the hint.
    """
    refused = [(file.path, reason) for file in files if (reason := refusal(file.path))]
    if refused:
        (path, reason), others = refused[0], len(refused) - 1
        also = f" (and {others} more)" if others else ""
        raise UnsafePath(path=path, reason=reason + also, hint=_leave_out([path for path, _ in refused]))


@contextmanager
def saying_how_to_leave_out(repo: str) -> Iterator[None]:
    """Add to the refusal of a path how the rest comes without it."""
    try:
        yield
    except UnsafePath as error:
        path = error.path.removeprefix(f"{repo}/")
        if path and not error.hint:
            error.hint = _leave_out([path])
        raise


def _leave_out(paths: Sequence[str]) -> str:
    patterns = dict.fromkeys(f"--exclude {shlex.quote(leaving_out(path))}" for path in paths[:MOST_EXCLUDES])
    return f"Leave {'it' if len(paths) == 1 else 'them'} out with {' '.join(patterns)}."


def with_deltas(plan: DownloadPlan, deltas: Mapping[str, Delta | str], inventory: Inventory) -> DownloadPlan:
    """The plan with what versions on disk have of its files.

    Args:
        plan: As `make_plan` makes it.
        deltas: By path: what is copied, or why nothing is.
        inventory: That the plan was made from.
    """
    files = [_with_delta(file, deltas.get(file.path), inventory.kept.get(file.path)) for file in plan.files]
    copied = sum(file.copied_bytes for file in files)
    return msgspec.structs.replace(plan, files=tuple(files), copied_bytes=copied, fetch_bytes=plan.fetch_bytes - copied)


def _with_delta(file: PlannedFile, delta: Delta | str | None, kept: RangeSet | None) -> PlannedFile:
    if delta is None:
        return file
    if isinstance(delta, str):
        return msgspec.structs.replace(file, whole_because=delta)
    here = RangeSet(kept or ())
    before = here.total
    for each in delta.copies:
        here.add(each)
    return msgspec.structs.replace(file, delta=delta, copied_bytes=here.total - before)


def check_room(plan: DownloadPlan, path: str) -> None:
    """Raise where the disk cannot hold what the plan adds.

    Raises:
        NoSpace: With the numbers.
    """
    copied = sum(file.size for file in plan.files if file.copy_of)
    needed = plan.fetch_bytes + plan.copied_bytes + copied
    if plan.free_bytes is not None and needed > plan.free_bytes:
        raise NoSpace(path=path, needed=needed, free=plan.free_bytes)


def remote_file(file: PlannedFile) -> RemoteFile:
    """The listed file behind a planned one."""
    return msgspec.convert(file, RemoteFile, from_attributes=True)
