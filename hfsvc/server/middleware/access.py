"""Access rules: host, origin and token of a request's head, checked before anything else is done with it. Pure."""

import hmac
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address
from typing import Any, Literal, NamedTuple, cast
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import force_setattr

from hfsvc.arguments import check_fields
from hfsvc.errors import InvalidSettings
from hfsvc.secret import Secret
from hfsvc.server.limits import ServerLimits

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OTHER_SITES = frozenset({"cross-site", "same-site"})
DEFAULT_PORTS = {"http": 80, "https": 443}
OPEN_PATHS = frozenset({"/", "/session", "/healthz", "/readyz"})
"""What answers without a token: the page's shell (no data is in it), the exchange of a token, and health."""
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:/?#@\s]+)(?::(?P<port>\d{1,5}))?", re.ASCII)


class ServerAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Access rules of a server: its token, and the origins and hosts that are let in.

    Attributes:
        token: Everyone must show it, as a bearer token or by the cookie it was exchanged for; None lets everyone in.
        allow_origins: Pages of other origins (``https://host[:port]``) that may ask, read answers and open sockets.
        allow_hosts: Names that the server is called by, besides ``localhost`` and IP addresses.
    """

    token: Secret | None = None
    allow_origins: frozenset[str] = frozenset()
    allow_hosts: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        token: Any = self.token
        if isinstance(token, str) and token:
            force_setattr(self, "token", Secret(token))
        for name in ("allow_origins", "allow_hosts"):
            if isinstance(given := getattr(self, name), str | list | tuple | set):
                force_setattr(self, name, frozenset((given,) if isinstance(given, str) else given))
        check_fields(self)

    @property
    def cookie_name(self) -> str:
        """Differs between tokens: browsers share cookies between the ports of a host."""
        return f"hfsvc-{self._derive('cookie name')[:12]}"

    @property
    def cookie_value(self) -> str:
        """Stands for the token, and does not tell it."""
        return self._derive("cookie value")

    def _derive(self, purpose: str) -> str:
        secret = self.token.reveal() if self.token else ""
        return hmac.new(secret.encode(), purpose.encode(), sha256).hexdigest()

    def is_token(self, text: str) -> bool:
        """Whether a text is the token, in a time that tells nothing about it."""
        return self.token is not None and hmac.compare_digest(text.encode(), self.token.reveal().encode())


class RequestHead(NamedTuple):
    """The parts of a request that access rules look at. Header values are texts; what was not sent is None.

    Attributes:
        path: Below `prefix`, every segment percent-encoded.
        framed_twice: Its length is told in two ways, which proxies and servers may read differently.
        site: Where the asking page stands to this server, as browsers tell it (``Sec-Fetch-Site``).
        navigates: A browser goes there, to show the answer as a page.
        prefix: What the app is mounted under, percent-encoded.
    """

    kind: Literal["http", "websocket"]
    method: str
    path: str
    path_bytes: int
    query_bytes: int
    host: str | None
    origin: str | None
    authorization: str | None
    cookies: Mapping[str, str]
    preflight: bool
    framed_twice: bool = False
    site: str | None = None
    navigates: bool = False
    prefix: str = ""


class Refusal(NamedTuple):
    """Why a request is refused: status, code, and a sentence."""

    status: int
    code: str
    message: str


class Authority(NamedTuple):
    """Host and port of an address; the port is None where none was named."""

    host: str
    port: int | None


def make_access(
    *, token: Secret | str | None = None, allow_origins: Iterable[str] = (), allow_hosts: Iterable[str] = ()
) -> ServerAccess:
    """Access as options give it; the hosts of allowed origins count as names of the server. A text is one of them.

    Raises:
        InvalidSettings: An origin is none.
        InvalidArgument: The token is no text.
    """
    origins = frozenset(map(check_origin, [allow_origins] if isinstance(allow_origins, str) else allow_origins))
    named = [allow_hosts] if isinstance(allow_hosts, str) else allow_hosts
    hosts = {host.lower() for host in named} | {urlsplit(origin).hostname or "" for origin in origins}
    secret = Secret(token) if isinstance(token, str) and token else token
    return ServerAccess(token=cast("Secret | None", secret), allow_origins=origins, allow_hosts=frozenset(hosts))


def check_origin(text: str) -> str:
    """An origin as browsers send it: scheme and host in lower case, no default port.

    Raises:
        InvalidSettings: It is none; ``*`` and ``null`` are not taken.
    """
    scheme, found = _read_origin(text.strip().rstrip("/"))
    if found is None:
        raise InvalidSettings(setting="allow-origin", reason=f"{text!r} is no origin such as https://host:8080")
    port = "" if found.port in {None, DEFAULT_PORTS[scheme]} else f":{found.port}"
    return f"{scheme}://{found.host}{port}"


def check_token(text: str) -> Secret:
    """A token as headers can carry it, without the blanks around it.

    Raises:
        InvalidSettings: It is empty, or holds what no header carries unchanged.
    """
    token = text.strip()
    if not token or not all(" " <= each <= "~" for each in token):
        raise InvalidSettings(setting="server-token", reason="it must be letters, digits and signs of ASCII")
    return Secret(token)


def find_refusal(head: RequestHead, access: ServerAccess, limits: ServerLimits) -> Refusal | None:
    """Why a request must not come in; None when it may."""
    if head.path_bytes > limits.path_bytes or head.query_bytes > limits.query_bytes:
        return Refusal(414, "address_too_long", "The address of the request is too long.")
    if head.framed_twice:
        return Refusal(400, "invalid_request", "The length of the request is told in two ways.")
    if not _is_own_host(head.host, access):
        return Refusal(403, "host_not_allowed", "The server does not go by this name; --allow-origin adds one.")
    if _is_cross_site(head, access) or (_needs_origin(head) and not _may_ask(head, access)):
        return Refusal(403, "origin_not_allowed", "Pages of this origin may not do that; --allow-origin lets them.")
    if not (head.preflight or _is_open(head) or _shows_token(head, access)):
        return Refusal(401, "token_required", "The server's token is missing or wrong: show it as a bearer token.")
    return None


def is_allowed_origin(origin: str | None, access: ServerAccess) -> bool:
    """Whether a page of another origin was let in by name."""
    return origin is not None and origin in access.allow_origins


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches what listens at a host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def read_authority(text: str) -> Authority | None:
    """Host and port of a ``Host`` header; None where it is none."""
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        return None
    port = int(found["port"]) if found["port"] else None
    return Authority(found["host"].lower().rstrip("."), port)


def _read_origin(text: str) -> tuple[str, Authority | None]:
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    return scheme, read_authority(rest) if separator and scheme in DEFAULT_PORTS else None


def _is_own_host(host: str | None, access: ServerAccess) -> bool:
    """Whether a name is not one that a stranger's page could have pointed here: an address is no name at all."""
    found = read_authority(host) if host else None
    if found is None:
        return False
    return found.host == "localhost" or found.host in access.allow_hosts or _is_address(found.host)


@lru_cache(64)
def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _is_cross_site(head: RequestHead, access: ServerAccess) -> bool:
    """Whether a page of another origin asks. It could not read the answer, but see how long it takes."""
    looks = head.navigates and head.method in SAFE_METHODS
    return head.site in OTHER_SITES and not looks and not is_allowed_origin(head.origin, access)


def _needs_origin(head: RequestHead) -> bool:
    return head.kind == "websocket" or head.preflight or head.method not in SAFE_METHODS


def _may_ask(head: RequestHead, access: ServerAccess) -> bool:
    # Browsers always name the origin in these requests: without one it is a program that asks.
    return head.origin is None or is_allowed_origin(head.origin, access) or _is_own_origin(head.origin, head.host)


def _is_own_origin(origin: str, host: str | None) -> bool:
    """Whether a page was loaded from here. Its scheme may differ: what stands before the server may speak TLS."""
    scheme, page = _read_origin(origin)
    here = read_authority(host) if host else None
    if page is None or here is None:
        return False
    default = DEFAULT_PORTS[scheme]
    return page.host == here.host and (page.port or default) == (here.port or default)


def _is_open(head: RequestHead) -> bool:
    return head.kind == "http" and (head.path in OPEN_PATHS or head.path.startswith("/static/"))


def _shows_token(head: RequestHead, access: ServerAccess) -> bool:
    if access.token is None:
        return True
    scheme, _, shown = (head.authorization or "").partition(" ")
    if scheme.lower() == "bearer" and access.is_token(shown.strip()):
        return True
    cookie = head.cookies.get(access.cookie_name, "")
    return hmac.compare_digest(cookie.encode(), access.cookie_value.encode())
