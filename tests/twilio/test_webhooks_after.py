"""The webhooks that come when a call has left its stream: a message was recorded, a dialling has ended."""

import asyncio
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from aiohttp import web

from ivr_bridge.settings import Settings
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import (
    AskToAccept,
    DialNumber,
    HangUp,
    IncomingCall,
    JoinRoom,
    Recording,
    RecordMessage,
    Spoken,
    VendorsTwiml,
)
from ivr_bridge.twilio.webhooks import APOLOGY, add_routes
from tests.twilio.conftest import TOKEN, FakeDesk, sign

BASE = "https://bridge.example"
VOICEMAIL, STREAM_ENDED = "/twilio/voicemail", "/twilio/stream-ended"
FORM = {
    "CallSid": "CA1",
    "AccountSid": "AC1",
    "From": "+15550101",
    "To": "+15550102",
    "CallStatus": "in-progress",
    "Direction": "inbound",
    "RecordingSid": "RE1",
    "RecordingUrl": "https://api.example/Recordings/RE1",
    "RecordingDuration": "17",
    "Digits": "hangup",
}
CALL = IncomingCall("CA1", "AC1", "+15550101", "+15550102", "inbound", "in-progress")


@pytest.fixture
def desk():
    return FakeDesk()


@pytest.fixture
async def client(aiohttp_client, desk, lines):
    app = web.Application()
    add_routes(
        app, settings=Settings(), auth_tokens=lambda: (TOKEN,), base_url=lambda: BASE, desk=desk, log=Log()
    )  # fmt: skip
    return await aiohttp_client(app)


async def post(client, path, form=FORM, signature=None):
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": sign(BASE + path, form.items()) if signature is None else signature,
    }
    return await client.post(path, data=urlencode(form).encode(), headers=headers)


async def test_a_message_is_told_to_the_desk(client, desk):
    got = await post(client, VOICEMAIL)
    assert (got.status, got.content_type) == (200, "text/xml")
    assert "<Response><Hangup /></Response>" in await got.text()
    assert desk.asked == [("voicemail", CALL, Recording("RE1", "https://api.example/Recordings/RE1", 17))]


@pytest.mark.parametrize(
    ("more", "recording"),
    [
        ({"RecordingDuration": ""}, Recording("RE1", FORM["RecordingUrl"], None)),
        ({"RecordingDuration": "-1"}, Recording("RE1", FORM["RecordingUrl"], None)),
        ({"RecordingSid": ""}, Recording("", FORM["RecordingUrl"], 17)),
        ({"RecordingUrl": ""}, Recording("RE1", "", 17)),
    ],
)
async def test_what_twilio_leaves_out_of_a_message(client, desk, more, recording):
    assert (await post(client, VOICEMAIL, FORM | more)).status == 200
    assert desk.asked == [("voicemail", CALL, recording)]


@pytest.mark.parametrize("signature", ["", "forged", sign(BASE + STREAM_ENDED, FORM.items())])
async def test_a_message_that_twilio_did_not_sign_is_told_to_nobody(client, desk, lines, signature):
    assert (await post(client, VOICEMAIL, signature=signature)).status == 403
    assert desk.asked == []
    [line] = lines
    assert (line["event"], line["path"], line["reason"]) == ("webhook.refused", VOICEMAIL, "unsigned")
    assert "RE1" not in str(line)
    assert "+1555" not in str(line)


async def test_twilio_is_not_answered_before_the_desk_has_kept_the_message(client, desk):
    kept = asyncio.Event()

    async def keep(*_):
        await kept.wait()
        return HangUp()

    desk.voicemail_taken = keep
    asking = asyncio.ensure_future(post(client, VOICEMAIL))
    done, _ = await asyncio.wait([asking], timeout=0.1)
    assert not done
    kept.set()
    assert (await asking).status == 200


async def test_a_message_that_cannot_be_kept_is_no_silence(client, desk, lines):
    desk.error = OSError(28, "No space left on device")
    got = await post(client, VOICEMAIL)
    assert got.status == 200
    assert ElementTree.fromstring(await got.text()).find("Say").text == APOLOGY.text
    [line] = lines
    assert (line["event"], line["path"], line["call_sid"]) == ("request.failed", VOICEMAIL, "CA1")


@pytest.mark.parametrize("status", ["completed", "answered", "busy", "no-answer", "failed", "canceled"])
async def test_how_a_dialling_ended(client, desk, status):
    await post(client, STREAM_ENDED, FORM | {"DialCallStatus": status})
    [(_, call)] = desk.asked
    assert (call.dial_status, call.status) == (status, "in-progress")


