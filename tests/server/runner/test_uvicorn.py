"""What a process that serves is set to."""

import subprocess
import sys
from pathlib import Path

from anyio import to_thread

from hfsvc.server import Limits
from tests.server.worlds import open_served_world


async def test_only_so_many_threads_read(root: Path) -> None:
    async with open_served_world(root, limits=Limits(threads=3)) as world:
        await world.client.get("/healthz")
        assert to_thread.current_default_thread_limiter().total_tokens == 3


def test_arrow_gives_memory_back() -> None:
    code = "import pyarrow as pa; from hfsvc.server.runner.uvicorn import choose_allocator as choose; choose(); "
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print(pa.default_memory_pool().backend_name)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() in {"jemalloc", "system"}
