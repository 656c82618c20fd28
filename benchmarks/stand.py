"""What the tools download from: the loopback Hub, with nginx as its CDN where throughput counts."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

NGINX_PORT = 18471
_NGINX = """
worker_processes 1;
pid {work}/nginx.pid;
error_log {work}/nginx.log;
daemon off;
events {{ worker_connections 512; }}
http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{port}{tls};
        root {folder};
        {limit}
    }}
}}
"""


@contextmanager
def nginx(
    folder: Path, work: Path, *, bytes_per_s: int = 0, certificate: tuple[Path, Path] | None = None
) -> Iterator[str]:
    """nginx over a folder, optionally limited a connection, or by TLS with a certificate and its key; gives its address."""
    if not (program := shutil.which("nginx")):
        raise SystemExit("nginx is needed: apt-get install nginx")
    limit = f"limit_rate {bytes_per_s};" if bytes_per_s else ""
    config = work / "nginx.conf"
    tls = " ssl; ssl_certificate {}; ssl_certificate_key {}".format(*certificate) if certificate else ""
    config.write_text(_NGINX.format(work=work, folder=folder, port=NGINX_PORT, limit=limit, tls=tls))
    subprocess.run([program, "-t", "-q", "-p", str(work), "-c", str(config)], check=True)
    process = subprocess.Popen([program, "-p", str(work), "-c", str(config)])
    try:
        yield f"https://localhost:{NGINX_PORT}" if certificate else f"http://127.0.0.1:{NGINX_PORT}"
    finally:
        process.terminate()
        process.wait()


def make_certificate(work: Path) -> tuple[Path, Path]:
    """A certificate for localhost that is its own authority, and its key."""
    certificate, key = work / "authority.pem", work / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    for each in ("subjectAltName=DNS:localhost", "keyUsage=critical,digitalSignature,keyCertSign"):
        command += ["-addext", each]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


@contextmanager
def hub(folder: Path, *options: str) -> Iterator[str]:
    """The loopback Hub in a process of its own; gives its endpoint."""
    command: Sequence[str] = [sys.executable, "-m", "hfsvc.testing", str(folder), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield str(json.loads(process.stdout.readline())["endpoint"])
    finally:
        process.terminate()
        process.wait()
