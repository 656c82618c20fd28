"""``python -m hfsvc.testing FOLDER``: serve a folder as a Hub until interrupted."""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from hfsvc.testing.localhub import LocalHub

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, with help and a usage error as every command has them."""
    parser = argparse.ArgumentParser(
        prog="python -m hfsvc.testing",
        description="Serve FOLDER/<owner>/<name>/... as a Hugging Face Hub on the loopback device. "
        'One line of JSON, {"endpoint": ..., "cdn": ..., "storage": ...}, tells when it is ready.',
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0, help="of the Hub; 0 picks a free one")
    parser.add_argument("--cdn-port", type=int, default=0, help="of the CDN; 0 picks a free one")
    parser.add_argument("--storage-port", type=int, default=0, help="of the storage of chunks; 0 picks a free one")
    parser.add_argument("--xet", action="store_true", help="tell of which chunks files are made, as Xet does")
    parser.add_argument("--cdn-url", help="base of a CDN run elsewhere that has FOLDER at its root")
    parser.add_argument("--token", action="append", help="a valid token, may repeat; without any, all are valid")
    parser.add_argument("--private", action="append", default=[], metavar="REPO", help="may repeat")
    parser.add_argument("--gated", action="append", default=[], metavar="REPO", help="may repeat")
    parser.add_argument("--page-size", type=int, default=1000, help="entries of a page of the tree")
    parser.add_argument("--latency-ms", type=float, default=0, help="before each answer")
    parser.add_argument("--bytes-per-s", type=float, help="pace of each body")
    parser.add_argument("--url-lifetime-s", type=float, default=3600, help="of signed addresses")
    parser.add_argument(
        "--sha256", action="append", default=[], metavar="REPO/PATH=HEX", help="known hash of a large file, may repeat"
    )
    return parser.parse_args(arguments)


def make_hub(options: argparse.Namespace) -> LocalHub:
    """The hub that the command line describes, not yet running."""
    hub = LocalHub(
        options.folder,
        tokens=dict.fromkeys(options.token, ("*",)) if options.token else None,
        page_size=options.page_size,
        latency_s=options.latency_ms / 1000,
        bytes_per_s=options.bytes_per_s,
        url_lifetime_s=options.url_lifetime_s,
        cdn_url=options.cdn_url,
        port=options.port,
        cdn_port=options.cdn_port,
        storage_port=options.storage_port,
        xet=options.xet,
    )
    for repo in {*options.private, *options.gated}:
        hub.configure(repo, private=repo in options.private, gated="auto" if repo in options.gated else False)
    for declared in options.sha256:
        place, _, digest = declared.rpartition("=")
        owner, name, path = place.split("/", 2)
        hub.declare_sha256(f"{owner}/{name}", path, digest)
    return hub


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    stopped = threading.Event()
    for number in INTERRUPTS:
        signal.signal(number, lambda *_: stopped.set())
    with make_hub(parse_arguments()) as hub:
        served = {"endpoint": hub.endpoint, "cdn": hub.cdn_endpoint, "storage": hub.storage_endpoint}
        sys.stdout.write(json.dumps(served) + "\n")
        sys.stdout.flush()
        stopped.wait()


if __name__ == "__main__":
    main()
