"""The commands ``lock`` and ``manifest``: what makes up datasets that are here, for others to have the same."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hfsvc.cli.options import Options, command

if TYPE_CHECKING:
    from hfsvc.containers import Container
    from hfsvc.models import DownloadedDataset, LockedDataset, LockFile


@command("lock", example="hfsvc lock openthoughts-sft -o hfsvc.lock")
@click.argument("datasets", nargs=-1, metavar="[DATASET]...")
@click.option("-o", "--output", metavar="FILE", default="hfsvc.lock", show_default=True, help="Written; - for stdout.")
def lock_command(options: Options, datasets: tuple[str, ...], output: str) -> None:
    """Write down what makes up datasets, or all that are on disk: commit, selection, size and checksum of every file.

    `hfsvc download --locked FILE` brings exactly that, anywhere.
    """
    from hfsvc.cli.output import say, write_json
    from hfsvc.cli.run import run, stored_repo_of
    from hfsvc.datasets.locking import encode_lock, lock_of

    names = [stored_repo_of(options, name, "locked") for name in datasets]
    lock = lock_of(run(options, lambda container: _named(container, names)))
    if options.as_json:
        write_json(lock)
    if output == "-":
        click.echo(encode_lock(lock).decode(), nl=False)
        return
    _write(Path(output).expanduser(), encode_lock(lock))
    if not options.quiet and not options.as_json:
        say(f"{output}: {_counted(lock)}")


async def _named(container: "Container", names: Sequence[str]) -> "list[DownloadedDataset]":
    from hfsvc.cli.run import find_dataset

    if not names:
        return await container.datasets().list_downloaded()
    return [await find_dataset(container, name) for name in names]


def _write(path: Path, content: bytes) -> None:
    from hfsvc.disk import disk_errors
    from hfsvc.files.atomic import write_whole

    with disk_errors(path, needed=len(content)):
        write_whole(path, content)


def _counted(lock: "LockFile") -> str:
    from hfsvc.cli.output import count_files

    files = sum(len(each.files) for each in lock.datasets.values())
    return f"{len(lock.datasets)} dataset{'' if len(lock.datasets) == 1 else 's'}, {count_files(files)}"


def read_lock(path: Path) -> "LockFile":
    """The lock file at a path.

    Raises:
        PathNotFound: There is none.
        InvalidLock: It is none.
    """
    from hfsvc.datasets.locking import decode_lock
    from hfsvc.disk import disk_errors
    from hfsvc.errors import PathNotFound

    if not path.is_file():
        raise PathNotFound(path=str(path))
    with disk_errors(path, verb="read"):
        return decode_lock(path.read_bytes(), str(path))


def chosen_of(options: Options, lock: "LockFile", path: Path, dataset: str | None) -> "list[tuple[str, LockedDataset]]":
    """The datasets of a lock file that are meant: all, or the one that is named.

    Raises:
        InvalidLock: It does not name that one, or none at all.
    """
    from hfsvc.cli.run import repo_of, settings_of
    from hfsvc.errors import InvalidLock
    from hfsvc.hub.urls import parse_repo

    if not lock.datasets:
        raise InvalidLock(path=str(path), reason="it names no dataset")
    if dataset is None:
        return [*lock.datasets.items()]
    wanted = parse_repo(repo_of(options, dataset), settings_of(options).endpoint).repo
    found = [(repo, each) for repo, each in lock.datasets.items() if repo.casefold() == wanted.casefold()]
    if not found:
        raise InvalidLock(path=str(path), reason=f"it does not name {wanted}; it names {', '.join(lock.datasets)}")
    return found


@command("manifest", example="hfsvc manifest openthoughts-sft > SHA256SUMS")
@click.argument("dataset")
def manifest_command(options: Options, dataset: str) -> None:
    """Print the sha256 of every file of a dataset as `sha256sum -c` takes it, in the dataset's folder.

    Files that the Hub lists by another hash are read for it, and held against that one.
    """
    from hfsvc.cli.datasets import recorded
    from hfsvc.cli.output import write_json
    from hfsvc.cli.run import stored_repo_of
    from hfsvc.datasets.manifest import manifest_of, sum_line

    sums = manifest_of(recorded(options, stored_repo_of(options, dataset, "listed so")))
    if options.as_json:
        write_json([{"path": path, "sha256": digest} for path, digest in sums])
        return
    for path, digest in sums:
        # The bytes of a name are what the disk has, whatever the terminal can show.
        click.echo(sum_line(path, digest).encode("utf-8", "surrogateescape"))
