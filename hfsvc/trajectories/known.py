"""The datasets that are known by name."""

import msgspec

from hfsvc.errors import UnknownSource
from hfsvc.settings import DEFAULT_SOURCE


class KnownDataset(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset whose layout is known.

    Attributes:
        alias: What people call it.
        repo: Its id on the Hub.
        about: One line for a list.
    """

    alias: str
    repo: str
    about: str


KNOWN = (
    KnownDataset(
        alias=DEFAULT_SOURCE,
        repo="open-thoughts/OpenThoughts-Agent-v1-SFT",
        about="15,209 terminus-2 runs over shell tasks and bug fixes, teacher GLM-4.6 (Apache-2.0, 110 MB)",
    ),
)


def find_alias(name: str) -> KnownDataset | None:
    """The dataset with this alias."""
    return next((each for each in KNOWN if each.alias == name), None)


def repo_of(name: str) -> str:
    """The repository that an alias stands for; any other name with a ``/`` or an address stands for itself.

    Raises:
        UnknownSource: A bare word that is no alias.
    """
    if known := find_alias(name):
        return known.repo
    if "/" in name:
        return name
    raise UnknownSource(name=name, known=tuple(each.alias for each in KNOWN))
