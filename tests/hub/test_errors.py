import traceback

import httpx
import pytest
import respx

from hfsvc.aio.throttle import Throttle
from hfsvc.errors import (
    AccessDenied,
    AuthenticationRequired,
    DatasetNotFound,
    FileNotFound,
    GatedDataset,
    HfsvcError,
    HubRefused,
    HubUnavailable,
    NotAHub,
    ProxyRefused,
    RateLimited,
    RevisionNotFound,
    TryLater,
)
from hfsvc.hub.client import HubClient
from hfsvc.hub.errors import (
    DISABLED_MESSAGE,
    ErrorResponse,
    RequestContext,
    error_from_content_server,
    error_from_hub,
)
from hfsvc.hub.session import HubSession
from hfsvc.hub.transport_errors import error_from_transport
from hfsvc.metrics import Counters
from hfsvc.secret import Secret
from hfsvc.settings import Settings

URL = "https://huggingface.co/api/datasets/a/b?Signature=geheim"
TOKEN = Secret("hf_geheim")
SIGNED = "https://cdn.example/x?Signature=geheim"
REPO = RequestContext("a/b", "main")
FILE = RequestContext("a/b", "main", "x.parquet")
WITH_TOKEN = REPO._replace(token_sent=True)


def answer(
    status: int, code: str | None = None, body: bytes = b"", kind: str = "text/html", **more: str
) -> ErrorResponse:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    headers = httpx.Headers({"content-type": kind, **named} | ({"x-error-code": code} if code else {}))
    return ErrorResponse(URL, status, headers, body)


@pytest.mark.parametrize(
    ("found", "asked", "kind"),
    [
        pytest.param(answer(404, "RepoNotFound"), REPO, DatasetNotFound, id="repo"),
        pytest.param(answer(401, "RepoNotFound"), REPO, DatasetNotFound, id="repo, anonymous"),
        pytest.param(answer(404, "RevisionNotFound"), REPO, RevisionNotFound, id="revision"),
        pytest.param(answer(404, "EntryNotFound"), FILE, FileNotFound, id="entry"),
        pytest.param(answer(401, "GatedRepo"), REPO, GatedDataset, id="gated, anonymous"),
        pytest.param(answer(403, "GatedRepo"), WITH_TOKEN, GatedDataset, id="gated"),
        pytest.param(answer(401), REPO, DatasetNotFound, id="anonymous 401"),
        pytest.param(answer(401), WITH_TOKEN, AuthenticationRequired, id="bad token"),
        pytest.param(answer(403, kind="application/json"), WITH_TOKEN, AccessDenied, id="scope"),
        pytest.param(answer(403), WITH_TOKEN, ProxyRefused, id="a proxy's page"),
        pytest.param(answer(403, ratelimit="x"), WITH_TOKEN, AccessDenied, id="the Hub's page"),
        pytest.param(answer(407), REPO, ProxyRefused, id="407"),
        pytest.param(answer(401, www_authenticate='Basic realm="x"'), WITH_TOKEN, ProxyRefused, id="another login"),
        pytest.param(answer(401, www_authenticate='Bearer realm="x"'), REPO, DatasetNotFound, id="the Hub's login"),
        pytest.param(answer(403, x_error_message=DISABLED_MESSAGE), REPO, AccessDenied, id="disabled"),
        pytest.param(answer(404), FILE, FileNotFound, id="file without a code"),
        pytest.param(answer(404), REPO, NotAHub, id="page without a code"),
        *(pytest.param(answer(code), REPO, HubRefused, id=str(code)) for code in (400, 405, 409, 418, 422, 451)),
        pytest.param(answer(408), REPO, HubUnavailable, id="408"),
        pytest.param(answer(429), REPO, RateLimited, id="429"),
        *(pytest.param(answer(code), REPO, HubUnavailable, id=str(code)) for code in (500, 501, 502, 503, 504, 520)),
    ],
)
def test_an_answer_means_one_class(found: ErrorResponse, asked: RequestContext, kind: type[HfsvcError]) -> None:
    assert type(error_from_hub(found, asked)) is kind


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 416, 500, 503])
def test_a_cdn_never_denies_access(status: int) -> None:
    fault = error_from_content_server(
        answer(status, body=b"<Error><Code>AccessDenied</Code></Error>", kind="application/xml")
    )
    assert type(fault) is HubUnavailable


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (answer(403, body=b'{"error": "You shall not"}', kind="application/json; charset=utf-8"), "You shall not"),
        (answer(403, body=b'{"error": ["one", "two"]}', kind="application/json"), "one; two"),
        (answer(403, body=b"plain words", kind="text/plain"), "plain words"),
        (answer(403, x_error_message="from the header"), "from the header"),
    ],
)
def test_the_hubs_own_words_are_quoted(found: ErrorResponse, words: str) -> None:
    assert f"the Hub says: {words}" in str(error_from_hub(found, WITH_TOKEN))


