import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from aiohttp import web

from ivr_bridge.errors import VendorBusy, VendorFailed, VendorRejected, VendorUnreachable
from ivr_bridge.twilio import rest as rest_module
from ivr_bridge.twilio.calls import (
    CallOfTwilio,
    NewCall,
    create_call,
    fetch_call,
    newest_calls,
    surely_not_made,
)
from tests.support.twilio_rest import ACCOUNT_SID, FakeTwilio, fake_twilio, refusal

SPEC = Path(__file__).resolve().parents[3] / "shared" / "specs" / "twilio-calls.openapi.json"
CALLS = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls"
SID = "CA" + "0c" * 16
TO, FROM = "+15550101234", "+15550109000"
WANTED = NewCall(
    TO, FROM, "https://b.example/twilio/outbound/DL1", "https://b.example/s", "https://b.example/m", limit_s=99
)


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with fake_twilio() as twilio:
        yield twilio


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_module, "_pause_s", lambda _state: 0.0)


def answers(twilio: FakeTwilio, *bodies: Any) -> None:
    def one(body: Any) -> Any:
        async def answer(_request: web.Request) -> web.StreamResponse:
            return body if isinstance(body, web.Response) else web.json_response(body, status=200)

        return answer

    twilio.instead += [one(body) for body in bodies]


async def test_a_call_is_created_as_the_contract_says(twilio: FakeTwilio) -> None:
    answers(twilio, {"sid": SID, "status": "queued"})
    rest = twilio.rest()
    made = await create_call(rest, WANTED)
    await rest.close()
    assert (made.sid, made.status) == (SID, "queued")
    [(method, path, _, form)] = twilio.asked
    assert (method, path) == ("POST", f"{CALLS}.json")
    sent = dict(form)
    assert sent["AsyncAmd"] == "true"
    assert [value for name, value in form if name == "StatusCallbackEvent"] == [
        "initiated", "ringing", "answered", "completed",
    ]  # fmt: skip
    if not SPEC.is_file():
        pytest.skip("the contract is not here; the field names were compared when it was")
    spec = json.loads(SPEC.read_text())
    body = spec["paths"]["/2010-04-01/Accounts/{AccountSid}/Calls.json"]["post"]["requestBody"]
    schema = body["content"]["application/x-www-form-urlencoded"]["schema"]
    assert sent.keys() <= schema["properties"].keys()
    for name in ("Method", "StatusCallbackMethod", "AsyncAmdStatusCallbackMethod"):
        jsonschema.validate(sent[name], schema["properties"][name])


async def test_nobody_listens_where_nobody_is_told(twilio: FakeTwilio) -> None:
    answers(twilio, {"sid": SID})
    rest = twilio.rest()
    await create_call(rest, NewCall(TO, FROM, "https://b.example/x"))
    await rest.close()
    assert {name for name, _ in twilio.asked[0][3]} == {"To", "From", "Url", "Method", "Timeout"}


async def test_after_an_error_that_leaves_it_open_nothing_is_sent_again(twilio: FakeTwilio) -> None:
    answers(twilio, refusal(500, 20500, "oops"))
    rest = twilio.rest()
    with pytest.raises(VendorFailed) as caught:
        await create_call(rest, WANTED)
    await rest.close()
    assert len(twilio.asked) == 1
    assert not surely_not_made(caught.value)


async def test_too_many_requests_are_sent_again(twilio: FakeTwilio) -> None:
    answers(twilio, refusal(429, 20429, "slow down"), {"sid": SID})
    rest = twilio.rest()
    assert (await create_call(rest, WANTED)).sid == SID
    await rest.close()
    assert len(twilio.asked) == 2


def test_which_errors_prove_that_no_phone_rings() -> None:
    sure = [VendorBusy("", status=429), VendorRejected("", status=400), VendorUnreachable("", sent=False)]
    assert all(map(surely_not_made, sure))
    assert not any(map(surely_not_made, [VendorUnreachable(""), VendorFailed("", status=502)]))


async def test_a_call_is_looked_up(twilio: FakeTwilio) -> None:
    answers(twilio, {"sid": SID, "status": "busy"}, refusal(404, 20404, "not found"), refusal(401, 20003, "who"))
    rest = twilio.rest()
    found = await fetch_call(rest, SID)
    assert found is not None
    assert found.status == "busy"
    assert await fetch_call(rest, SID) is None
    with pytest.raises(VendorRejected):
        await fetch_call(rest, SID)
    await rest.close()
    assert twilio.asked[0][1] == f"{CALLS}/{SID}.json"


async def test_calls_between_two_numbers_are_listed(twilio: FakeTwilio) -> None:
    answers(twilio, {"calls": [{"sid": SID, "date_created": "Mon, 23 Nov 2026 10:00:00 +0000"}]}, {"calls": None})
    rest = twilio.rest()
    [found] = await newest_calls(rest, to=TO, caller_id=FROM)
    assert found.created_at == datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    with pytest.raises(VendorFailed, match="holds no calls"):
        await newest_calls(rest, to=TO, caller_id=FROM)
    await rest.close()
    assert twilio.asked[0][1] == f"{CALLS}.json?To=%2B15550101234&From=%2B15550109000&PageSize=50"


@pytest.mark.parametrize("said", [None, "", "yesterday"])
def test_a_moment_that_cannot_be_read_is_none(said: str | None) -> None:
    assert CallOfTwilio(sid=SID, date_created=said).created_at is None


def test_numbers_stand_in_no_repr() -> None:
    assert TO not in repr(WANTED)
    assert FROM not in repr(WANTED)
