"""Settings: one frozen struct, read from the environment once, at the edge."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import force_setattr

from hfsvc.arguments import check_fields, described, did_you_mean
from hfsvc.errors import InvalidArgument, InvalidSettings
from hfsvc.secret import Secret

DEFAULT_ROOT = Path(".openagents/datasets")
DEFAULT_ENDPOINT = "https://huggingface.co"
DEFAULT_SOURCE = "openthoughts-sft"
MiB = 1 << 20
_YES = ("1", "ON", "YES", "TRUE", "Y", "T")
_NO = ("0", "OFF", "NO", "FALSE", "N", "F")
# Not settings, but read elsewhere.
OTHER_VARIABLES = ("HFSVC_SERVER_TOKEN",)
# A service of a cluster that is called hfsvc announces itself by variables that begin like ours.
_OTHERS_NAMES = re.compile(
    r"HFSVC_(SERVER_TOKEN|COMPLETE|TEST_.*|PEERS_.*|CHROMIUM|IMAGES|SERVICE_(HOST|PORT).*|PORT(_\d.*)?)$"
)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this process reaches the Hub and where it keeps things. Paths and the token may be given as texts.

    Attributes:
        root: Folder of the store; made absolute when a container opens. An address of an object store, as text, becomes
            `store_address`.
        store_address: Where datasets are kept instead of in `root`: ``s3://bucket/prefix``, ``gs://``, ``az://`` or
            ``memory://name``. What is kept on this disk beside datasets, such as tokenizers, stays in `root`.
        endpoint: Origin (and path, for a mirror below one) of the Hub, without a trailing ``/``.
        token: Sent to the endpoint's origin and nowhere else.
        offline: Forbid every request.
        max_connections: Content streams at once, over all files.
        connections_per_file: Content streams at once for one file.
        chunk_bytes: Length of the ranges that a large file is fetched in.
        remote_cache_bytes: Bytes that a remote source holds of what it read.
        bandwidth_limit: Bytes of content a second, over all downloads of a container; None for no limit.
        connect_timeout_s: Seconds to wait for a connection.
        api_timeout_s: Seconds to wait for each read of an API answer.
        stall_timeout_s: Seconds without a byte after which a content stream is given up and continued on a new one.
        give_up_after_s: Seconds without any progress after which a call or a file fails. Waits that the Hub asks for
            count.
        lock_timeout_s: Seconds to wait for another process that works on the same dataset; None waits for ever.
        locks: What keeps processes apart: ``flock``, the system's locks; ``lease``, files that are renewed, for disks where those
            do not exclude; ``auto``, whichever of them is found to hold on the root's disk. All who share a root take the same.
        lease_s: Seconds that a lease lasts which is not renewed.
        reuse_hf_cache: Copy blobs that lie in `hf_cache` with the right hash instead of fetching them.
        hf_cache: Cache of Hugging Face's own tools (``HF_HUB_CACHE``, else ``$HF_HOME/hub``); None for none.
        deltas: Copy what a changed file shares with its version on disk, as the storage of the Hub's chunks tells, and
            fetch the rest only.
        delta_storage: Address of the storage of chunks that may be asked behind a mirror; None where only the Hub's own is.
        transport: ``httpx`` (its own), or ``auto``: sockets of this project's, and httpx's own behind a proxy and under trio.
        trust_env: Read proxies and CA certificates from the environment.
        default_source: Alias or id of the dataset that is read where none is named.
        sources: TOML file with datasets of your own, see `hfsvc.trajectories.registry`; None for none.
    """

    root: Path = DEFAULT_ROOT
    store_address: str | None = None
    endpoint: str = DEFAULT_ENDPOINT
    token: Secret | None = None
    offline: bool = False
    max_connections: int = 16
    connections_per_file: int = 8
    chunk_bytes: int = 8 * MiB
    remote_cache_bytes: int = 64 * MiB
    bandwidth_limit: int | None = None
    connect_timeout_s: float = 10.0
    api_timeout_s: float = 30.0
    stall_timeout_s: float = 20.0
    give_up_after_s: float = 600.0
    lock_timeout_s: float | None = None
    locks: Literal["flock", "lease", "auto"] = "flock"
    lease_s: float = 30.0
    reuse_hf_cache: bool = True
    hf_cache: Path | None = None
    deltas: bool = True
    delta_storage: str | None = None
    transport: Literal["auto", "httpx"] = "auto"
    trust_env: bool = True
    default_source: str = DEFAULT_SOURCE
    sources: Path | None = None

    def __post_init__(self) -> None:
        self._take_texts()
        try:
            check_fields(self)
        except InvalidArgument as error:
            hint = _FORMER.get((error.name, getattr(self, error.name))) or error.hint
            raise InvalidSettings(setting=error.name, reason=error.why(), hint=hint) from None
        _check_endpoint("endpoint", self.endpoint)
        if self.delta_storage is not None:
            _check_endpoint("delta_storage", self.delta_storage)
        if (reason := _refused_address(self.store_address, self.root)) is not None:
            raise InvalidSettings(setting="root", reason=reason)
        for name in ("max_connections", "connections_per_file", "chunk_bytes", "remote_cache_bytes", "bandwidth_limit"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise InvalidSettings(setting=name, reason="it must be at least 1")
        for name in ("connect_timeout_s", "api_timeout_s", "stall_timeout_s", "give_up_after_s", "lease_s"):
            if not getattr(self, name) > 0:
                raise InvalidSettings(setting=name, reason="it must be more than 0 seconds")
        if self.lock_timeout_s is not None and not self.lock_timeout_s >= 0:
            raise InvalidSettings(setting="lock_timeout_s", reason="it must be at least 0 seconds")

    def _take_texts(self) -> None:
        root: Any = self.root
        if is_address(root):
            force_setattr(self, "store_address", root.strip().rstrip("/"))
            force_setattr(self, "root", DEFAULT_ROOT)
        for name in ("root", "hf_cache", "sources"):
            if isinstance(value := getattr(self, name), str) and value:
                force_setattr(self, name, expand_home(value))
        token: Any = self.token
        if isinstance(token, str):
            force_setattr(self, "token", Secret(token.strip()) if token.strip() else None)
        if isinstance(self.endpoint, str):
            force_setattr(self, "endpoint", self.endpoint.strip().rstrip("/"))
        if isinstance(self.delta_storage, str):
            force_setattr(self, "delta_storage", self.delta_storage.strip().rstrip("/") or None)


def is_address(root: object) -> bool:
    """Whether a root, as it was given, is the address of an object store, of whatever kind. Pure."""
    return isinstance(root, str) and "://" in root


def check_address(address: str, *, setting: str) -> str:
    """The address itself, where it is one of an object store that there is.

    Raises:
        InvalidSettings: It is none. What it holds is not told: that may be a secret.
    """
    if not _ADDRESS.fullmatch(address):
        raise InvalidSettings(setting=setting, reason=_KNOWN_ADDRESSES)
    return address


def _refused_address(address: str | None, root: Path) -> str | None:
    if address is not None and not _ADDRESS.fullmatch(address):
        return _KNOWN_ADDRESSES
    if _FLATTENED.match(str(root)):
        return "an address of an object store is given as text, for a Path joins the slashes of it"
    return None


_ADDRESS = re.compile(r"(s3|gs|az|memory)://[^/?#\s@:]+(/[^/?#\s]+)*")
_KNOWN_ADDRESSES = (
    "of object stores there are s3://bucket/prefix, gs://bucket/prefix, az://container/prefix and memory://name"
)
_FLATTENED = re.compile(r"(s3|gs|az|memory):/[^/]")
_HINTS = get_type_hints(Settings)
_FORMER: Mapping[tuple[object, object], str] = {
    ("transport", "fast"): "What the extra `fast` brought is built in: leave the setting out, or write auto.",
}
_WITHOUT_VARIABLE = {"token", "endpoint", "store_address"}
VARIABLES = {f"HFSVC_{name.upper()}": name for name in Settings.__struct_fields__ if name not in _WITHOUT_VARIABLE}
"""The setting that each variable of ours sets."""
_OF_THE_HUB = {"endpoint": "HF_ENDPOINT", "stall_timeout_s": "HF_HUB_DOWNLOAD_TIMEOUT"}


def load_settings(env: Mapping[str, str], **overrides: Any) -> Settings:
    """Settings from an environment.

    Args:
        env: Usually ``os.environ``. Read are the Hub's own variables (``HF_TOKEN``, ``HUGGING_FACE_HUB_TOKEN``,
            ``HF_TOKEN_PATH``, ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_HUB_DISABLE_IMPLICIT_TOKEN``, ``HF_ENDPOINT``, ``HF_HUB_OFFLINE``,
            ``HF_HUB_DOWNLOAD_TIMEOUT``) and ``HFSVC_<FIELD>`` for every field but the token, the
            endpoint and the address of an object store, which is given as the root.
        overrides: Values for fields that win over the environment; None means not given.

    Raises:
        InvalidSettings: A value cannot be used; the error names the variable.
    """
    _check_names(env, overrides)
    values: dict[str, Any] = {"token": find_token(env), "offline": is_true("HF_HUB_OFFLINE", env)}
    values["hf_cache"] = _hf_cache(env)
    if endpoint := env.get("HF_ENDPOINT"):
        values["endpoint"] = endpoint
    if timeout := env.get("HF_HUB_DOWNLOAD_TIMEOUT"):
        values["stall_timeout_s"] = _convert("HF_HUB_DOWNLOAD_TIMEOUT", timeout, float)
    set_by = {name: each for each, name in VARIABLES.items() if env.get(each)}
    values |= {name: _convert(each, env[each], _HINTS[name]) for name, each in set_by.items()}
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**values | given)
    except InvalidSettings as error:
        if error.setting not in given:
            error.setting = (_OF_THE_HUB | set_by).get(error.setting, error.setting)
        raise


