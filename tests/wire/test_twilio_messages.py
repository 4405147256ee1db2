import base64
import hashlib
import hmac
import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator

from ivr_bridge.errors import RemoteProtocolError
from ivr_bridge.settings import Settings
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import HangUp, IncomingCall
from ivr_bridge.twilio.signature import signed_by_twilio
from ivr_bridge.twilio.stream_events import UnknownStreamMessage
from ivr_bridge.twilio.stream_protocol import MediaStream, StreamState
from ivr_bridge.twilio.webhooks import add_routes

FIXTURES = Path(__file__).parents[2] / "fixtures" / "twilio"


def read(name):
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def started():
    stream = MediaStream()
    for step in read("stream_call.json")[:2]:
        stream.receive_text(json.dumps(step["message"]))
    return stream


@pytest.mark.parametrize("name", ["stream_call.json", "stream_odd.json"])
def test_a_stream_gives_these_events(name):
    stream = MediaStream()
    for step in read(name):
        got = stream.receive_text(json.dumps(step["message"]))
        assert [type(event).__name__ for event in got] == [event["kind"] for event in step["events"]]
        for event, wanted in zip(got, step["events"], strict=True):
            for field, value in wanted.items():
                if field == "kind_name":
                    assert isinstance(event, UnknownStreamMessage)
                    assert event.kind == value
                elif field != "kind":
                    assert getattr(event, field) == value, step
    assert stream.state is StreamState.STOPPED


@pytest.mark.parametrize("case", read("stream_faults.json"), ids=lambda case: case["why"])
def test_these_end_a_stream_and_only_the_last_does(case):
    stream = MediaStream()
    *before, last = map(json.dumps, case["messages"])
    for text in before:
        stream.receive_text(text)
    with pytest.raises(RemoteProtocolError):
        stream.receive_text(last)
    assert stream.state is StreamState.FAILED


@pytest.mark.parametrize("case", read("stream_sent.json"), ids=lambda case: case["call"])
def test_what_we_send_is_this_and_nothing_more(case):
    send = getattr(started(), case["call"])
    text = send(case["argument"]) if "argument" in case else send()
    assert json.loads(text) == case["message"]


@pytest.mark.parametrize("case", read("signatures.json"), ids=lambda case: case["what"])
def test_signatures(case):
    given = {name: case[name] for name in ("signature", "url", "form")}
    assert signed_by_twilio(**given, tokens=[case["token"]])
    assert not signed_by_twilio(**given, tokens=[case["token"] + "x"])


class NotingDesk:
    def __init__(self):
        self.asked = []

    async def answer_voice(self, call: IncomingCall):
        self.asked = ["voice", call.call_sid, call.status]
        return HangUp()

    async def stream_ended(self, call: IncomingCall):
        self.asked = ["stream_ended", call.call_sid, call.status]
        return HangUp()

    async def fallback(self, call: IncomingCall, error_code, error_url):
        self.asked = ["fallback", call.call_sid, call.status, error_code, error_url]
        return HangUp()

    async def run_stream(self, leg):
        raise AssertionError("nobody dials here")

    def status_changed(self, *asked):
        self.asked = ["status", *asked]

    def stream_status_changed(self, *asked):
        self.asked = ["stream_status", *asked]


@pytest.mark.parametrize("case", read("webhooks.json"), ids=lambda case: case["path"])
async def test_webhooks(aiohttp_client, case):
    base, desk, app = "https://bridge.example", NotingDesk(), web.Application()
    add_routes(
        app, settings=Settings(), auth_tokens=lambda: ["an-auth-token"], base_url=lambda: base, desk=desk, log=Log()
    )
    client = await aiohttp_client(app)
    signature = RequestValidator("an-auth-token").compute_signature(base + case["path"], case["form"])
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
    got = await client.post(case["path"], data=urlencode(case["form"]).encode(), headers=headers)
    assert got.status == case["status"]
    assert desk.asked == case["asked"]


def test_the_library_agrees_with_a_plain_hmac():
    mac = hmac.new(b"k", b"https://h/aA1", hashlib.sha1).digest()
    assert RequestValidator("k").compute_signature("https://h/a", {"A": "1"}) == base64.b64encode(mac).decode()
