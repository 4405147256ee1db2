import asyncio
import base64
import hashlib
import hmac
import zlib
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from aiohttp import web

from ivr_bridge.settings import Settings
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import ConnectStream, DialNumber, HangUp, IncomingCall, SayAndHangUp, Spoken
from ivr_bridge.twilio.webhooks import APOLOGY, Webhooks, add_routes
from tests.twilio.conftest import TOKEN, FakeDesk, sign

BASE = "https://bridge.example"
FORM = {
    "CallSid": "CA1",
    "AccountSid": "AC1",
    "From": "+15550101",
    "To": "+15550102",
    "CallStatus": "ringing",
    "Direction": "inbound",
    "ApiVersion": "2010-04-01",
    "SomethingNew": "ñ 中",
    "Blank": "",
}
CALL = IncomingCall("CA1", "AC1", "+15550101", "+15550102", "inbound", "ringing", "")
ANSWERED = ["/twilio/voice", "/twilio/stream-ended", "/twilio/voicemail", "/twilio/fallback"]
NOTED = ["/twilio/status", "/twilio/stream-status"]
POSTS = ANSWERED + NOTED


@pytest.fixture
def desk():
    return FakeDesk()


@pytest.fixture
async def client(aiohttp_client, desk, lines):
    async def make(base_url=BASE, **settings):
        app = web.Application()
        add_routes(
            app,
            settings=Settings(**settings),
            auth_tokens=lambda: ("newer-token", TOKEN),
            base_url=lambda: base_url,
            desk=desk,
            log=Log(),
        )
        return await aiohttp_client(app)

    return make


async def post(client, path, form=FORM, *, base=BASE, headers=None, signature=None):
    signature = sign(base + path, form.items()) if signature is None else signature
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature} | (headers or {})
    return await client.post(path, data=urlencode(form).encode(), headers=headers)


class TestAnswers:
    async def test_voice_connects_the_stream(self, client, desk):
        desk.answer = ConnectStream("tok-1", Spoken("Lo sentimos.", "es"))
        got = await post(await client(), "/twilio/voice", headers={"I-Twilio-Idempotency-Token": "i-1"})
        assert (got.status, got.content_type) == (200, "text/xml")
        document = ElementTree.fromstring(await got.text())
        assert document.find("Connect").attrib == {"action": BASE + "/twilio/stream-ended", "method": "POST"}
        stream = document.find("Connect/Stream")
        assert stream.attrib == {
            "url": "wss://bridge.example/twilio/media/0",
            "statusCallback": BASE + "/twilio/stream-status",
        }
        assert stream.find("Parameter").attrib == {"name": "token", "value": "tok-1"}
        assert document.find("Say").attrib == {"language": "es-MX"}
        [(asked, call)] = desk.asked
        assert (asked, call) == (
            "voice",
            IncomingCall("CA1", "AC1", "+15550101", "+15550102", "inbound", "ringing", "i-1"),
        )

    async def test_on_loopback_the_stream_is_ws(self, client, desk):
        desk.answer = ConnectStream("tok-1", Spoken("Sorry.", "en"))
        base = "http://127.0.0.1:8080"
        got = await post(await client(base), "/twilio/voice", base=base)
        assert 'url="ws://127.0.0.1:8080/twilio/media/0"' in await got.text()

    async def test_what_follows_the_stream(self, client, desk):
        desk.answer = DialNumber("+15550109", Spoken("One moment.", "en"))
        text = await (await post(await client(), "/twilio/stream-ended")).text()
        assert f'<Dial action="{BASE}/twilio/stream-ended" method="POST">+15550109</Dial>' in text
        assert desk.asked == [("stream_ended", CALL)]

    async def test_fallback(self, client, desk):
        desk.answer = SayAndHangUp(Spoken("Sorry.", "en"))
        form = FORM | {"ErrorCode": "11200", "ErrorUrl": BASE + "/twilio/voice"}
        text = await (await post(await client(), "/twilio/fallback", form)).text()
        assert '<Say language="en-US">Sorry.</Say><Hangup />' in text
        assert desk.asked == [("fallback", CALL, "11200", BASE + "/twilio/voice")]

    async def test_hang_up(self, client, desk):
        desk.answer = HangUp()
        assert "<Response><Hangup /></Response>" in await (await post(await client(), "/twilio/stream-ended")).text()

    @pytest.mark.parametrize(
        ("sent", "told"), [({"CallDuration": "17"}, 17), ({}, None), ({"CallDuration": "x"}, None)]
    )
    async def test_status(self, client, desk, sent, told):
        got = await post(await client(), "/twilio/status", FORM | {"CallStatus": "completed"} | sent)
        assert (got.status, await got.read()) == (204, b"")
        assert desk.asked == [("status", "CA1", "completed", told)]

    async def test_stream_status(self, client, desk):
        form = {
            "CallSid": "CA1",
            "AccountSid": "AC1",
            "StreamSid": "MZ1",
            "StreamEvent": "stream-error",
            "StreamError": "31924",
        }
        assert (await post(await client(), "/twilio/stream-status", form)).status == 204
        assert desk.asked == [("stream_status", "CA1", "MZ1", "stream-error", "31924")]

    @pytest.mark.parametrize("path", ANSWERED)
    async def test_a_bug_of_ours_is_logged_and_the_caller_hears_words(self, client, desk, lines, path):
        desk.error = ZeroDivisionError("boom")
        got = await post(await client(), path)
        assert got.status == 200
        assert ElementTree.fromstring(await got.text()).find("Say").text == APOLOGY.text
        [line] = [line for line in lines if line["event"] == "request.failed"]
        assert (line["path"], line["call_sid"]) == (path, "CA1")

    @pytest.mark.parametrize("path", NOTED)
    async def test_a_bug_in_a_notice_is_logged(self, client, desk, lines, path):
        desk.error = ZeroDivisionError("boom")
        assert (await post(await client(), path)).status == 204
        assert [line["event"] for line in lines] == ["request.failed"]


