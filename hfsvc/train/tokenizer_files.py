"""The files of a tokenizer: of a folder, or of a model on the Hub, whose files are kept below the store's root."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from hfsvc.containers import Container
from hfsvc.disk import disk_errors, make_folder
from hfsvc.errors import (
    ChecksumMismatch,
    DatasetNotFound,
    InvalidRepoId,
    InvalidTokenizer,
    MissingExtra,
    RevisionNotFound,
)
from hfsvc.files.atomic import write_whole
from hfsvc.files.checksum import checksum_of, kind_of
from hfsvc.hub.client import HubClient
from hfsvc.hub.urls import check_repo_id
from hfsvc.models import RemoteDataset, RemoteFile
from hfsvc.settings import Settings
from hfsvc.store.directories import tokenizers_folder

if TYPE_CHECKING:
    from hfsvc.train.tokenizer import ChatTokenizer

FILES = frozenset({"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"})
FOLDER = "additional_chat_templates"
MOST_BYTES = 64 << 20
COMMIT = "commit"


async def open_tokenizer(
    container: Container, name: str | Path, *, variables: Mapping[str, Any] | None = None
) -> "ChatTokenizer":
    """The tokenizer of a folder, or of a model of the Hub, with its chat template.

    Of a model its small files are fetched once a commit, and verified; where the settings say offline, those that were
    fetched last are taken.

    Args:
        container: Whose session and root are used.
        name: A folder, or ``owner/name``, with ``@revision`` behind it where another than ``main`` is meant.
        variables: For the template, such as ``enable_thinking``.

    Raises:
        MissingExtra: The extra ``train`` is not installed.
        InvalidTokenizer: There is none, or it has no chat template.
        HfsvcError: What stands in the way to the Hub.
    """
    try:
        from hfsvc.train.tokenizer import read_tokenizer
    except ImportError:
        raise MissingExtra(wanted="What reads tokenizers", extra="train") from None
    files = await find_files(container, name)
    return await anyio.to_thread.run_sync(read_tokenizer, files, str(name), variables)


async def find_files(container: Container, name: str | Path) -> dict[str, bytes]:
    """The contents of a tokenizer's files, by path.

    Raises:
        InvalidTokenizer: Nothing is called so.
        HfsvcError: What stands in the way to the Hub.
    """
    folder = await anyio.Path(name).expanduser()
    if await folder.is_dir():
        return await anyio.to_thread.run_sync(read_folder, Path(folder))
    repo, _, revision = str(name).partition("@")
    try:
        check_repo_id(repo)
    except InvalidRepoId:
        raise InvalidTokenizer(tokenizer=str(name), reason="it is no folder, and no name of a model") from None
    return await _of_model(container, repo, revision or "main")


def read_folder(folder: Path) -> dict[str, bytes]:
    """The contents of those files of a folder that make a tokenizer. Blocks.

    Raises:
        InvalidTokenizer: One cannot be read.
    """
    paths = [folder / name for name in FILES] + sorted((folder / FOLDER).glob("*.jinja"))
    try:
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.is_file()}
    except OSError as error:
        reason = f"{error.filename} cannot be read ({error.strerror})"
        raise InvalidTokenizer(tokenizer=str(folder), reason=reason) from None


async def _of_model(container: Container, repo: str, revision: str) -> dict[str, bytes]:
    settings, hub = container.settings(), HubClient(container.session(), "models")
    kept = tokenizers_folder(settings.root, repo)
    last = anyio.Path(kept / f"{revision.replace('/', '--')}.{COMMIT}")
    if settings.offline and await last.is_file():
        return await anyio.to_thread.run_sync(read_folder, kept / await last.read_text())
    model = await _resolved(hub, settings, repo, revision)
    folder = kept / model.commit
    if not await anyio.Path(folder / COMMIT).is_file():
        await _fetch(hub, settings, model, folder)
    with disk_errors(Path(last)):
        await anyio.to_thread.run_sync(write_whole, Path(last), model.commit.encode())
    return await anyio.to_thread.run_sync(read_folder, folder)


async def _resolved(hub: HubClient, settings: Settings, repo: str, revision: str) -> RemoteDataset:
    try:
        return await hub.resolve(repo, revision, token=settings.token)
    except DatasetNotFound:
        reason = "it is no folder, and on the Hub there is no model of that name, or it is private"
        raise InvalidTokenizer(tokenizer=repo, reason=reason) from None
    except RevisionNotFound:
        raise InvalidTokenizer(tokenizer=repo, reason=f"it has no revision {revision}") from None


async def _fetch(hub: HubClient, settings: Settings, model: RemoteDataset, folder: Path) -> None:
    """The files of a model, whole in a folder; the mark that they are all there comes last."""
    async for file in hub.list_files(model, token=settings.token):
        if _is_wanted(file):
            content = await hub.read_file(model, file.path, token=settings.token)
            _check(model.repo, file, content)
            await anyio.to_thread.run_sync(_keep, folder / file.path, content)
    await anyio.to_thread.run_sync(_keep, folder / COMMIT, model.commit.encode())


def _is_wanted(file: RemoteFile) -> bool:
    folder, _, name = file.path.rpartition("/")
    named = file.path in FILES or (folder == FOLDER and name.endswith(".jinja") and "\\" not in name)
    return named and file.size <= MOST_BYTES


def _check(repo: str, file: RemoteFile, content: bytes) -> None:
    actual = checksum_of(kind_of(file.checksum), content) if file.checksum else None
    if actual is None or actual != file.checksum:
        raise ChecksumMismatch(repo=repo, path=file.path, expected=file.checksum, actual=actual)


def _keep(path: Path, content: bytes) -> None:
    make_folder(path.parent)
    with disk_errors(path):
        write_whole(path, content)
