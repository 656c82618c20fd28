from pathlib import Path
from typing import Any

import pytest

from hfsvc.errors import InvalidSettings
from hfsvc.secret import Secret
from hfsvc.settings import DEFAULT_ENDPOINT, DEFAULT_ROOT, Settings, find_token, load_settings

NOWHERE = {"HF_HOME": "/nowhere"}


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load_settings(NOWHERE) == Settings(hf_cache=Path("/nowhere/hub"))
    assert (Settings().endpoint, Settings().root) == (DEFAULT_ENDPOINT, DEFAULT_ROOT)


WITHOUT_VARIABLE = {"token", "endpoint", "store_address"}


@pytest.mark.parametrize("field", [name for name in Settings.__struct_fields__ if name not in WITHOUT_VARIABLE])
def test_every_field_has_a_variable(field: str) -> None:
    switches = {"offline": "1", "trust_env": "0", "reuse_hf_cache": "off", "deltas": "no"}
    texts = {"root": "/x", "transport": "httpx", "locks": "lease", "delta_storage": "https://cas.test"}
    text = (switches | texts).get(field, "7")
    assert getattr(load_settings(NOWHERE | {f"HFSVC_{field.upper()}": text}), field) != getattr(Settings(), field)


@pytest.mark.parametrize("address", ["s3://bucket/a/prefix", "gs://bucket", "az://container/x", "memory://mine"])
def test_a_root_may_be_the_address_of_an_object_store(address: str) -> None:
    given: Any = f"{address}/"
    for found in (
        load_settings(NOWHERE | {"HFSVC_ROOT": given}),
        load_settings(NOWHERE, root=given),
        Settings(root=given),
    ):
        assert (found.store_address, found.root) == (address, DEFAULT_ROOT)


@pytest.mark.parametrize(
    "root", ["http://host/x", "s3://", "s3://user:secret@bucket", "s3://bucket?token=secret", Path("s3://b/x")]
)
def test_a_root_that_is_no_address_of_an_object_store_is_refused_without_its_secrets(root: Any) -> None:
    with pytest.raises(InvalidSettings) as refused:
        Settings(root=root)
    assert (refused.value.setting, "secret" in str(refused.value)) == ("root", False)


@pytest.mark.parametrize(
    "field",
    [
        "max_connections",
        "connections_per_file",
        "chunk_bytes",
        "remote_cache_bytes",
        "connect_timeout_s",
        "api_timeout_s",
        "stall_timeout_s",
        "give_up_after_s",
    ],
)
@pytest.mark.parametrize("text", ["0", "-1", "many", "nan"])
def test_a_number_that_cannot_be_used_is_refused(field: str, text: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load_settings(NOWHERE | {f"HFSVC_{field.upper()}": text})
    assert field in caught.value.setting.lower()


@pytest.mark.parametrize(
    "endpoint",
    [
        "huggingface.co",
        "ftp://huggingface.co",
        "https://",
        "https://h?x=1",
        "https://h#x",
        "https://user:pass@h",
        "http://[",
        "http://h:99999",
        "http://h:port",
        "http://h:0",
        "http://exa mple",
        "http://h\x00x",
    ],
)
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidSettings):
        load_settings(NOWHERE | {"HF_ENDPOINT": endpoint})


def test_a_refused_endpoint_does_not_show_its_password() -> None:
    with pytest.raises(InvalidSettings) as caught:
        Settings(endpoint="https://user:geheim@h")
    assert "geheim" not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize(
    "endpoint", ["https://mirror.example/hf/", " https://mirror.example/hf ", "https://mirror.example/hf"]
)
def test_an_endpoint_loses_blanks_and_its_last_slash(endpoint: str) -> None:
    assert load_settings(NOWHERE | {"HF_ENDPOINT": endpoint}).endpoint == "https://mirror.example/hf"


