"""The dataset that most tests here use, and where its files are."""

from collections.abc import Callable

import httpx

from hfsvc.testing import LocalHub

HubFactory = Callable[..., LocalHub]

REPO = "acme/weather-notes"
PARQUET = bytes(range(256)) * 40
README = b"---\nlicense: mit\ntags:\n- weather\n---\n" + b"# Notes\n" * 50


def resolve(path: str, revision: str = "main", repo: str = REPO) -> str:
    return f"/datasets/{repo}/resolve/{revision}/{path}"


def signed(client: httpx.Client, path: str = "en/train.parquet", **headers: str) -> str:
    """The address of a file on the CDN."""
    return client.get(resolve(path), headers=headers).headers["Location"]
