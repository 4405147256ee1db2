import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import pytest
from aiohttp import web
from pydantic import SecretStr

from ivr_bridge.errors import VendorBusy, VendorError, VendorFailed, VendorRejected, VendorUnreachable
from ivr_bridge.settings import Settings
from ivr_bridge.twilio import rest as rest_module
from ivr_bridge.twilio.account import IncomingNumber, fetch_account, incoming_numbers
from ivr_bridge.twilio.rest import TwilioLogin, TwilioRest, login_of, read_twilio
from tests.support.twilio_rest import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    KEY_SECRET,
    KEY_SID,
    FakeTwilio,
    fake_twilio,
    number,
    refusal,
)

SPEC = Path(__file__).resolve().parents[3] / "shared" / "specs" / "twilio-calls.openapi.json"
CALLS = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json"


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with fake_twilio() as twilio:
        yield twilio


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would have been waited, in seconds."""
    waited: list[float] = []
    pause_s = rest_module._pause_s

    def at_once(state: Any) -> float:
        waited.append(pause_s(state))
        return 0.0

    monkeypatch.setattr(rest_module, "_pause_s", at_once)
    return waited


async def asked(rest: TwilioRest, *arguments: Any, **more: Any) -> Any:
    try:
        return await rest.ask(*arguments, **more)
    finally:
        await rest.close()


def answers(*responses: web.Response) -> list[Any]:
    async def answer(_request: web.Request, response: web.Response) -> web.Response:
        return response

    return [lambda request, response=response: answer(request, response) for response in responses]


async def reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


# Who asks


def test_an_api_key_is_taken_before_the_auth_token_and_shows_its_secret_nowhere():
    settings = Settings(
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=SecretStr(f"{AUTH_TOKEN}, next"),
        twilio_api_key_sid=KEY_SID,
        twilio_api_key_secret=SecretStr(KEY_SECRET),
    )
    login = login_of(settings)
    assert login is not None
    assert (login.user, login.secret, login.by_api_key) == (KEY_SID, KEY_SECRET, True)
    assert KEY_SECRET not in repr(login)
    assert KEY_SECRET not in repr(TwilioRest(login))


def test_without_an_api_key_the_first_auth_token_asks():
    settings = Settings(twilio_account_sid=ACCOUNT_SID, twilio_auth_token=SecretStr(f"{AUTH_TOKEN}, next"))
    assert login_of(settings) == TwilioLogin(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN)


@pytest.mark.parametrize("missing", ["twilio_account_sid", "twilio_auth_token"])
def test_half_of_the_credentials_is_none(missing: str):
    given = {"twilio_account_sid": ACCOUNT_SID, "twilio_auth_token": SecretStr(AUTH_TOKEN)}
    del given[missing]
    assert login_of(Settings(**given)) is None


# One request


async def test_what_is_asked_goes_as_twilio_takes_it(twilio: FakeTwilio):
    twilio.instead = answers(web.json_response({"sid": "CA1"}, status=201))
    form = {"To": "+1555", "Record": True, "StatusCallbackEvent": ["initiated", "answered"], "Timeout": 20, "Url": None}
    assert await asked(twilio.rest(), "POST", CALLS, form=form) == {"sid": "CA1"}
    method, path, headers, sent = twilio.asked[0]
    assert (method, path) == ("POST", CALLS)
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert headers["Authorization"].startswith("Basic ")
    assert sent == [
        ("To", "+1555"),
        ("Record", "true"),
        ("StatusCallbackEvent", "initiated"),
        ("StatusCallbackEvent", "answered"),
        ("Timeout", "20"),
    ]


def test_an_id_in_a_path_leads_nowhere_else():
    rest = TwilioRest(TwilioLogin(ACCOUNT_SID, ACCOUNT_SID, "x"))
    assert rest.path("Calls", "../Keys?") == f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/..%2FKeys%3F.json"


async def test_an_empty_answer_is_none(twilio: FakeTwilio):
    twilio.instead = answers(web.Response(status=204))
    assert await asked(twilio.rest(), "DELETE", CALLS) is None


@pytest.mark.parametrize(
    ("response", "kind", "vendor_code", "words"),
    [
        (refusal(401, 20003, "Authenticate"), VendorRejected, "20003", "HTTP 401 20003 Authenticate"),
        (refusal(404, 20404, "not found"), VendorRejected, "20404", "20404 not found"),
        (web.Response(status=502, text="<html>Bad gateway"), VendorFailed, "", "HTTP 502"),
        (web.Response(status=400, text="[1]"), VendorRejected, "", "HTTP 400"),
        (web.Response(text="<html>"), VendorFailed, "", "no JSON"),
        (web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), VendorFailed, "", "HTTP 302"),
    ],
)
async def test_what_is_no_answer_is_an_error_of_the_family(
    twilio: FakeTwilio, response: web.Response, kind: type[VendorError], vendor_code: str, words: str
):
    twilio.instead = answers(response)
    with pytest.raises(kind) as caught:
        await asked(twilio.rest(), "POST", CALLS, form={"To": "+1555"})
    assert (caught.value.status, caught.value.vendor_code) == (response.status, vendor_code)
    assert words in str(caught.value)
    assert AUTH_TOKEN not in f"{caught.value!r}"
    assert len(twilio.asked) == 1


async def test_a_busy_twilio_is_asked_again_and_left_alone_as_long_as_it_wants(
    twilio: FakeTwilio, no_pauses: list[float]
):
    twilio.instead = answers(
        refusal(429, 20429, "Too many", **{"Retry-After": "2"}),
        refusal(429, 20429, "Too many", **{"Retry-After": "3600"}),
    )
    twilio.instead += answers(web.json_response({"sid": "CA1"}))
    assert await asked(twilio.rest(), "POST", CALLS, form={}) == {"sid": "CA1"}
    assert no_pauses == [2.0, rest_module.LONGEST_PAUSE_S]


async def test_it_is_not_asked_for_ever(twilio: FakeTwilio):
    twilio.instead = answers(*(refusal(429, 20429, "Too many") for _ in range(9)))
    with pytest.raises(VendorBusy) as caught:
        await asked(twilio.rest(), "GET", CALLS)
    assert caught.value.request_id == "RQ1"
    assert len(twilio.asked) == rest_module.ATTEMPTS


async def test_reading_is_tried_again_after_a_failure_that_may_pass(twilio: FakeTwilio):
    twilio.instead = [reset, *answers(web.Response(status=503, text="later"))]
    assert (await asked(twilio.rest(), "GET", twilio.rest().path()))["sid"] == ACCOUNT_SID
    assert len(twilio.asked) == 3


@pytest.mark.parametrize("fault", [reset, *answers(web.Response(status=500))])
async def test_a_call_is_never_placed_twice(twilio: FakeTwilio, fault: Any):
    twilio.instead = [fault]
    with pytest.raises((VendorUnreachable, VendorFailed)):
        await asked(twilio.rest(), "POST", CALLS, form={"To": "+1555"})
    assert len(twilio.asked) == 1


async def test_without_a_connection_anything_is_tried_again(unused_tcp_port: int, no_pauses: list[float]):
    rest = TwilioRest(TwilioLogin(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN), base_url=f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(VendorUnreachable) as caught:
        await asked(rest, "POST", CALLS, form={})
    assert not caught.value.sent
    assert len(no_pauses) >= rest_module.ATTEMPTS - 1


async def test_a_hanging_twilio_is_given_up(twilio: FakeTwilio):
    async def hang(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    twilio.instead = [hang] * 3
    with pytest.raises(VendorUnreachable, match=r"no answer in 0\.05 s"):
        await asked(twilio.rest(timeout_s=0.05), "GET", CALLS)


async def test_an_answer_without_end_is_given_up(twilio: FakeTwilio, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rest_module, "MAX_ANSWER_BYTES", 1000)
    twilio.instead = answers(web.Response(text="x" * 5000))
    with pytest.raises(VendorFailed, match="longer than 1000 bytes"):
        await asked(twilio.rest(), "POST", CALLS, form={})


# Lists


async def test_a_list_is_followed_page_by_page(twilio: FakeTwilio):
    twilio.numbers = [number(f"+155501000{each}") for each in range(5)]
    rest = twilio.rest()
    found = [each.phone_number async for each in incoming_numbers(rest)]
    await rest.close()
    assert found == [each["phone_number"] for each in twilio.numbers]
    assert [dict(parse_qsl(urlsplit(path).query)) for _, path, _, _ in twilio.asked] == [
        {"PageSize": "200"},
        {"PageSize": "2", "Page": "1", "PageToken": "PA/1"},
        {"PageSize": "2", "Page": "2", "PageToken": "PA/1"},
    ]


async def test_the_credentials_follow_no_page_to_another_host(twilio: FakeTwilio):
    page = {"incoming_phone_numbers": [], "next_page_uri": "https://elsewhere.example/2010-04-01"}
    twilio.instead = answers(web.json_response(page))
    rest = twilio.rest()
    with pytest.raises(VendorFailed, match="another host"):
        [each async for each in incoming_numbers(rest)]
    await rest.close()


@pytest.mark.parametrize("page", [[], {"numbers": []}, {"incoming_phone_numbers": [{"sid": 1}]}])
async def test_a_list_that_is_none_is_an_error(twilio: FakeTwilio, page: Any):
    twilio.instead = answers(web.json_response(page))
    rest = twilio.rest()
    with pytest.raises(VendorFailed):
        [each async for each in incoming_numbers(rest)]
    await rest.close()


def test_a_wrong_answer_names_fields_and_no_values():
    with pytest.raises(VendorFailed, match="no IncomingNumber: sid: ") as caught:
        read_twilio(IncomingNumber, {"phone_number": "+15550100"}, "GET x")
    assert "+15550100" not in str(caught.value)


# Against the vendor's OpenAPI file


def spec() -> dict[str, Any]:
    if not SPEC.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("Twilio's OpenAPI file is missing: no request was validated")
        pytest.skip("Twilio's OpenAPI file is missing: no request was validated")
    document: dict[str, Any] = json.loads(SPEC.read_text("utf-8"))
    return document


def nullable(node: Any) -> Any:
    if isinstance(node, list):
        return [nullable(each) for each in node]
    if not isinstance(node, dict):
        return node
    copy = {key: nullable(value) for key, value in node.items()}
    return {"anyOf": [copy, {"type": "null"}]} if copy.pop("nullable", False) is True else copy


def schema_problems(document: dict[str, Any], schema: dict[str, Any], value: object) -> list[str]:
    whole = nullable({**schema, "components": document["components"]})
    return [f"{error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(whole).iter_errors(value)]


async def test_our_requests_and_the_fake_keep_to_twilios_openapi_file(twilio: FakeTwilio):
    document = spec()
    twilio.numbers = [number(f"+155501000{each}") for each in range(3)]
    rest = twilio.rest()
    assert [each async for each in incoming_numbers(rest, "+1555010")]
    pages = [await rest.ask("GET", path) for _, path, _, _ in list(twilio.asked)]
    await rest.close()
    template = "/2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers.json"
    operation = document["paths"][template]["get"]
    known = {each["name"]: each["schema"] for each in operation["parameters"] if each["in"] == "query"}
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    for _, path, _, _ in twilio.asked:
        assert urlsplit(path).path == template.replace("{AccountSid}", ACCOUNT_SID)
        for name, value in parse_qsl(urlsplit(path).query):
            assert name in known
            read = int(value) if known[name]["type"] == "integer" else value
            assert schema_problems(document, known[name], read) == []
    for page in pages:
        assert schema_problems(document, schema, page) == []


def test_the_files_own_examples_are_read():
    examples = spec()["paths"]["/2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers.json"]["get"]["responses"]["200"]
    entries = examples["content"]["application/json"]["examples"]["readFull"]["value"]["incoming_phone_numbers"]
    read = [read_twilio(IncomingNumber, each, "the example") for each in entries]
    assert [each.phone_number for each in read] == ["+18089255327"]


async def test_the_account_is_fetched_by_either_login(twilio: FakeTwilio):
    for by_key in (False, True):
        rest = TwilioRest(twilio.login(by_key=by_key), base_url=twilio.url)
        assert (await fetch_account(rest)).status == "active"
        await rest.close()
