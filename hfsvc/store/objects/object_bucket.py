"""Objects below one address of an object store: read, written under conditions, listed, and what goes wrong told in our words."""

import asyncio
import importlib
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import cache, partial
from typing import Any, NamedTuple

from hfsvc.aio.own_thread import in_own_thread
from hfsvc.errors import HfsvcError, InvalidSettings, MissingExtra, ObjectStoreFailed

CHECKSUM = "hfsvcchecksum"
"""The metadata of an object that say what it was verified against. Azure takes no other signs in such a name."""
REQUEST_S = 600.0
CONNECT_S = 10.0
RETRY_S = 180.0
_STATUS = re.compile(r"status code: (\d{3}[A-Za-z ]*)|status: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")


class StoredObject(NamedTuple):
    """An object as its store describes it.

    Attributes:
        key: Below the address.
        size: Bytes.
        checksum: What its metadata say it was verified against; None where they say nothing, or were not asked for.
    """

    key: str
    size: int
    checksum: str | None = None


Version = Mapping[str, str]
"""What tells an object's content from every other one that it had, for its store."""


class ObjectStream:
    """Bytes of an object as they come.

    Args:
        stream: As obstore has it.
        telling: A context that tells what goes wrong.
    """

    def __init__(self, stream: Any, telling: Callable[[], AbstractContextManager[None]]) -> None:
        self._stream: Iterator[Any] = iter(stream)
        self._telling = telling

    def __aiter__(self) -> "ObjectStream":
        return self

    async def __anext__(self) -> bytes:
        with self._telling():
            piece = await in_own_thread(lambda: next(self._stream, None))
        if piece is None:
            raise StopAsyncIteration
        return bytes(piece)


