"""The server under mixed load: 200 open sockets and 1,000 requests a second for a minute, its errors, waits and memory.

python -m benchmarks.serve [--seconds 60] [--rate 1000] [--sockets 200]
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

ROWS = 2000
CONNECTIONS = 64
# Of a hundred requests that are not on sockets.
MIX = (
    (30, "/healthz"),
    (20, "/api/sources"),
    (10, "/api/datasets"),
    (15, "/api/trajectories?limit=20&offset={row}"),
    (5, "/api/trajectories?limit=20&query=task%3A{row}"),
    (12, "/api/trajectories/{row}"),
    (8, "/api/trajectories/{row}/steps?limit=5"),
)
DRAWN = [path for share, path in MIX for _ in range(share)]


class Load:
    """What was asked and how it went. Seconds are from when a request was due, not from when it could be sent."""

    def __init__(self) -> None:
        self.waits: dict[str, list[float]] = defaultdict(list)
        self.errors: Counter[str] = Counter()

    def note(self, kind: str, due: float, *, ok: bool) -> None:
        self.waits[kind].append(time.perf_counter() - due)
        if not ok:
            self.errors[kind] += 1


async def ask_over_http(address: str, due_times: "asyncio.Queue[float]", load: Load) -> None:
    """One connection that is kept: whatever is due is asked over it."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    while True:
        due = await due_times.get()
        kind = random.choice(DRAWN)
        path = kind.format(row=random.randrange(ROWS))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.split("content-length: ", 1)[1].split("\r\n", 1)[0])
        await reader.readexactly(length)
        load.note(kind, due, ok=" 200 " in head.split("\r\n", 1)[0])


async def ask_over_socket(socket: ClientConnection, load: Load, number: int) -> None:
    """One socket: a request a second, three counts for each row."""
    await asyncio.sleep(number / 200)
    for turn in range(1 << 30):
        due = time.perf_counter()
        name = "getHFTrajectory" if turn % 4 == number % 4 else "getHFTrajectoryCount"
        asked = {"type": f"request:{name}", "correlationId": str(turn), "index": random.randrange(ROWS)}
        await socket.send(json.dumps(asked))
        answer = str(await socket.recv())
        load.note(f"socket {name}", due, ok=f'"correlationId":"{turn}","success":true' in answer)
        await asyncio.sleep(max(0.0, due + 1 - time.perf_counter()))


async def pace(rate: float, seconds: float, due_times: "asyncio.Queue[float]") -> None:
    """Requests fall due at an even rate, whether or not the ones before are answered."""
    started = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = started + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        due_times.put_nowait(due)


async def run(address: str, pid: int, options: argparse.Namespace) -> tuple[Load, list[float]]:
    """The whole load; gives it with the server's memory, in MB, second by second."""
    load, due_times, memory = Load(), asyncio.Queue[float](), []
    origin = address.rstrip("/")
    sockets = [
        await connect(f"{address.replace('http', 'ws', 1)}ws", origin=origin, proxy=None)  # type: ignore[arg-type]
        for _ in range(options.sockets)
    ]
    work = [asyncio.ensure_future(ask_over_socket(each, load, number)) for number, each in enumerate(sockets)]
    work += [asyncio.ensure_future(ask_over_http(address, due_times, load)) for _ in range(CONNECTIONS)]
    pacing = asyncio.ensure_future(pace(options.rate - options.sockets, options.seconds, due_times))
    while not pacing.done():
        memory.append(resident_mb(pid))
        failed = [each for each in work if each.done()]
        if failed:
            await failed[0]
        await asyncio.sleep(1)
    await pacing
    for each in work:
        each.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    return load, memory


def resident_mb(pid: int) -> float:
    """Memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@contextmanager
def server() -> Iterator[tuple[str, int]]:
    """``hfsvc serve --demo`` in a process of its own: its address and its number."""
    command = [sys.executable, "-m", "hfsvc", "serve", "--demo", "--port", "0", "-q"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process.pid
    finally:
        process.terminate()
        process.wait()


def print_load(load: Load, memory: list[float], seconds: float) -> None:
    """Everything as a Markdown table."""
    print("| asked for | requests | errors | median ms | 99 of 100 within ms |")
    print("|---|---|---|---|---|")
    everything = [wait for waits in load.waits.values() for wait in waits]
    for kind, waits in [*sorted(load.waits.items()), ("all", everything)]:
        middle, most = statistics.median(waits) * 1e3, statistics.quantiles(waits, n=100)[98] * 1e3
        errors = sum(load.errors.values()) if kind == "all" else load.errors[kind]
        print(f"| `{kind}` | {len(waits)} | {errors} | {middle:.1f} | {most:.1f} |")
    quarter = max(1, len(memory) // 4)
    first, last = statistics.mean(memory[quarter : 2 * quarter]), statistics.mean(memory[-quarter:])
    print(f"\n{len(everything) / seconds:.0f} requests a second; memory {first:.0f} MB in the second quarter, ", end="")
    print(f"{last:.0f} MB in the last, {max(memory):.0f} MB at most.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=1000, help="requests a second, those on sockets included")
    parser.add_argument("--sockets", type=int, default=200, help="each asks once a second")
    options = parser.parse_args()
    with server() as (address, pid):
        load, memory = asyncio.run(run(address, pid, options))
    print_load(load, memory, options.seconds)


if __name__ == "__main__":
    main()
