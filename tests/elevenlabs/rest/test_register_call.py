from collections.abc import Mapping

import pytest

from ivr_bridge.elevenlabs.rest.register_call import register_call
from ivr_bridge.errors import VendorFailed, VendorRejected

TWIML = (
    '<?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream url="wss://api.example/v1/convai/twilio">'
    '<Parameter name="conversation_id" value="conv_1"/></Stream></Connect></Response>'
)


class Vendor:
    """Answers every POST with `text`, and keeps what it was asked."""

    def __init__(self, text: str = TWIML) -> None:
        self.text = text
        self.asked: list[tuple[str, Mapping[str, object], float]] = []

    async def post_text(self, path: str, json: Mapping[str, object], *, timeout_s: float) -> str:
        self.asked.append((path, json, timeout_s))
        return self.text


async def test_the_call_is_announced_and_the_twiml_is_given_as_it_is():
    vendor = Vendor()
    assert await register_call(vendor, agent_id="agent_1", caller="+15550001", called="+15550002") == TWIML
    assert vendor.asked == [
        (
            "/v1/convai/twilio/register-call",
            {"agent_id": "agent_1", "from_number": "+15550001", "to_number": "+15550002", "direction": "inbound"},
            3.0,
        )
    ]


async def test_variables_and_first_words_go_with_it():
    vendor = Vendor()
    await register_call(
        vendor,
        agent_id="agent_1",
        caller="+15550001",
        called="+15550002",
        direction="outbound",
        dynamic_variables={"name": "Ada", "age": 36},
        first_message="",
        timeout_s=1.5,
    )
    ((_, body, timeout_s),) = vendor.asked
    assert timeout_s == 1.5
    assert body["direction"] == "outbound"
    assert body["conversation_initiation_client_data"] == {
        "dynamic_variables": {"name": "Ada", "age": 36},
        "conversation_config_override": {"agent": {"first_message": ""}},
    }


@pytest.mark.parametrize(
    "text", ["<Response><Hangup/></Response>", "  <Response>\n<Say>Ni hao 你好</Say></Response>\n"]
)
async def test_any_twiml_is_good(text: str):
    assert await register_call(Vendor(text), agent_id="a", caller="+1", called="+2") == text


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
        await register_call(Vendor(text), agent_id="a", caller="+1", called="+2")


async def test_a_refusal_passes():
    class Refusing(Vendor):
        async def post_text(self, path: str, json: Mapping[str, object], *, timeout_s: float) -> str:
            raise VendorRejected("HTTP 404", status=404)

    with pytest.raises(VendorRejected):
        await register_call(Refusing(), agent_id="a", caller="+1", called="+2")