def test_the_hubs_download_timeout_is_the_stall_timeout() -> None:
    assert load_settings(NOWHERE | {"HF_HUB_DOWNLOAD_TIMEOUT": "42"}).stall_timeout_s == 42
    both = NOWHERE | {"HF_HUB_DOWNLOAD_TIMEOUT": "42", "HFSVC_STALL_TIMEOUT_S": "43"}
    assert load_settings(both).stall_timeout_s == 43


@pytest.mark.parametrize(
    ("text", "offline"),
    [
        ("1", True),
        ("true", True),
        ("ON", True),
        ("yes", True),
        ("0", False),
        ("off", False),
        (" no ", False),
        ("", False),
    ],
)
def test_offline_is_read_as_the_hubs_own_tools_read_it(text: str, offline: bool) -> None:
    assert load_settings(NOWHERE | {"HF_HUB_OFFLINE": text}).offline is offline


def test_overrides_win_unless_they_are_none() -> None:
    env = NOWHERE | {"HFSVC_ROOT": "/env"}
    assert load_settings(env, root=Path("/given")).root == Path("/given")
    assert load_settings(env, root=None).root == Path("/env")


@pytest.mark.parametrize(
    ("env", "token"),
    [
        ({"HF_TOKEN": "hf_a", "HUGGING_FACE_HUB_TOKEN": "hf_b"}, "hf_a"),
        ({"HUGGING_FACE_HUB_TOKEN": "hf_b"}, "hf_b"),
        ({"HF_TOKEN": "  hf_a\n"}, "hf_a"),
        ({"HF_TOKEN": "", "HUGGING_FACE_HUB_TOKEN": "hf_b"}, "hf_b"),
        ({"HF_TOKEN": "hf_a", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}, None),
        ({}, None),
    ],
)
def test_the_token_comes_from_the_first_variable_that_holds_one(env: dict[str, str], token: str | None) -> None:
    assert find_token(NOWHERE | env) == (Secret(token) if token else None)


def test_the_token_comes_from_the_login_file_last(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_file\n")
    assert find_token({"HF_HOME": str(tmp_path)}) == Secret("hf_file")
    assert find_token({"HF_HOME": str(tmp_path), "HF_TOKEN": "hf_env"}) == Secret("hf_env")
    assert find_token({"HF_TOKEN_PATH": str(tmp_path / "token"), **NOWHERE}) == Secret("hf_file")


def test_a_login_file_that_is_no_text_is_no_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    assert find_token({"HF_HOME": str(tmp_path)}) is None


def test_a_secret_never_shows_itself() -> None:
    settings = Settings(token=Secret("hf_geheim"))
    assert "geheim" not in f"{settings} {settings!r} {settings.token} {settings.token!r}"
    assert settings.token is not None
    assert settings.token.reveal() == "hf_geheim"


# ---- what is misspelt is told -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("HFSVC_MAX_CONECTIONS", "Did you mean HFSVC_MAX_CONNECTIONS?"),
        ("HFSVC_SOURCE", "Did you mean HFSVC_SOURCES?"),
        ("hfsvc_root", "Did you mean HFSVC_ROOT?"),
        ("HFSVC_TOKEN", "Its variable is HF_TOKEN."),
        ("HFSVC_ENDPOINT", "Its variable is HF_ENDPOINT."),
        ("HFSVC_QQQ", None),
    ],
)
def test_a_variable_that_there_is_not_is_refused_with_those_that_there_are(name: str, hint: str | None) -> None:
    with pytest.raises(InvalidSettings, match=r"HFSVC_ROOT, .*HFSVC_SERVER_TOKEN") as caught:
        load_settings(NOWHERE | {name: "hf_geheim"})
    assert (caught.value.setting, caught.value.hint) == (name, hint)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "HFSVC_SERVER_TOKEN",
        "HFSVC_TEST_DATA",
        "HFSVC_SERVICE_HOST",
        "HFSVC_SERVICE_PORT_HTTP",
        "HFSVC_PORT_80_TCP_ADDR",
    ],
)
def test_what_others_call_so_is_left_alone(name: str) -> None:
    assert load_settings(NOWHERE | {name: "tcp://10.0.0.1:80"}) == load_settings(NOWHERE)


