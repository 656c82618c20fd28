"""Certificates that servers are trusted by: what the environment names, read whole or refused by name, or certifi's.

Source: OpenSSL's own variables, then those that requests and curl read.
"""

import os
import ssl
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import certifi

from hfsvc.errors import InvalidSettings

FILE_VARIABLES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
FOLDER_VARIABLE: Final = "SSL_CERT_DIR"


def named_paths(env: Mapping[str, str]) -> list[tuple[str, Path]]:
    """The files and folders that an environment names, each with its variable: the first file, and all folders."""
    files = ((variable, Path(text)) for variable in FILE_VARIABLES if (text := env.get(variable, "").strip()))
    folders = env.get(FOLDER_VARIABLE, "").split(os.pathsep)
    return [*list(files)[:1], *((FOLDER_VARIABLE, Path(text.strip())) for text in folders if text.strip())]


def make_tls(env: Mapping[str, str]) -> ssl.SSLContext:
    """A context that trusts what an environment names instead of certifi's authorities, and those where it names nothing.

    Raises:
        InvalidSettings: A file or a folder cannot be read, or holds no certificate.
    """
    paths = named_paths(env)
    if not paths:
        return _usual_tls()
    # Not the default one: that would trust the system's authorities, too.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for variable, path in paths:
        if not _load(context, variable, path):
            raise InvalidSettings(setting=variable, reason=f"{path} holds no certificate that can be read (PEM or DER)")
    return context


@cache
def _usual_tls() -> ssl.SSLContext:
    # Once a process: reading all authorities takes longer than a small download.
    return ssl.create_default_context(cafile=certifi.where())


def shown_source(env: Mapping[str, str]) -> str:
    """Where the trusted certificates come from, for people."""
    return ", ".join(f"{path} ({variable})" for variable, path in named_paths(env)) or f"{certifi.where()} (certifi)"


def _load(context: ssl.SSLContext, variable: str, path: Path) -> bool:
    try:
        # Every file counts: OpenSSL itself looks in folders for names that are hashes, and for no others.
        loaded = [_load_file(context, each) for each in _files(path)]
    except OSError as error:
        raise InvalidSettings(setting=variable, reason=f"{path}: {error.strerror}") from None
    return any(loaded)


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (each for each in sorted(path.iterdir()) if each.is_file())
    else:
        yield path


def _load_file(context: ssl.SSLContext, path: Path) -> bool:
    content = path.read_bytes()
    try:
        if b"-----BEGIN" in content:
            # From the file, for OpenSSL reads more kinds of blocks than Python does: "TRUSTED CERTIFICATE" among them.
            context.load_verify_locations(cafile=path)
        else:
            context.load_verify_locations(cadata=content)
    except (ssl.SSLError, ValueError):
        return False
    return True