@pytest.mark.parametrize(
    "found",
    [
        answer(403, body=b"<html>" + b"x" * 20_000),
        answer(403, body=b"{not json", kind="application/json"),
        answer(403, body=b"[]", kind="application/json"),
        answer(403, body=b'"text"', kind="application/json"),
        answer(403, body=b"\xff" * 400, kind="text/plain"),
        answer(403, body=b"", kind="application/json"),
    ],
)
def test_a_body_that_says_nothing_is_not_quoted(found: ErrorResponse) -> None:
    assert "the Hub says" not in str(error_from_hub(found, WITH_TOKEN))


def test_long_words_are_cut() -> None:
    found = answer(403, body=b'{"error": "' + b"x" * 5000 + b'"}', kind="application/json")
    assert len(str(error_from_hub(found, WITH_TOKEN))) < 600


@pytest.mark.parametrize("header", ["x_request_id", "x_amzn_trace_id", "x_amz_cf_id"])
def test_the_request_id_is_kept_for_the_hubs_support(header: str) -> None:
    fault = error_from_hub(answer(503, None, b"", "text/html", **{header: "id-1"}), REPO)
    assert isinstance(fault, TryLater)
    assert fault.request_id == "id-1"


@pytest.mark.parametrize(
    "found", [answer(401, "GatedRepo"), answer(403), answer(401), answer(429), answer(404, "RepoNotFound")]
)
def test_nobody_is_told_to_set_a_token_that_is_set(found: ErrorResponse) -> None:
    assert "set HF_TOKEN" not in str(error_from_hub(found, WITH_TOKEN))


@pytest.mark.parametrize("found", [answer(401, "GatedRepo"), answer(401), answer(404, "RepoNotFound")])
def test_a_token_that_stopped_at_a_redirect_is_told(found: ErrorResponse) -> None:
    error = str(error_from_hub(found, REPO._replace(withheld_from="https://huggingface.co")))
    assert "redirects to https://huggingface.co" in error
    assert "HF_ENDPOINT" in error
    assert "set HF_TOKEN" not in error


@pytest.mark.parametrize(
    ("text", "kind"), [("407 Proxy Authentication Required", ProxyRefused), ("502 Bad Gateway", HubUnavailable)]
)
def test_a_proxy_that_refuses_a_tunnel_is_told_as_that(text: str, kind: type[HfsvcError]) -> None:
    assert type(error_from_transport(httpx.ProxyError(text), URL)) is kind


def every(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(each for child in kind.__subclasses__() for each in every(child))]


FAILURES = sorted({*every(httpx.RequestError), httpx.InvalidURL}, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", FAILURES, ids=lambda kind: kind.__name__)
def test_every_failure_of_the_transport_is_worth_a_later_try(kind: type[Exception]) -> None:
    fault = error_from_transport(kind(f"went wrong at {SIGNED}"), SIGNED)
    assert isinstance(fault, TryLater)
    assert fault.url == "https://cdn.example/x"
    assert "geheim" not in f"{fault} {fault!r}"


@pytest.mark.parametrize("kind", FAILURES, ids=lambda kind: kind.__name__)
async def test_no_traceback_holds_a_signed_address_or_a_token(
    kind: type[Exception], respx_mock: respx.MockRouter
) -> None:
    respx_mock.get(url__startswith="https://huggingface.co/").mock(side_effect=kind(f"at {SIGNED} {TOKEN.reveal()}"))
    async with httpx.AsyncClient() as http:
        client = HubClient(
            HubSession(lambda: http, Settings(give_up_after_s=0.01), metrics=Counters(), throttle=Throttle(None))
        )
        with pytest.raises(HfsvcError) as caught:
            await client.resolve("a/b", "main", token=TOKEN)
    assert "geheim" not in "".join(traceback.format_exception(caught.value))
    assert "geheim" not in repr(caught.value)
