"""Proxies that an environment names: which one holds for an address, and by which variable. Pure.

Source: the variables as curl, urllib and requests read them. The lower case wins over the upper one, an empty one names
nothing, and ``HTTP_PROXY`` is not believed in a CGI script, where a client may have set it.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from hfsvc.errors import InvalidSettings
from hfsvc.hub.urls import origin, shown_origin

KINDS = ("http", "https", "socks5", "socks5h")


class Proxy(NamedTuple):
    """A proxy, and the variable that names it. `url` may hold a password: it is never shown, `shown` is."""

    url: str
    variable: str

    @property
    def shown(self) -> str:
        """Its address as people may see it, with the variable."""
        return f"{shown_origin(self.url)} ({self.variable})"


class ProxySettings:
    """What an environment says of proxies. A value is looked at when an address needs it.

    Args:
        env: Usually ``os.environ``.
        system: What the system's own settings name where the environment names nothing, by scheme.
    """

    def __init__(self, env: Mapping[str, str], *, system: Mapping[str, str] | None = None) -> None:
        self._named = {scheme: found for scheme in ("http", "https", "all") if (found := _find(env, f"{scheme}_proxy"))}
        if not self._named:
            self._named = {scheme: ("the system's proxy", text) for scheme, text in (system or {}).items()}
        if "REQUEST_METHOD" in env and self._named.get("http", ("",))[0] == "HTTP_PROXY":
            del self._named["http"]
        self._except = _find(env, "no_proxy")

    @property
    def names_any(self) -> bool:
        """Whether any proxy is named at all."""
        return bool(self._named)

    def holding_for(self, url: str) -> Proxy | None:
        """The proxy to ask for an address; None where it is asked directly.

        Raises:
            InvalidSettings: The variable that decides cannot be understood.
        """
        found = self._named.get(urlsplit(url).scheme) or self._named.get("all")
        return None if found is None or self.exempting(url) else Proxy(_checked(*found), found[0])

    def exempting(self, url: str) -> str | None:
        """The entry of ``NO_PROXY`` by which an address is asked directly, if there is one.

        Raises:
            InvalidSettings: An entry cannot be understood.
        """
        variable, text = self._except or ("", "")
        entries = [entry for entry in re.split(r"[,\s]+", text) if entry]
        return next((entry for entry in entries if _means(entry, url, variable)), None)


def _find(env: Mapping[str, str], name: str) -> tuple[str, str] | None:
    variable = name if name in env else name.upper()
    text = env.get(variable, "").strip()
    return (variable, text) if text else None


def _checked(variable: str, text: str) -> str:
    # Never its text in an error: it may hold a password.
    address = text if "://" in text else f"http://{text}"
    if not _is_address(address):
        raise InvalidSettings(setting=variable, reason="it is no address of a proxy, such as http://proxy.example:3128")
    scheme = urlsplit(address).scheme
    if scheme not in KINDS:
        raise InvalidSettings(setting=variable, reason=f"{scheme} is no kind of proxy: {', '.join(KINDS)} are")
    if scheme.startswith("socks") and find_spec("socksio") is None:
        raise InvalidSettings(setting=variable, reason="a SOCKS proxy needs a library: pip install 'httpx[socks]'")
    return address


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and parts.port != 0 and bool(httpx.URL(text).host)
    except (ValueError, httpx.InvalidURL):
        return False
    return usable and not re.search(r"\s", text)


# ---- entries of NO_PROXY ---------------------------------------------------------------------------------------------


def _means(entry: str, url: str, variable: str) -> bool:
    """Whether an entry means the host of an address: a name with all below it, an address, a network, with a port or not."""
    scheme, host, port = origin(url)
    if entry == "*":
        return True
    if entry == "<local>":
        return "." not in host and _address(host) is None
    wanted_scheme, _, rest = entry.rpartition("://")
    if wanted_scheme not in {"", "all", scheme}:
        return False
    if "/" in rest.rstrip("/"):
        return _in_network(host, rest, variable)
    name, wanted_port = _split_port(rest.rstrip("/"), variable)
    return wanted_port in {None, port} and _is_host(name, host)


def _in_network(host: str, entry: str, variable: str) -> bool:
    network: IPv4Network | IPv6Network
    try:
        network = ip_network(re.sub(r"[\[\]]", "", entry), strict=False)
    except ValueError:
        raise InvalidSettings(setting=variable, reason=f"{entry!r} is no network, such as 10.0.0.0/8") from None
    address = _address(host)
    return address is not None and address.version == network.version and address in network


def _split_port(entry: str, variable: str) -> tuple[str, int | None]:
    if _address(entry) is not None:
        return entry, None
    found = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::(\d{1,5}))?", entry)
    if not found or (entry.startswith("[") and _address(found[1]) is None):
        raise InvalidSettings(setting=variable, reason=f"{entry!r} is no host, such as hub.example or hub.example:8080")
    return found[1], int(found[2]) if found[2] else None


def _is_host(name: str, host: str) -> bool:
    if (address := _address(name)) is not None:
        return address == _address(host)
    name, host = name.lower().rstrip("."), host.rstrip(".")
    if "*" in name.removeprefix("*."):
        return fnmatchcase(host, name)
    name = name.removeprefix("*").removeprefix(".")
    return bool(name) and (host == name or host.endswith(f".{name}")) and _address(host) is None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