class ObjectBucket:
    """Objects below one address.

    Args:
        store: As obstore has it.
        address: Of it, for people and errors.
    """

    def __init__(self, store: Any, address: str) -> None:
        self.address = address
        self._store = store
        self._obstore = _obstore()

    async def _call(self, name: str, *args: Any, **options: Any) -> Any:
        # Not obstore's own coroutines: its threads come back into an interpreter that ends soon after, and abort it.
        return await in_own_thread(partial(getattr(self._obstore, name), self._store, *args, **options))

    # ---- small objects ----------------------------------------------------------------------------------------------

    async def read(self, key: str) -> tuple[bytes, Version] | None:
        """An object and its version; None where there is none."""
        with self._told(key, "read"):
            try:
                found = await self._call("get", key)
                content = bytes(await in_own_thread(found.bytes))
            except FileNotFoundError as error:
                _check_bucket(error)
                return None
        return content, _version(found.meta)

    async def exchange(self, key: str, content: bytes, known: Version | None) -> Version | None:
        """Write an object that is still of a version, or with None that is not there yet.

        Returns:
            Its new version; None where it is of another one by now.
        """
        exceptions = self._obstore.exceptions
        mode = "create" if known is None else dict(known)
        with self._told(key, "written"):
            try:
                put = await self._call("put", key, content, mode=mode, use_multipart=False)
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
                return None
            except FileNotFoundError as error:
                _check_bucket(error)
                return None
            except exceptions.BaseError as error:
                # S3 says so where two conditional writes meet.
                if _status(str(error)).startswith("409"):
                    return None
                raise
        return _version(put)

    # ---- files ------------------------------------------------------------------------------------------------------

    async def put(self, key: str, content: bytes, checksum: str) -> None:
        """Write an object in one request."""
        with self._told(key, "written"):
            await self._call("put", key, content, attributes={CHECKSUM: checksum}, use_multipart=False)

    async def upload(self, key: str, blocks: AsyncIterator[bytes], checksum: str, *, part: int, at_once: int) -> None:
        """Write an object in parts; it is there when the blocks end, and is not where they end with an exception.

        Not to be cancelled: parts would stay where nobody sees them.

        Args:
            key: Of it.
            blocks: What it holds.
            checksum: For its metadata.
            part: Bytes of each part.
            at_once: How many parts are on their way.
        """
        with self._told(key, "written"):
            await self._call(
                "put",
                key,
                _from_loop(blocks, asyncio.get_running_loop()),
                attributes={CHECKSUM: checksum},
                use_multipart=True,
                chunk_size=part,
                max_concurrency=at_once,
            )

    async def describe(self, key: str) -> StoredObject | None:
        """An object with its metadata; None where there is none."""
        with self._told(key, "read"):
            try:
                found = await self._call("get", key, options={"head": True})
            except FileNotFoundError as error:
                _check_bucket(error)
                return None
        return StoredObject(key, found.meta["size"], found.attributes.get(CHECKSUM))

    async def open(self, key: str, start: int, stop: int) -> tuple[StoredObject, "ObjectStream"]:
        """A range of an object, as its bytes come, and the object that they are of.

        Raises:
            FileNotFoundError: There is no such object.
        """
        with self._told(key, "read"):
            found = await self._call("get", key, options={"range": (start, stop)})
        described = StoredObject(key, found.meta["size"], found.attributes.get(CHECKSUM))
        return described, ObjectStream(found.stream(min_chunk_size=1 << 18), lambda: self._told(key, "read"))

    async def copy(self, source: str, target: str) -> None:
        """Copy an object within the store, with its metadata."""
        with self._told(target, "written"):
            await self._call("copy", source, target)

    async def list_below(self, prefix: str) -> dict[str, StoredObject]:
        """The objects below a prefix that ends with a slash, or is empty, by key."""
        found: dict[str, StoredObject] = {}
        with self._told(prefix, "listed"):
            pages = iter(self._obstore.list(self._store, prefix.rstrip("/") or None))
            while (page := await in_own_thread(lambda: next(pages, None))) is not None:
                for each in page:
                    if each["path"].startswith(prefix):
                        found[each["path"]] = StoredObject(each["path"], each["size"])
        return found

    async def delete(self, keys: list[str]) -> None:
        """Remove objects; those that are gone are."""
        with self._told(keys[0] if keys else "", "removed"):
            try:
                if keys:
                    await self._call("delete", keys)
            except FileNotFoundError as error:
                _check_bucket(error)

    # ---- from a worker thread ---------------------------------------------------------------------------------------

    def has(self, key: str) -> bool:
        """Whether there is such an object. Blocks."""
        with self._told(key, "read"):
            try:
                self._obstore.head(self._store, key)
            except FileNotFoundError as error:
                _check_bucket(error)
                return False
        return True

    def write_whole(self, key: str, content: bytes) -> None:
        """Write an object in one request. Blocks."""
        with self._told(key, "written"):
            self._obstore.put(self._store, key, content, use_multipart=False)

    def write_parts(self, key: str, blocks: Iterator[bytes], *, part: int, at_once: int) -> None:
        """As `upload`, of blocks that come from another thread. Blocks."""
        with self._told(key, "written"):
            self._obstore.put(self._store, key, blocks, use_multipart=True, chunk_size=part, max_concurrency=at_once)

    # ---- what goes wrong --------------------------------------------------------------------------------------------

    def where(self, key: str) -> str:
        """The address of an object."""
        return f"{self.address}/{key}" if key else self.address

    @contextmanager
    def _told(self, key: str, verb: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" not in str(error):
                raise
            raise self._failed(key, verb, "there is no such bucket") from None
        except self._obstore.exceptions.BaseError as error:
            reason, hint = _reason(error)
            raise self._failed(key, verb, reason, hint) from None
        except RuntimeError as error:
            if "no running event loop" not in str(error):
                raise
            raise InvalidSettings(setting="root", reason="an object store needs an event loop of asyncio") from None

    def _failed(self, key: str, verb: str, reason: str, hint: str | None = None) -> HfsvcError:
        return ObjectStoreFailed(address=self.where(key), reason=reason, verb=verb, hint=hint)


def _from_loop(blocks: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> Iterator[bytes]:
    """Blocks of a loop, for another thread."""

    async def following() -> bytes | None:
        return await anext(blocks, None)

    while (block := asyncio.run_coroutine_threadsafe(following(), loop).result()) is not None:
        yield block


def _version(described: Mapping[str, Any]) -> Version:
    return {name: described[name] for name in ("e_tag", "version") if described.get(name) is not None}


def _check_bucket(error: FileNotFoundError) -> None:
    """Raise where it is the bucket that is missing, and not the object."""
    if "NoSuchBucket" in str(error):
        raise error


CREDENTIALS = "Check the credentials in the environment (AWS_ACCESS_KEY_ID and the like), and what they may do."


def _reason(error: Exception) -> tuple[str, str | None]:
    """Why a request failed, and what to do. Never the store's own text: it may hold a signed address."""
    text = str(error)
    said, code = _status(text), _CODE.search(text)
    if code:
        said = f"{said} ({code.group(1)})" if said else code.group(1)
    name = type(error).__name__
    if name in {"PermissionDeniedError", "UnauthenticatedError"} or said.startswith(("401", "403")):
        return f"it refuses access{f': it answered {said}' if said else ''}", CREDENTIALS
    if said.startswith(("301", "307", "400")):
        return f"it answered {said}", "Check the name of the bucket, AWS_REGION and AWS_ENDPOINT_URL."
    if said:
        return f"it answered {said}, however often it was asked", None
    if "credentials" in text.casefold() or "169.254." in text:
        return "no credentials were found", CREDENTIALS
    if "not supported" in text.casefold() or name == "NotSupportedError":
        return "it cannot do what is needed of it", None
    return "it cannot be reached, or broke off", "Check the network, AWS_ENDPOINT_URL and AWS_REGION, then try again."


def _status(text: str) -> str:
    found = _STATUS.search(text)
    return (found.group(1) or found.group(2)).strip() if found else ""


def open_bucket(address: str) -> ObjectBucket:
    """The objects below ``s3://bucket/prefix`` or an address like it, with the credentials of the environment.

    Raises:
        MissingExtra: obstore is not installed.
        ObjectStoreFailed: The environment says something of the store that cannot be.
    """
    obstore = _obstore()
    if address.startswith("memory://"):
        return ObjectBucket(_memory_store(address), address)
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT") or ""
    options = {
        "timeout": timedelta(seconds=REQUEST_S),
        "connect_timeout": timedelta(seconds=CONNECT_S),
        "allow_http": endpoint.startswith("http://"),
    }
    try:
        retry = {"retry_timeout": timedelta(seconds=RETRY_S)}
        store = obstore.store.from_url(address, client_options=options, retry_config=retry)
        return ObjectBucket(store, address)
    except obstore.exceptions.BaseError as error:
        reason, hint = _reason(error)
        raise ObjectStoreFailed(address=address, reason=reason, verb="opened", hint=hint) from None


@cache
def _memory_store(address: str) -> Any:
    """One for all of the process: whoever names it again finds what is there."""
    return _obstore().store.MemoryStore()


def _obstore() -> Any:
    try:
        # Late: who keeps datasets on disk needs none.
        module = importlib.import_module("obstore")
        importlib.import_module("obstore.store")
        importlib.import_module("obstore.exceptions")
    except ImportError as error:
        raise MissingExtra(wanted="obstore, which reaches object stores,", extra="stores") from error
    return module
