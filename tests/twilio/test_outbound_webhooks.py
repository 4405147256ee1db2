from xml.etree import ElementTree

import pytest
from aiohttp import web

from ivr_bridge.settings import Settings
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio import outbound_webhooks
from ivr_bridge.twilio.call_desk import ConnectStream, GatherKeys, HangUp, Spoken
from ivr_bridge.twilio.webhooks import add_routes
from tests.twilio.conftest import TOKEN, FakeDesk
from tests.twilio.test_webhooks import BASE, FORM, post

OUTBOUND = {**FORM, "Direction": "outbound-api", "From": "+15550109000", "To": "+15550101234"}


class FakeOffice:
    def __init__(self):
        self.asked = []
        self.answer = HangUp()

    async def answered(self, dial_id, call):
        self.asked.append(("answered", dial_id, call))
        return self.answer

    async def keyed(self, call, digits):
        self.asked.append(("keyed", call.call_sid, digits))
        return self.answer

    def status_changed(self, *asked):
        self.asked.append(("status", *asked))

    def machine_detected(self, *asked):
        self.asked.append(("machine", *asked))


@pytest.fixture
def office():
    return FakeOffice()


@pytest.fixture
async def client(aiohttp_client, office):
    app = web.Application()
    webhooks = add_routes(
        app, settings=Settings(), auth_tokens=lambda: (TOKEN,), base_url=lambda: BASE, desk=FakeDesk(), log=Log()
    )
    outbound_webhooks.add_routes(app, webhooks, office, office)
    return await aiohttp_client(app)


async def test_who_answers_gets_a_stream_and_is_the_caller(client, office):
    office.answer = ConnectStream("tok", Spoken("Sorry.", "en"), digits="12w#")
    got = await post(client, "/twilio/outbound/DL1", OUTBOUND)
    document = ElementTree.fromstring(await got.text())
    assert [child.tag for child in document] == ["Play", "Connect", "Say", "Hangup"]
    assert document.find("Play").attrib == {"digits": "12w#"}
    [(_, dial_id, call)] = office.asked
    assert dial_id == "DL1"
    assert (call.caller, call.called, call.direction) == ("+15550101234", "+15550109000", "outbound-api")


async def test_notices(client, office):
    for path, more in (("status", {"CallStatus": "busy"}), ("machine", {"AnsweredBy": "machine_end_beep"})):
        got = await post(client, f"/twilio/outbound/DL1/{path}", {**OUTBOUND, **more})
        assert got.status == 204
    await post(client, "/twilio/outbound/DL1/machine", OUTBOUND)
    assert office.asked == [
        ("status", "DL1", "CA1", "busy"),
        ("machine", "DL1", "CA1", "machine_end_beep"),
        ("machine", "DL1", "CA1", "unknown"),
    ]


async def test_keys_of_a_caller_who_is_offered_a_callback(client, office):
    office.answer = GatherKeys("/twilio/callback", Spoken("Press 1.", "en"), Spoken("Goodbye.", "en"), 1, 7)
    got = await post(client, "/twilio/callback", {**FORM, "Digits": "2"})
    document = ElementTree.fromstring(await got.text())
    assert document.find("Gather").attrib == {
        "action": BASE + "/twilio/callback", "method": "POST", "input": "dtmf", "timeout": "7", "numDigits": "1",
        "finishOnKey": "",
    }  # fmt: skip
    assert [child.tag for child in document] == ["Gather", "Say", "Hangup"]
    office.answer = GatherKeys("/twilio/callback", Spoken("Your number.", "en"), Spoken("Goodbye.", "en"))
    document = ElementTree.fromstring(await (await post(client, "/twilio/callback", FORM)).text())
    assert document.find("Gather").attrib["finishOnKey"] == "#"
    assert office.asked == [("keyed", "CA1", "2"), ("keyed", "CA1", "")]


@pytest.mark.parametrize("path", ["/outbound/DL1", "/outbound/DL1/status", "/outbound/DL1/machine", "/callback"])
async def test_nothing_unsigned_is_believed(client, office, path):
    got = await post(client, "/twilio" + path, OUTBOUND, signature="wrong")
    assert got.status == 403
    assert office.asked == []
