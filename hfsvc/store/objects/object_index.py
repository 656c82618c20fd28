"""The index of an object store: an object that is exchanged where it is still what was read, so that no entry is lost."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from random import random

import anyio

from hfsvc.store.index import IndexEntry, decode_index, encode_index
from hfsvc.store.objects.object_bucket import ObjectBucket, Version
from hfsvc.store.safe_paths import INDEX_NAME

Change = Callable[[Mapping[str, IndexEntry]], dict[str, IndexEntry]]
LONGEST_WAIT_S = 2.0


class ObjectIndex:
    """Reads and changes the index of an object store.

    Args:
        bucket: Holds it.
        now: The time of a change, UTC.
    """

    def __init__(self, bucket: ObjectBucket, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._bucket = bucket
        self._now = now

    async def entries(self) -> Mapping[str, IndexEntry]:
        """All entries by canonical id; none where there is no index yet.

        Raises:
            DamagedIndex: The object is no index of this version, or holds a path that must not be touched.
        """
        return (await self._read())[0]

    async def _read(self) -> tuple[dict[str, IndexEntry], Version | None]:
        found = await self._bucket.read(INDEX_NAME)
        if found is None:
            return {}, None
        return decode_index(found[0], self._bucket.where(INDEX_NAME)), found[1]

    async def change(self, change: Change, fence: Callable[[], Awaitable[None]] | None = None) -> None:
        """Put what `change` makes of the entries in their place; where another writer was first, of theirs.

        Args:
            change: Called once a try. Pure.
            fence: Awaited before every try; what it raises ends it.
        """
        wait_s = 0.01
        while True:
            entries, version = await self._read()
            changed = change(entries)
            if changed == entries:
                return
            if fence:
                await fence()
            if await self._bucket.exchange(INDEX_NAME, encode_index(changed, self._now()), version) is not None:
                return
            # Of many writers each try lets one through: the others are not to meet again at once.
            await anyio.sleep(wait_s * random())
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