def _check_names(env: Mapping[str, str], overrides: Mapping[str, Any]) -> None:
    for name in overrides:
        if name not in Settings.__struct_fields__:
            raise _unknown(name, Settings.__struct_fields__)
    for name in sorted(env):
        if name.upper().startswith("HFSVC_") and name not in VARIABLES and not _OTHERS_NAMES.match(name):
            raise _unknown(name, (*VARIABLES, *OTHER_VARIABLES))


def _unknown(name: str, known: Collection[str]) -> InvalidSettings:
    hub = {"HFSVC_TOKEN": "HF_TOKEN", "HFSVC_ENDPOINT": "HF_ENDPOINT"}.get(name.upper())
    # Texts that begin alike need more than that.
    near = did_you_mean(name, known, alike=0.75) or did_you_mean(name.upper(), known, alike=0.75)
    hint = f"Its variable is {hub}." if hub else near
    return InvalidSettings(setting=name, reason=f"there is none of this name; there are: {', '.join(known)}", hint=hint)


def find_token(env: Mapping[str, str]) -> Secret | None:
    """The caller's Hub token: ``HF_TOKEN``, the older ``HUGGING_FACE_HUB_TOKEN``, else the login command's file.

    Source: the order of huggingface_hub 2.4, without its OIDC exchange and Colab secret. Blanks and line ends are
    stripped, an empty text is no token.
    """
    if is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN", env):
        return None
    texts = (env.get("HF_TOKEN"), env.get("HUGGING_FACE_HUB_TOKEN"), _token_file(env))
    return next((Secret(text.strip()) for text in texts if text and text.strip()), None)


