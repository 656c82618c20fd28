"""Division of a dataset's files into shards of about the same work: the same for everyone who divides the same files. Pure."""

import heapq
from collections.abc import Iterable

from hfsvc.models import RemoteFile

FILE_COST = 1 << 20
"""What a file costs beside its bytes, in bytes: a request, and its place in a rate limit."""


def divide(files: Iterable[RemoteFile], count: int) -> list[list[RemoteFile]]:
    """Files in `count` shards: every file in one of them, in byte order of paths, whatever order they were listed in.

    The largest come first, each to the shard that has least so far. So no shard has more than the average and one file.
    """
    shards: list[list[RemoteFile]] = [[] for _ in range(count)]
    heap = [(0, index) for index in range(count)]
    for file in sorted(files, key=lambda file: (-file.size, file.path.encode())):
        load, index = heap[0]
        heapq.heapreplace(heap, (load + file.size + FILE_COST, index))
        shards[index].append(file)
    return [sorted(shard, key=lambda file: file.path.encode()) for shard in shards]
