"""A call that is alive is sent elsewhere, or ended."""

import pytest
from aiohttp import web

from ivr_bridge.errors import VendorBusy, VendorFailed, VendorRejected
from ivr_bridge.twilio.calls import change_call
from tests.support.twilio_rest import ACCOUNT_SID, FakeTwilio, fake_twilio, refusal

SID = "CA" + "1" * 32
PATH = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/{SID}.json"


@pytest.fixture
async def twilio():
    async with fake_twilio() as found:
        yield found


async def changed(twilio: FakeTwilio, answer: web.StreamResponse | None = None, **change: str) -> bool:
    async def say(_: web.Request) -> web.StreamResponse:
        return answer if answer is not None else web.json_response({"sid": SID, "status": "in-progress"})

    twilio.instead.append(say)
    rest = twilio.rest()
    try:
        return await change_call(rest, SID, **change)
    finally:
        await rest.close()


@pytest.mark.parametrize(
    ("change", "form"),
    [
        ({"url": "https://h/e"}, [("Url", "https://h/e"), ("Method", "POST")]),
        ({"twiml": "<Response/>"}, [("Twiml", "<Response/>")]),
        ({"status": "completed"}, [("Status", "completed")]),
    ],
)
async def test_what_is_asked(twilio: FakeTwilio, change: dict[str, str], form: list[tuple[str, str]]) -> None:
    assert await changed(twilio, **change) is True
    [(method, path, _, sent)] = twilio.asked
    assert (method, path, sent) == ("POST", PATH, form)


@pytest.mark.parametrize(("status", "code"), [(404, 20404), (400, 21220)])
async def test_a_call_that_is_over_is_no_error(twilio: FakeTwilio, status: int, code: int) -> None:
    assert await changed(twilio, refusal(status, code, "Call is not in-progress"), status="completed") is False


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(401, 20003, VendorRejected), (400, 21218, VendorRejected), (503, 20503, VendorFailed)],
)
async def test_what_is_one(twilio: FakeTwilio, status: int, code: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        await changed(twilio, refusal(status, code, "no"), status="completed")
    assert len(twilio.asked) == 1, "nobody knows whether it was done"


async def test_429_is_asked_again(twilio: FakeTwilio) -> None:
    async def busy(_: web.Request) -> web.StreamResponse:
        return refusal(429, 20429, "Too Many Requests", **{"Retry-After": "0"})

    twilio.instead += [busy]
    assert await changed(twilio, status="completed") is True
    assert len(twilio.asked) == 2
    twilio.instead += [busy, busy]
    with pytest.raises(VendorBusy):
        await changed(twilio, refusal(429, 20429, "Too Many Requests", **{"Retry-After": "0"}), status="completed")