def test_an_argument_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidSettings, match=r"max_conections.*Did you mean max_connections"):
        load_settings(NOWHERE, max_conections=4)


@pytest.mark.parametrize(
    "name", ["HFSVC_OFFLINE", "HF_HUB_OFFLINE", "HFSVC_TRUST_ENV", "HF_HUB_DISABLE_IMPLICIT_TOKEN"]
)
def test_what_is_neither_yes_nor_no_is_refused(name: str) -> None:
    with pytest.raises(InvalidSettings, match=rf"{name}.*'ture'"):
        load_settings(NOWHERE | {name: "ture"})


def test_a_choice_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidSettings, match=r"HFSVC_TRANSPORT.*auto, httpx"):
        load_settings(NOWHERE | {"HFSVC_TRANSPORT": "htpx"})
    with pytest.raises(InvalidSettings, match=r"transport.*auto, httpx.*Did you mean httpx"):
        Settings(transport="htpx")  # type: ignore[arg-type]


def test_a_former_choice_is_refused_with_what_became_of_it() -> None:
    with pytest.raises(InvalidSettings, match=r"HFSVC_TRANSPORT.*auto, httpx.*built in: leave the setting out"):
        load_settings(NOWHERE | {"HFSVC_TRANSPORT": "fast"})
    with pytest.raises(InvalidSettings, match=r"transport.*auto, httpx.*built in: leave the setting out"):
        Settings(transport="fast")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("root", ""),
        ("root", None),
        ("token", 5),
        ("offline", "no"),
        ("max_connections", "8"),
        ("max_connections", True),
        ("chunk_bytes", 1.5),
        ("api_timeout_s", None),
        ("lock_timeout_s", -1.0),
        ("default_source", None),
        ("endpoint", None),
        ("sources", 5),
    ],
)
def test_a_setting_of_another_kind_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidSettings, match=name):
        Settings(**{name: value})


def test_texts_do_for_paths_and_for_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    given: dict[str, Any] = {"root": "/x", "sources": "~/s.toml", "hf_cache": "y", "token": " hf_geheim\n"}
    settings = Settings(endpoint="https://mirror.example/hf/", **given)
    assert (settings.root, settings.sources, settings.hf_cache) == (Path("/x"), Path("/home/me/s.toml"), Path("y"))
    assert (settings.token, settings.endpoint) == (Secret("hf_geheim"), "https://mirror.example/hf")
    assert "geheim" not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "text", "told"),
    [
        ("HF_ENDPOINT", "huggingface.co", "it must be an address such as"),
        ("HFSVC_MAX_CONNECTIONS", "0", "it must be at least 1"),
        ("HFSVC_MAX_CONNECTIONS", "many", "'many' does not fit: it must be a whole number"),
        ("HFSVC_STALL_TIMEOUT_S", "-1", "it must be more than 0 seconds"),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "0", "it must be more than 0 seconds"),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "soon", "it must be a number"),
        ("HFSVC_ROOT", "~no-such-user/x", "there is no user no-such-user here"),
    ],
)
def test_the_variable_that_holds_what_cannot_be_is_named(variable: str, text: str, told: str) -> None:
    with pytest.raises(InvalidSettings, match=told) as caught:
        load_settings(NOWHERE | {variable: text})
    assert variable in {caught.value.setting, "HFSVC_ROOT"}


def test_a_value_that_was_passed_is_not_blamed_on_a_variable() -> None:
    with pytest.raises(InvalidSettings) as caught:
        load_settings(NOWHERE | {"HF_ENDPOINT": "https://hub.example"}, endpoint="hub.example")
    assert caught.value.setting == "endpoint"