class TestTheDoor:
    def refusal(self, lines):
        [line] = [line for line in lines if line["event"] == "webhook.refused"]
        return line

    @pytest.mark.parametrize("path", POSTS)
    async def test_unsigned(self, client, desk, lines, path):
        got = await post(await client(), path, signature="")
        assert got.status == 403
        line = self.refusal(lines)
        assert (line["path"], line["reason"], line["parameter_names"]) == (path, "unsigned", sorted(FORM))
        assert "+1555" not in str(lines)
        assert desk.asked == []

    async def test_any_token_in_rotation(self, client, desk):
        signature = sign(BASE + "/twilio/voice", FORM.items(), token="newer-token")
        assert (await post(await client(), "/twilio/voice", signature=signature)).status == 200

    async def test_tampered(self, client, desk):
        signature = sign(BASE + "/twilio/voice", FORM.items())
        assert (await post(await client(), "/twilio/voice", FORM | {"From": "+1"}, signature=signature)).status == 403

    async def test_pitfall_signature_mismatch_proxys_host_and_scheme_decide_nothing(self, client, desk):
        headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
        ours = await client()
        assert (await post(ours, "/twilio/voice", headers=headers)).status == 200
        assert (await post(ours, "/twilio/voice", base="https://evil.example", headers=headers)).status == 403

    async def test_the_raw_target_is_what_was_signed(self, client, desk):
        ours = await client()
        target = "/twilio/voice?flow=a+b"
        assert (await post(ours, target)).status == 200
        assert (await post(ours, target, signature=sign(BASE + "/twilio/voice", FORM.items()))).status == 403

    async def test_repeats_and_bytes_that_are_no_text(self, client, desk):
        body = b"CallSid=CA1&AccountSid=AC1&From=%FF%FE&b=2&b=1&b=2"
        text = f"{BASE}/twilio/voice".encode() + b"AccountSidAC1CallSidCA1From\xff\xfeb1b2"
        signature = base64.b64encode(hmac.new(TOKEN.encode(), text, hashlib.sha1).digest()).decode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
        got = await (await client()).post("/twilio/voice", data=body, headers=headers)
        assert got.status == 200
        assert desk.asked[0][1].caller == "\ufffd\ufffd"

    async def test_another_account(self, client, desk, lines):
        assert (await post(await client(twilio_account_sid="AC9"), "/twilio/voice")).status == 403
        assert self.refusal(lines)["reason"] == "other_account"
        assert (await post(await client(twilio_account_sid="AC1"), "/twilio/voice")).status == 200

    @pytest.mark.parametrize("path", POSTS)
    @pytest.mark.parametrize("form", [{"AccountSid": "AC1"}, {"AccountSid": "AC1", "CallSid": ""}])
    async def test_no_call_sid(self, client, desk, lines, path, form):
        assert (await post(await client(), path, form)).status == 400
        assert self.refusal(lines)["reason"] == "no_call_sid"
        assert desk.asked == []

    async def test_a_json_body_must_be_bound_and_is_no_call(self, client, desk):
        ours = await client()
        body = b'{"CallSid":"CA1"}'
        target = "/twilio/voice?bodySHA256=" + hashlib.sha256(body).hexdigest()
        headers = {"Content-Type": "application/json", "X-Twilio-Signature": sign(BASE + target)}
        assert (await ours.post(target, data=body, headers=headers)).status == 400
        assert (await ours.post(target, data=body + b" ", headers=headers)).status == 403
        headers["X-Twilio-Signature"] = sign(BASE + "/twilio/voice")
        assert (await ours.post("/twilio/voice", data=body, headers=headers)).status == 403

    async def test_a_huge_body(self, client, desk, lines):
        assert (await post(await client(), "/twilio/voice", FORM | {"x": "y" * 70_000})).status == 413
        assert self.refusal(lines)["reason"] == "huge_body"

    async def test_a_bomb(self, client, desk):
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Encoding": "deflate",
            "X-Twilio-Signature": "x",
        }
        body = zlib.compress(b"a" * 2_000_000)
        assert (await (await client()).post("/twilio/voice", data=body, headers=headers)).status == 413

    @pytest.mark.parametrize(
        "headers",
        [
            {"Content-Encoding": "gzip"},
            {"Content-Type": "\u00e9;;;="},
            {"Content-Type": "multipart/form-data; boundary=x"},
            {"Content-Type": "application/x-www-form-urlencoded; charset=utf-16"},
        ],
    )
    async def test_garbage(self, client, desk, lines, headers):
        sent = {"X-Twilio-Signature": "garbage", "Content-Type": "application/x-www-form-urlencoded"} | headers
        got = await (await client()).post("/twilio/voice", data=b"+15550101\x00\xff%%%=&&&;=", headers=sent)
        assert got.status in (400, 403)
        assert "+1555" not in str(lines)
        assert desk.asked == []

    async def test_names_that_are_none_are_not_logged(self, client, desk, lines):
        await post(await client(), "/twilio/voice", {"+15550101": "", "a" * 99: "", "Fine": ""}, signature="x")
        assert self.refusal(lines)["parameter_names"] == ["?", "Fine", "?"]

    async def test_a_flood_of_names_is_cut(self, client, desk, lines):
        await post(await client(), "/twilio/voice", {f"n{i}": "" for i in range(5000)}, signature="x")
        assert len(self.refusal(lines)["parameter_names"]) == 40

    @pytest.mark.parametrize("path", POSTS)
    async def test_other_methods(self, client, desk, path):
        assert (await (await client()).get(path)).status == 405

    async def test_the_media_route_is_there_and_shut(self, client, desk):
        ours = await client()
        assert (await ours.get("/twilio/media/0")).status == 403
        assert (await ours.get("/twilio/media")).status == 403
        assert (await ours.get("/twilio/media/0/more")).status == 404
        assert (await ours.head("/twilio/media/0")).status == 405


