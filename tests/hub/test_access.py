"""Who sees what: tokens, gates, and where a token goes."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from dependency_injector import providers

from hfsvc.containers import open_container
from hfsvc.errors import AccessDenied, AuthenticationRequired, DatasetNotFound, GatedDataset, HfsvcError
from hfsvc.secret import Secret
from hfsvc.testing import LocalHub
from hfsvc.testing.localhub import Corrupt, Cut, Fault, Status, WithHeader, mirror_of

from ..builders import REPO, everything, open_service, settings_for

TOKEN = "hf_geheimgeheimgeheim"
HubFactory = Callable[..., LocalHub]


@pytest.fixture
def hub(local_hub_factory: HubFactory) -> LocalHub:
    hub = local_hub_factory(tokens={TOKEN: [REPO], "hf_stranger": []})
    hub.write(REPO, "a.parquet", b"a" * 100)
    hub.write(REPO, "a.txt", b"a" * 100)
    return hub


async def failure(hub: LocalHub, root: Path, token: str | None, repo: str = REPO) -> HfsvcError:
    async with open_service(hub, root, token=Secret(token) if token else None) as service:
        with pytest.raises(HfsvcError) as caught:
            await service.download(everything(repo))
    return caught.value


async def test_a_private_dataset_is_missing_or_private_to_anonymous_callers(hub: LocalHub, root: Path) -> None:
    hub.configure(REPO, private=True)
    error = await failure(hub, root, None)
    assert isinstance(error, DatasetNotFound)
    assert "missing or private" in str(error)
    assert "HF_TOKEN" in str(error)


async def test_a_private_dataset_is_missing_to_strangers(hub: LocalHub, root: Path) -> None:
    hub.configure(REPO, private=True)
    assert isinstance(await failure(hub, root, "hf_stranger"), DatasetNotFound)


async def test_a_private_dataset_is_open_to_its_owner(hub: LocalHub, root: Path) -> None:
    hub.configure(REPO, private=True)
    async with open_service(hub, root, token=Secret(TOKEN)) as service:
        assert len((await service.download(everything())).files) == 2


@pytest.mark.parametrize("token", [None, "hf_stranger"])
async def test_a_gated_dataset_says_so(hub: LocalHub, root: Path, token: str | None) -> None:
    hub.configure(REPO, gated="manual")
    error = await failure(hub, root, token)
    assert isinstance(error, GatedDataset)
    assert error.exit_code == 4


async def test_a_disabled_dataset_is_denied(hub: LocalHub, root: Path) -> None:
    hub.configure(REPO, disabled=True)
    assert isinstance(await failure(hub, root, TOKEN), AccessDenied)


@pytest.mark.parametrize("repo", [REPO, "acme/nothing"])
async def test_a_bad_token_is_told_as_such(hub: LocalHub, root: Path, repo: str) -> None:
    error = await failure(hub, root, "hf_expired_geheim", repo)
    assert isinstance(error, AuthenticationRequired)
    assert "geheim" not in f"{error} {error!r}"


async def test_a_missing_dataset_is_not_the_tokens_fault(hub: LocalHub, root: Path) -> None:
    assert isinstance(await failure(hub, root, TOKEN, "acme/nothing"), DatasetNotFound)


async def test_no_access_is_not_tried_again(hub: LocalHub, root: Path) -> None:
    await failure(hub, root, None, "acme/nothing")
    assert hub.count() == 1


async def test_a_requests_token_goes_before_the_settings(hub: LocalHub, root: Path) -> None:
    hub.configure(REPO, private=True)
    async with open_service(hub, root, token=Secret("hf_stranger")) as service:
        found = await service.download(everything(token=TOKEN))
    assert found.files


@pytest.mark.parametrize("token", ["hf_new\nline", "hf_ümlaut", "hf_nul\x00", "hf \r\nX-Evil: 1"])
async def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(hub: LocalHub, root: Path, token: str) -> None:
    error = await failure(hub, root, token)
    assert error.exit_code in {2, 4}
    assert token[3:] not in "".join(traceback.format_exception(error))
    assert hub.count() == 0


# ---- where the token goes --------------------------------------------------------------------------------------------


async def test_the_token_goes_to_the_hub_and_never_to_the_cdn(hub: LocalHub, root: Path) -> None:
    async with open_service(hub, root, token=Secret(TOKEN)) as service:
        await service.download(everything())
    assert {request.headers.get("authorization") for request in hub.find(server="hub")} == {f"Bearer {TOKEN}"}
    assert hub.count(server="cdn") > 0
    assert all("authorization" not in request.headers for request in hub.find(server="cdn"))


async def test_the_token_stays_with_the_mirror(hub: LocalHub, local_hub_factory: HubFactory, root: Path) -> None:
    mirror = local_hub_factory(root.parent / "mirror")
    mirror.fault(mirror_of(hub.endpoint), server="hub")
    async with open_service(mirror, root, token=Secret(TOKEN)) as service:
        await service.download(everything())
    assert all("authorization" in request.headers for request in mirror.find(server="hub"))
    assert hub.count(server="hub") > 0
    assert all("authorization" not in request.headers for request in hub.requests)


async def test_cookies_are_never_sent(hub: LocalHub, root: Path) -> None:
    hub.fault(WithHeader("Set-Cookie", "session=geheim; Path=/"))
    async with open_service(hub, root) as service:
        await service.download(everything())
    assert all("cookie" not in request.headers for request in hub.requests)


async def test_a_client_that_was_passed_in_lends_neither_its_authorization_nor_its_cookies(
    hub: LocalHub, root: Path
) -> None:
    headers = {"authorization": "Bearer other"}
    async with (
        httpx.AsyncClient(headers=headers, cookies={"a": "b"}, auth=("user", "pass"), trust_env=False) as http,
        open_container(settings_for(hub, root), http=providers.Object(http)) as container,
    ):
        await container.datasets().download(everything())
    assert all(not {"authorization", "cookie"} & request.headers.keys() for request in hub.requests)


async def test_every_request_says_who_asks_and_has_its_own_id(hub: LocalHub, root: Path) -> None:
    async with open_service(hub, root) as service:
        await service.download(everything())
    assert all(request.headers["user-agent"].startswith("hfsvc/") for request in hub.requests)
    assert len({request.headers["x-request-id"] for request in hub.requests}) == hub.count()


# ---- what is shown ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("passed_in", [False, True])
@pytest.mark.parametrize("fault", [Cut(after=0), Status(403, "xml"), Corrupt(), Status(503)], ids=str)
async def test_no_log_and_no_error_holds_a_token_or_a_signed_query(
    hub: LocalHub, root: Path, caplog: pytest.LogCaptureFixture, fault: Fault, passed_in: bool
) -> None:
    for name in ("httpx", *(name for name in logging.root.manager.loggerDict if name.startswith("httpcore"))):
        # As in a process that has made no client yet.
        logging.getLogger(name).filters.clear()
    for name in ("", "httpx", "httpcore", "hfsvc", "stamina"):
        caplog.set_level(logging.DEBUG, logger=name)
    hub.fault(fault, server="cdn")
    settings = settings_for(hub, root, token=Secret(TOKEN), transport="httpx", give_up_after_s=0.01)
    shown = ""
    async with httpx.AsyncClient(trust_env=False) as http:
        overrides = {"http": providers.Object(http)} if passed_in else {}
        async with open_container(settings, **overrides) as container:
            try:
                await container.datasets().download(everything(token=TOKEN))
            except HfsvcError as error:
                shown = f"{error} {error!r}" + "".join(traceback.format_exception(error))
    assert shown
    text = shown + caplog.text + "".join(f"{record.args} {record.exc_text}" for record in caplog.records)
    assert "HTTP Request" in text
    assert "geheim" not in text
    assert "Signature" not in text
