from collections.abc import AsyncIterator

import pytest

from ivr_bridge.errors import VendorRejected
from ivr_bridge.twilio.account import fetch_account, find_number, incoming_numbers
from ivr_bridge.twilio.rest import TwilioLogin, TwilioRest
from tests.support.twilio_rest import ACCOUNT_SID, FakeTwilio, fake_twilio, number


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with fake_twilio() as twilio:
        twilio.numbers = [
            number("+15550100012"),
            number("+15550100011", voice_url="https://pbx.example/voice"),
            number("+1555010001", voice_url=None),
        ]
        yield twilio


async def test_the_account_tells_whether_it_is_alive_and_keeps_what_we_do_not_know(twilio: FakeTwilio):
    twilio.account = {**twilio.account, "status": "suspended", "type": "Trial", "new_field": 1}
    rest = twilio.rest()
    account = await fetch_account(rest)
    await rest.close()
    assert (account.sid, account.status, account.type) == (ACCOUNT_SID, "suspended", "Trial")
    assert account.model_extra == {"new_field": 1}


async def test_a_wrong_token_is_twilios_20003(twilio: FakeTwilio):
    rest = TwilioRest(TwilioLogin(ACCOUNT_SID, ACCOUNT_SID, "old"), base_url=twilio.url)
    with pytest.raises(VendorRejected) as caught:
        await fetch_account(rest)
    await rest.close()
    assert (caught.value.status, caught.value.vendor_code) == (401, "20003")


async def test_all_numbers_or_those_that_fit(twilio: FakeTwilio):
    rest = twilio.rest()
    assert len([each async for each in incoming_numbers(rest)]) == 3
    assert [each.voice_url async for each in incoming_numbers(rest, "+15550100011")] == ["https://pbx.example/voice"]
    await rest.close()


async def test_one_number_is_found_exactly_and_not_by_its_beginning(twilio: FakeTwilio):
    rest = twilio.rest()
    found = await find_number(rest, "+1555010001")
    assert found is not None
    assert found.voice_url is None
    assert await find_number(rest, "+155501") is None
    await rest.close()