def _token_file(env: Mapping[str, str]) -> str | None:
    try:
        path = Path(env.get("HF_TOKEN_PATH") or hf_home(env) / "token").expanduser()
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, RuntimeError):
        # Where nobody has a home, nobody has logged in there.
        return None


def hf_home(env: Mapping[str, str]) -> Path:
    """The folder in which Hugging Face's own tools keep their state.

    Raises:
        RuntimeError: It is named by a home folder, and there is none.
    """
    cache = env.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(env.get("HF_HOME") or Path(cache) / "huggingface").expanduser()


def _hf_cache(env: Mapping[str, str]) -> Path | None:
    try:
        return Path(env.get("HF_HUB_CACHE") or hf_home(env) / "hub").expanduser()
    except RuntimeError:
        return None


def expand_home(path: Path | str) -> Path:
    """A path without ``~``.

    Raises:
        InvalidSettings: This user has no home folder, or there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        name = str(path).partition("/")[0].removeprefix("~")
        reason = f"there is no user {name} here" if name else "this user has no home folder, so ~ means nothing"
        raise InvalidSettings(setting=str(path), reason=reason, hint="Write the path out.") from None


def make_absolute(path: Path | str, *, setting: str | None = None, hint: str = "Write the path out.") -> Path:
    """A path from the root of the file system on, links as they are.

    Args:
        path: May begin with ``~``, or be relative to the working folder.
        setting: What it was given as; the path itself by default.
        hint: What to do where it cannot be told.

    Raises:
        InvalidSettings: It is relative, and the working folder is gone; or as `expand_home` says.
    """
    expanded = expand_home(path)
    if expanded.is_absolute():
        return expanded
    try:
        return Path.cwd() / expanded
    except OSError as error:
        reason = f"{path if setting else 'it'} is relative, and the working folder cannot be found ({error.strerror})"
        raise InvalidSettings(setting=setting or str(path), reason=reason, hint=hint) from None


def _convert(variable: str, text: str, kind: Any) -> Any:
    if kind is bool:
        return is_true(variable, {variable: text})
    if VARIABLES.get(variable) == "root" and is_address(text):
        return text
    try:
        return msgspec.convert(text.strip(), kind, strict=False, dec_hook=lambda _, value: expand_home(value))
    except msgspec.ValidationError:
        known = get_args(kind) if get_origin(kind) is Literal else ()
        reason = f"there is only {', '.join(known)}" if known else f"it must be {described(kind)}"
        hint = _FORMER.get((VARIABLES.get(variable), text.strip())) or did_you_mean(text, known)
        raise InvalidSettings(setting=variable, reason=f"{text!r} does not fit: {reason}", hint=hint) from None


def is_true(variable: str, env: Mapping[str, str]) -> bool:
    """Whether a variable says yes; one that is not set says no.

    Raises:
        InvalidSettings: It says neither yes nor no.
    """
    text = env.get(variable, "").strip()
    if text.upper() in {"", *_NO}:
        return False
    if text.upper() in _YES:
        return True
    raise InvalidSettings(
        setting=variable, reason=f"{text!r} is neither yes (1, on, yes, true) nor no (0, off, no, false)"
    )


def _check_endpoint(setting: str, endpoint: str) -> None:
    reason = "it must be an address such as https://huggingface.co"
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and endpoint.isprintable()
    except ValueError:
        raise InvalidSettings(setting=setting, reason=reason) from None
    if not usable or parts.query or parts.fragment or " " in endpoint:
        raise InvalidSettings(setting=setting, reason=reason)
    if parts.username or parts.password:
        raise InvalidSettings(setting=setting, reason="it must not hold a user or a password")
