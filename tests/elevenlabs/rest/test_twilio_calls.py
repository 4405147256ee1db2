"""Calls by the vendor's own way."""

import pytest

from ivr_bridge.elevenlabs.rest.request import Repeat
from ivr_bridge.elevenlabs.rest.twilio_calls import TwilioCalls
from ivr_bridge.errors import VendorFailed, VendorRejected
from tests.support.vendor_answers import VendorAnswers

CALLED = {"success": True, "message": "ok", "conversation_id": "c1", "callSid": "CA1"}
WHO = {"agent_id": "a", "agent_phone_number_id": "n1", "to_number": "+15551230000"}


async def test_somebody_is_called_once():
    vendor = VendorAnswers(CALLED)
    call = await TwilioCalls(vendor.transport).outbound_call(**WHO)
    assert (call.conversation_id, call.call_sid) == ("c1", "CA1")
    assert vendor.asked == [("POST /v1/convai/twilio/outbound-call", {})]
    assert vendor.bodies == [WHO]
    assert vendor.requests[0].repeat is Repeat.UNSENT


async def test_how_they_are_called():
    vendor = VendorAnswers(CALLED)
    data = {"dynamic_variables": {"name": "Ana"}}
    await TwilioCalls(vendor.transport).outbound_call(
        agent_id="a",
        agent_phone_number_id="n1",
        to_number="+15551230000",
        conversation_initiation_client_data=data,
        call_recording_enabled=False,
        ringing_timeout_secs=20,
    )
    assert vendor.bodies == [
        {
            **WHO,
            "conversation_initiation_client_data": data,
            "call_recording_enabled": False,
            "telephony_call_config": {"ringing_timeout_secs": 20},
        }
    ]


async def test_nobody_is_called_and_it_is_said():
    vendor = VendorAnswers({"success": False, "message": "no funds", "conversation_id": None, "callSid": None})
    with pytest.raises(VendorRejected, match="no funds"):
        await TwilioCalls(vendor.transport).outbound_call(**WHO)
    assert len(vendor.requests) == 1
    with pytest.raises(VendorFailed, match="success"):
        await TwilioCalls(VendorAnswers({"message": "?"}).transport).outbound_call(**WHO)


@pytest.mark.parametrize("seconds", [0, 1000])
async def test_ringing_has_bounds(seconds: int):
    vendor = VendorAnswers(CALLED)
    with pytest.raises(ValueError, match="1 to 999"):
        await TwilioCalls(vendor.transport).outbound_call(**WHO, ringing_timeout_secs=seconds)  # type: ignore[arg-type]
    assert vendor.requests == []


async def test_a_call_of_ours_is_handed_over():
    twiml = "<Response><Connect><Stream url='wss://x'/></Connect></Response>"
    vendor = VendorAnswers(twiml)
    handed = await TwilioCalls(vendor.transport).register_call(
        agent_id="a", caller="+1", called="+2", direction="outbound", dynamic_variables={"n": 1}, first_message="Hi"
    )
    assert handed == twiml
    assert vendor.requests[0].repeat is Repeat.NEVER
    assert vendor.bodies == [
        {
            "agent_id": "a",
            "from_number": "+1",
            "to_number": "+2",
            "direction": "outbound",
            "conversation_initiation_client_data": {
                "dynamic_variables": {"n": 1},
                "conversation_config_override": {"agent": {"first_message": "Hi"}},
            },
        }
    ]
