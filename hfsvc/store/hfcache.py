"""Blobs that already lie in the cache of Hugging Face's own tools, named by their hash.

Source: the layout of huggingface_hub 2.4, ``<cache>/datasets--owner--name/blobs/<sha256 or git sha1>``. They are read
only, copied (as a reflink where the disk can) and verified; never linked, for a link could be changed from the other side.
"""

from pathlib import Path


def blob_path(cache: Path, repo: str, checksum: str) -> Path:
    """Where the cache would hold content with this checksum."""
    return cache / f"datasets--{repo.replace('/', '--')}" / "blobs" / checksum.partition(":")[2]
