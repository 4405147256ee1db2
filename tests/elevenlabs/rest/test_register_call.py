import pytest

from ivr_bridge.elevenlabs.rest.register_call import register_call
from ivr_bridge.elevenlabs.rest.request import Repeat
from ivr_bridge.errors import VendorFailed, VendorRejected
from tests.support.vendor_answers import VendorAnswers

TWIML = (
    '<?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream url="wss://api.example/v1/convai/twilio">'
    '<Parameter name="conversation_id" value="conv_1"/></Stream></Connect></Response>'
)


async def test_the_call_is_announced_and_the_twiml_is_given_as_it_is():
    vendor = VendorAnswers(TWIML)
    assert await register_call(vendor.transport, agent_id="agent_1", caller="+15550001", called="+15550002") == TWIML
    assert vendor.asked == [("POST /v1/convai/twilio/register-call", {})]
    assert vendor.bodies == [
        {"agent_id": "agent_1", "from_number": "+15550001", "to_number": "+15550002", "direction": "inbound"}
    ]
    assert (vendor.requests[0].repeat, vendor.requests[0].timeout_s) == (Repeat.NEVER, 3.0)


async def test_variables_and_first_words_go_with_it():
    vendor = VendorAnswers(TWIML)
    await register_call(
        vendor.transport,
        agent_id="agent_1",
        caller="+15550001",
        called="+15550002",
        direction="outbound",
        dynamic_variables={"name": "Ada", "age": 36},
        first_message="",
        timeout_s=1.5,
    )
    ((body,), (request,)) = vendor.bodies, vendor.requests
    assert request.timeout_s == 1.5
    assert body["direction"] == "outbound"
    assert body["conversation_initiation_client_data"] == {
        "dynamic_variables": {"name": "Ada", "age": 36},
        "conversation_config_override": {"agent": {"first_message": ""}},
    }


@pytest.mark.parametrize(
    "text", ["<Response><Hangup/></Response>", "  <Response>\n<Say>Ni hao 你好</Say></Response>\n"]
)
async def test_any_twiml_is_good(text: str):
    assert await register_call(VendorAnswers(text).transport, agent_id="a", caller="+1", called="+2") == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no XML"),
        ("ok", "no XML"),
        ('{"detail": "no"}', "no XML"),
        ('"<Response><Hangup/></Response>"', "no XML"),
        ("<Response><Connect></Response>", "no XML"),
        ('  <?xml version="1.0"?><Response><Hangup/></Response>', "no XML"),
        ("<Response>\x00<Hangup/></Response>", "no XML"),
        ("<html><body>Sign in</body></html>", "<html> and no TwiML"),
        ("<response><Hangup/></response>", "<response> and no TwiML"),
        ("<Response/>", "nowhere"),
        ("<Response>please wait</Response>", "nowhere"),
        ("<!DOCTYPE html><html/>", "a page"),
        ('<!doctype r [<!ENTITY a "b">]><Response>&a;<Hangup/></Response>', "a page"),
    ],
)
async def test_what_twilio_could_not_read_is_never_given_to_it(text: str, why: str):
    with pytest.raises(VendorFailed, match=why):
        await register_call(VendorAnswers(text).transport, agent_id="a", caller="+1", called="+2")


async def test_a_refusal_passes():
    vendor = VendorAnswers(VendorRejected("HTTP 404", status=404))
    with pytest.raises(VendorRejected):
        await register_call(vendor.transport, agent_id="a", caller="+1", called="+2")
