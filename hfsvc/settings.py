"""Settings: one frozen struct, read from the environment once, at the edge."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_type_hints
from urllib.parse import urlsplit

import msgspec

from hfsvc.errors import InvalidSettings

DEFAULT_ROOT = Path(".openagents/datasets")
DEFAULT_ENDPOINT = "https://huggingface.co"
DEFAULT_SOURCE = "openthoughts-sft"
MiB = 1 << 20


class Secret:
    """A text that never shows itself in a repr, a log or a traceback's locals. `reveal` gives it back."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret('***')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def reveal(self) -> str:
        """The text itself."""
        return self._text


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this process reaches the Hub and where it keeps things.

    Attributes:
        root: Folder of the store; made absolute when a container opens.
        endpoint: Origin (and path, for a mirror below one) of the Hub, without a trailing ``/``.
        token: Sent to the endpoint's origin and nowhere else.
        offline: Forbid every request.
        max_connections: Content streams at once, over all files.
        connections_per_file: Content streams at once for one file.
        chunk_bytes: Length of the ranges that a large file is fetched in.
        bandwidth_limit: Bytes of content a second, over all downloads of a container; None for no limit.
        connect_timeout_s: Seconds to wait for a connection.
        api_timeout_s: Seconds to wait for each read of an API answer.
        stall_timeout_s: Seconds without a byte after which a content stream is given up and continued on a new one.
        give_up_after_s: Seconds without any progress after which a call or a file fails. Waits that the Hub asks for
            count.
        lock_timeout_s: Seconds to wait for another process that works on the same dataset; None waits for ever.
        reuse_hf_cache: Copy blobs that lie in `hf_cache` with the right hash instead of fetching them.
        hf_cache: Cache of Hugging Face's own tools (``HF_HUB_CACHE``, else ``$HF_HOME/hub``); None for none.
        transport: ``fast`` (pyreqwest, extra ``fast``), ``httpx`` (its own), or ``auto``: the fast one where installed.
        trust_env: Read proxies and CA certificates from the environment.
        default_source: Alias or id of the dataset that is read where none is named.
        sources: TOML file with datasets of your own, see `hfsvc.trajectories.registry`; None for none.
    """

    root: Path = DEFAULT_ROOT
    endpoint: str = DEFAULT_ENDPOINT
    token: Secret | None = None
    offline: bool = False
    max_connections: int = 16
    connections_per_file: int = 8
    chunk_bytes: int = 8 * MiB
    bandwidth_limit: int | None = None
    connect_timeout_s: float = 10.0
    api_timeout_s: float = 30.0
    stall_timeout_s: float = 20.0
    give_up_after_s: float = 600.0
    lock_timeout_s: float | None = None
    reuse_hf_cache: bool = True
    hf_cache: Path | None = None
    transport: Literal["auto", "httpx", "fast"] = "auto"
    trust_env: bool = True
    default_source: str = DEFAULT_SOURCE
    sources: Path | None = None

    def __post_init__(self) -> None:
        _check_endpoint(self.endpoint)
        for name in ("max_connections", "connections_per_file", "chunk_bytes", "bandwidth_limit"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise InvalidSettings(setting=name, reason="it must be at least 1")
        for name in ("connect_timeout_s", "api_timeout_s", "stall_timeout_s", "give_up_after_s"):
            if not getattr(self, name) > 0:
                raise InvalidSettings(setting=name, reason="it must be more than 0 seconds")


def load_settings(env: Mapping[str, str], **overrides: Any) -> Settings:
    """Settings from an environment.

    Args:
        env: Usually ``os.environ``. Read are the Hub's own variables (``HF_TOKEN``, ``HUGGING_FACE_HUB_TOKEN``,
            ``HF_TOKEN_PATH``, ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_HUB_DISABLE_IMPLICIT_TOKEN``, ``HF_ENDPOINT``, ``HF_HUB_OFFLINE``,
            ``HF_HUB_DOWNLOAD_TIMEOUT``) and ``HFSVC_<FIELD>`` for every field but the token and the
            endpoint.
        overrides: Values for fields that win over the environment; None means not given.

    Raises:
        InvalidSettings: A value cannot be used; the error names the variable.
    """
    values: dict[str, Any] = {"token": find_token(env), "offline": _is_true(env.get("HF_HUB_OFFLINE"))}
    values["hf_cache"] = Path(env.get("HF_HUB_CACHE") or hf_home(env) / "hub").expanduser()
    if endpoint := env.get("HF_ENDPOINT"):
        values["endpoint"] = endpoint
    if timeout := env.get("HF_HUB_DOWNLOAD_TIMEOUT"):
        values["stall_timeout_s"] = _convert("HF_HUB_DOWNLOAD_TIMEOUT", timeout, float)
    values |= _own_variables(env)
    values |= {name: value for name, value in overrides.items() if value is not None}
    values["endpoint"] = values.get("endpoint", DEFAULT_ENDPOINT).strip().rstrip("/")
    return Settings(**values)


def find_token(env: Mapping[str, str]) -> Secret | None:
    """The caller's Hub token: ``HF_TOKEN``, the older ``HUGGING_FACE_HUB_TOKEN``, else the login command's file.

    Source: the order of huggingface_hub 2.4, without its OIDC exchange and Colab secret. Blanks and line ends are
    stripped, an empty text is no token.
    """
    if _is_true(env.get("HF_HUB_DISABLE_IMPLICIT_TOKEN")):
        return None
    texts = (env.get("HF_TOKEN"), env.get("HUGGING_FACE_HUB_TOKEN"), _token_file(env))
    return next((Secret(text.strip()) for text in texts if text and text.strip()), None)


def _token_file(env: Mapping[str, str]) -> str | None:
    path = env.get("HF_TOKEN_PATH") or hf_home(env) / "token"
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def hf_home(env: Mapping[str, str]) -> Path:
    """The folder in which Hugging Face's own tools keep their state."""
    cache = env.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(env.get("HF_HOME") or Path(cache) / "huggingface").expanduser()


def _own_variables(env: Mapping[str, str]) -> dict[str, Any]:
    hints = get_type_hints(Settings)
    named = {name: f"HFSVC_{name.upper()}" for name in Settings.__struct_fields__ if name not in {"token", "endpoint"}}
    return {
        name: _convert(variable, env[variable], hints[name]) for name, variable in named.items() if env.get(variable)
    }


def _convert(variable: str, text: str, kind: Any) -> Any:
    if kind is bool:
        return _is_true(text)
    try:
        return msgspec.convert(text, kind, strict=False, dec_hook=lambda _, value: Path(value).expanduser())
    except msgspec.ValidationError as error:
        raise InvalidSettings(setting=variable, reason=f"{text!r} does not fit ({error})") from None


def _is_true(text: str | None) -> bool:
    return (text or "").strip().upper() in {"1", "ON", "YES", "TRUE"}


def _check_endpoint(endpoint: str) -> None:
    reason = "it must be an address such as https://huggingface.co"
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and endpoint.isprintable()
    except ValueError:
        raise InvalidSettings(setting="endpoint", reason=reason) from None
    if not usable or parts.query or parts.fragment or " " in endpoint:
        raise InvalidSettings(setting="endpoint", reason=reason)
    if parts.username or parts.password:
        raise InvalidSettings(setting="endpoint", reason="it must not hold a user or a password")
