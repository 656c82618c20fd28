"""A mirror of a Hub: a server below a path that passes requests on, and answers as its owner has set it up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

Change = Callable[[str, httpx.Response, bytes], tuple[int, list[tuple[bytes, bytes]], bytes]]
_HOPS = {b"connection", b"transfer-encoding", b"content-length", b"content-encoding"}


def as_it_is(path: str, response: httpx.Response, body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    return response.status_code, response.headers.raw, body


@asynccontextmanager
async def mirror(
    upstream: str,
    *,
    prefix: str = "",
    outside: str | None = None,
    change: Change = as_it_is,
    asked: list[str] | None = None,
) -> AsyncIterator[str]:
    """A running mirror; gives its endpoint.

    Args:
        upstream: Whose answers it passes on.
        prefix: The path it lies below; what is asked elsewhere is not found.
        outside: Begins the addresses that it serves beside `prefix`, without it.
        change: Makes its own answer of the one that came.
        asked: Notes the paths that were asked for.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        target = head[0].split(" ")[1]
        if asked is not None:
            asked.append(target)
        below = target.startswith(f"{prefix}/") and not (outside and target.startswith(prefix + outside))
        if below or (outside and target.startswith(outside)):
            headers = [tuple(line.split(": ", 1)) for line in head[1:] if line and not line.lower().startswith("host:")]
            found = await client.get(upstream + (target.removeprefix(prefix) if below else target), headers=headers)  # type: ignore[arg-type]
            status, named, body = change(target, found, found.content)
        else:
            status, named, body = 404, [(b"content-type", b"text/html")], b"<h1>nginx</h1>"
        lines = [b"%s: %s" % pair for pair in named if pair[0].lower() not in _HOPS]
        lines += [b"content-length: %d" % len(body), b"connection: close"]
        writer.write(b"HTTP/1.1 %d X\r\n" % status + b"\r\n".join(lines) + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with httpx.AsyncClient(trust_env=False) as client, server:
        yield f"http://127.0.0.1:{port}{prefix}"
