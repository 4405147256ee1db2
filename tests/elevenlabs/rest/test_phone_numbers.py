"""Phone numbers: which requests are made."""

import pytest

from ivr_bridge.elevenlabs.rest.phone_numbers import PhoneNumbers
from ivr_bridge.elevenlabs.rest.request import Repeat
from ivr_bridge.errors import VendorFailed, VendorRejected
from tests.support.vendor_answers import VendorAnswers

NUMBER = {
    "phone_number_id": "n1",
    "phone_number": "+15551230000",
    "label": "Desk",
    "provider": "twilio",
    "assigned_agent": {"agent_id": "a", "agent_name": "Front desk"},
}


async def test_the_list_is_one_array():
    vendor = VendorAnswers([NUMBER, {"phone_number_id": "n2", "phone_number": "sip:x", "provider": "sip_trunk"}])
    found = [number async for number in PhoneNumbers(vendor.transport).list(provider="twilio", agent_id="a")]
    assert [number.phone_number_id for number in found] == ["n1", "n2"]
    assert found[0].assigned_agent is not None
    assert found[0].assigned_agent.agent_id == "a"
    assert found[1].assigned_agent is None
    assert vendor.asked == [("GET /v1/convai/phone-numbers", {"provider": "twilio", "agent_id": "a"})]
    with pytest.raises(VendorFailed, match="phone_numbers"):
        await anext(PhoneNumbers(VendorAnswers({"phone_numbers": []}).transport).list())


async def test_a_number_is_imported_and_its_token_is_told_to_nobody():
    vendor = VendorAnswers({"phone_number_id": "n1"})
    numbers = PhoneNumbers(vendor.transport)
    made = await numbers.create_twilio("+15551230000", label="Desk", sid="AC1", token="t0ken", agent_id="a")
    assert made == "n1"
    assert vendor.bodies == [
        {
            "provider": "twilio",
            "phone_number": "+15551230000",
            "label": "Desk",
            "sid": "AC1",
            "token": "t0ken",
            "agent_id": "a",
        }
    ]
    assert vendor.requests[0].repeat is Repeat.UNSENT
    assert "t0ken" not in repr(vendor.requests)
    refusing = VendorAnswers(VendorRejected("HTTP 400: t0ken is wrong", status=400))
    with pytest.raises(VendorRejected) as caught:
        await PhoneNumbers(refusing.transport).create_twilio("+1555", label="x", sid="AC1", token="t0ken")
    assert "t0ken" not in str(caught.value)


async def test_a_number_is_given_to_another_agent_or_to_nobody():
    vendor = VendorAnswers(NUMBER)
    numbers = PhoneNumbers(vendor.transport)
    await numbers.update("n/1", agent_id="b", label="Night")
    await numbers.update("n/1", agent_id=None)
    await numbers.get("n/1")
    await numbers.delete("n/1")
    assert vendor.bodies == [{"agent_id": "b", "label": "Night"}, {"agent_id": None}, None, None]
    assert [what for what, _ in vendor.asked] == [
        f"{method} /v1/convai/phone-numbers/n%2F1" for method in ("PATCH", "PATCH", "GET", "DELETE")
    ]