class TestSlowAndBroken:
    @pytest.fixture
    async def serve(self, desk, lines):
        runners = []

        async def at(body_timeout_s):
            webhooks = Webhooks(
                settings=Settings(),
                auth_tokens=lambda: [TOKEN],
                base_url=lambda: BASE,
                desk=desk,
                log=Log(),
                body_timeout_s=body_timeout_s,
            )
            app = web.Application()
            app.router.add_post("/twilio/voice", webhooks.voice)
            runner = web.AppRunner(app, shutdown_timeout=0.1)  # the test server would cancel the handler
            runners.append(runner)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return runner.addresses[0][1]

        yield at
        for runner in runners:
            await runner.cleanup()

    head = b"POST /twilio/voice HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nCallSid"

    async def test_a_body_that_never_ends(self, serve, desk, lines):
        reader, writer = await asyncio.open_connection("127.0.0.1", await serve(body_timeout_s=0.05))
        writer.write(self.head)
        assert b" 408 " in await reader.readline()
        assert lines[0]["reason"] == "slow_body"
        writer.transport.abort()

    async def test_a_peer_that_leaves_in_the_middle(self, serve, desk, lines, until):
        reader, writer = await asyncio.open_connection("127.0.0.1", await serve(body_timeout_s=30))
        writer.write(self.head.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        assert b" 100 " in await reader.readline()
        writer.transport.abort()
        await until(lambda: lines)
        assert lines[0]["reason"] == "broken_body"
        assert desk.asked == []