async def test_a_dialling_comes_back_here_and_a_recorder_to_its_own_door(client, desk):
    desk.answer = DialNumber("+15550109", None, 20)
    dial = ElementTree.fromstring(await (await post(client, STREAM_ENDED)).text()).find("Dial")
    assert dial.attrib == {"action": BASE + STREAM_ENDED, "method": "POST", "timeout": "20"}
    desk.answer = RecordMessage(Spoken("Speak now.", "en"), Spoken("Goodbye.", "en"), 60)
    document = ElementTree.fromstring(await (await post(client, STREAM_ENDED)).text())
    assert [part.tag for part in document] == ["Say", "Record", "Say", "Hangup"]
    assert document.find("Record").attrib["action"] == BASE + VOICEMAIL
    assert document.find("Record").attrib["maxLength"] == "60"


async def test_the_vendors_answer_passes_byte_for_byte(client, desk):
    text = "<?xml version='1.0'?>\n<Response><!-- ñ 中 --><Connect><Stream url='wss://v.example/x?a=1&amp;b'/></Connect></Response>"
    desk.answer = VendorsTwiml(text)
    got = await post(client, STREAM_ENDED)
    assert got.content_type == "text/xml"
    assert (await got.read()).decode() == text


async def test_the_end(client, desk):
    desk.answer = HangUp()
    assert "<Hangup />" in await (await post(client, STREAM_ENDED)).text()


# A person is called for a caller who waits


WHISPER, ANSWERED, TRANSFER_STATUS = (
    "/twilio/whisper/t-1",
    "/twilio/whisper/t-1/answered",
    "/twilio/transfer-status/t-1",
)


@pytest.mark.parametrize(
    ("form", "seconds", "bridged"),
    [
        ({"DialCallDuration": "42", "DialBridged": "true"}, 42, True),
        ({"DialCallDuration": "3", "DialBridged": "false"}, 3, False),
        ({}, None, True),
        ({"DialCallDuration": "-1", "DialBridged": ""}, None, True),
    ],
)
async def test_how_long_a_person_was_on_the_line(client, desk, form, seconds, bridged):
    await post(client, STREAM_ENDED, {**FORM, "DialCallStatus": "completed", **form})
    [(_, call)] = desk.asked
    assert (call.dial_duration_s, call.dial_bridged) == (seconds, bridged)


async def test_the_person_is_asked(client, desk):
    desk.answer = AskToAccept("t-1", Spoken("A call. Press 1.", "en"), 6)
    text = await (await post(client, WHISPER)).text()
    assert desk.asked == [("whisper", CALL, "t-1")]
    assert ElementTree.fromstring(text).find("Gather").attrib["action"] == BASE + ANSWERED


@pytest.mark.parametrize(("keys", "digits"), [({"Digits": "1"}, "1"), ({"Digits": ""}, ""), ({}, "")])
async def test_what_the_person_has_pressed(client, desk, keys, digits):
    desk.answer = JoinRoom("r-1", as_person=True)
    form = {name: value for name, value in FORM.items() if name != "Digits"} | keys
    text = await (await post(client, ANSWERED, form)).text()
    assert desk.asked == [("whisper_answered", CALL, "t-1", digits)]
    dial = ElementTree.fromstring(text).find("Dial")
    assert "action" not in dial.attrib, "the person's call ends with it"
    assert dial.find("Conference").text == "r-1"


async def test_the_waiting_caller_comes_back_where_every_dialling_does(client, desk):
    desk.answer = JoinRoom("r-1", hold_url=f"{BASE}/prompts/m.wav")
    dial = ElementTree.fromstring(await (await post(client, STREAM_ENDED)).text()).find("Dial")
    assert dial.attrib["action"] == BASE + STREAM_ENDED
    assert dial.find("Conference").attrib["waitUrl"] == f"{BASE}/prompts/m.wav"


async def test_a_notice_about_the_persons_call(client, desk):
    assert (await post(client, TRANSFER_STATUS, {**FORM, "CallStatus": "busy"})).status == 204
    assert desk.asked == [("transfer_status", "t-1", "CA1", "busy")]


@pytest.mark.parametrize("path", [WHISPER, ANSWERED, TRANSFER_STATUS])
async def test_whoever_is_not_twilio_knows_nothing_of_it(client, desk, path):
    assert (await post(client, path, signature="wrong")).status == 403
    assert desk.asked == []
