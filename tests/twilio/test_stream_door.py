import asyncio

import aiohttp
import pytest
from aiohttp import WSMsgType

from ivr_bridge.errors import LocalProtocolError
from ivr_bridge.twilio.stream_door import stream_base_url
from ivr_bridge.twilio.stream_events import StreamClosed
from tests.twilio.conftest import CONNECTED, FRAME, SID, media_text, sign, start_text


def emitted(lines, name):
    return [line for line in lines if line["event"] == name]


async def to_the_end(leg):
    while not isinstance((await leg.receive() or [None])[-1], StreamClosed):
        pass


@pytest.fixture
def desk(media_server):
    media_server.desk.run = to_the_end
    return media_server.desk


async def close_code(phone):
    async with asyncio.timeout(5):
        while (await phone.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING):
            pass
    return phone.close_code


class TestBeforeTheUpgrade:
    async def refused(self, server, **options):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await server.dial(**options)
        return caught.value.status

    @pytest.mark.parametrize("how", ["unsigned", "wrong token", "signed for http", "another path", "garbage"])
    async def test_wrongly_signed(self, media_server, desk, lines, how):
        await media_server.open()
        url = media_server.media_url
        headers = {
            "unsigned": {},
            "wrong token": {"X-Twilio-Signature": sign(url, token="guess")},
            "signed for http": {"X-Twilio-Signature": sign(url.replace("ws://", "http://"))},
            "another path": {"X-Twilio-Signature": sign(url + "1")},
            "garbage": {"X-Twilio-Signature": "%%%"},
        }[how]
        assert await self.refused(media_server, headers=headers) == 403
        [line] = emitted(lines, "stream.refused")
        assert line["reason"] == "unsigned"
        assert desk.asked == []

    async def test_the_host_header_decides_nothing(self, media_server, desk):
        await media_server.open()
        headers = {"X-Twilio-Signature": sign("ws://evil.example/twilio/media/0"), "Host": "evil.example"}
        assert await self.refused(media_server, headers=headers) == 403

    async def test_any_token_in_rotation(self, media_server, desk):
        await media_server.open()
        phone = await media_server.dial(headers={"X-Twilio-Signature": sign(media_server.media_url, token="old-token")})
        await phone.close()

    async def test_another_workers_stream_is_let_in_by_the_same_rules(self, media_server, desk, until):
        await media_server.open()
        url = media_server.media_url.removesuffix("0") + "another-1"
        unsigned = {"X-Twilio-Signature": sign(media_server.media_url)}
        async with media_server.session.get(url.replace("ws", "http", 1), headers=unsigned) as got:
            assert got.status == 403
        phone = await media_server.session.ws_connect(url, headers={"X-Twilio-Signature": sign(url)})
        await phone.send_str(start_text())
        await until(lambda: desk.asked == [("run_stream", "CA1")])
        await phone.close()

    async def test_a_plain_get(self, media_server, desk):
        await media_server.open()
        headers = {"X-Twilio-Signature": sign(media_server.media_url)}
        async with media_server.session.get(media_server.url + "/twilio/media/0", headers=headers) as got:
            assert got.status == 400
        assert media_server.door.waiting == 0

    async def test_pitfall_unauthenticated_sockets_are_few_while_they_wait(self, media_server, desk, lines, until):
        await media_server.open(max_waiting=2)
        waiting = [await media_server.dial() for _ in range(2)]
        assert await self.refused(media_server) == 503
        assert emitted(lines, "stream.refused")[-1]["reason"] == "too_many_waiting"
        await waiting[0].send_str(start_text())
        await until(lambda: media_server.door.waiting == 1)
        last = await media_server.dial()
        for phone in (*waiting, last):
            await phone.close()
        await until(lambda: media_server.door.waiting == 0)


class TestBeforeStart:
    async def test_pitfall_31920_a_signed_upgrade_is_answered_and_runs(self, media_server, desk, until):
        await media_server.open()
        phone = await media_server.dial_started()
        await until(lambda: desk.asked == [("run_stream", "CA1")])
        await phone.close()

    async def test_no_start_in_time(self, media_server, desk, lines):
        await media_server.open(start_timeout_s=0.05)
        phone = await media_server.dial(CONNECTED)
        assert await close_code(phone) == 1008
        [line] = emitted(lines, "stream.refused")
        assert (line["reason"], line["close_code"]) == ("no_start", 1008)
        assert desk.asked == []

    async def test_unknown_messages_do_not_buy_time(self, media_server, desk):
        await media_server.open(start_timeout_s=0.05)
        phone = await media_server.dial()

        async def chat():
            while True:
                await phone.send_str('{"event":"weather"}')
                await asyncio.sleep(0.01)

        chatting = asyncio.create_task(chat())
        assert await close_code(phone) == 1008
        chatting.cancel()

    async def test_a_half_open_peer(self, media_server, desk, until):
        await media_server.open(start_timeout_s=0.05, close_timeout_s=0.05)
        peer = await media_server.dial_raw()
        await until(lambda: media_server.door.waiting == 0)
        async with asyncio.timeout(5):
            assert (await peer.reader.read(-1))[:4] == b"\x88\x0a\x03\xf0"

    @pytest.mark.parametrize(
        "texts", [("garbage",), (CONNECTED, media_text()), (CONNECTED, CONNECTED), ("{}",), (start_text(call_sid=""),)]
    )
    async def test_garbage_and_media_before_start(self, media_server, desk, lines, texts):
        await media_server.open()
        phone = await media_server.dial(*texts)
        assert await close_code(phone) == 1008
        [line] = emitted(lines, "stream.refused")
        assert "Twilio's stream" in line["reason"]
        assert FRAME not in str(lines)
        assert desk.asked == []

    async def test_a_binary_frame(self, media_server, desk):
        await media_server.open()
        phone = await media_server.dial()
        await phone.send_bytes(b"\x00" * 160)
        assert await close_code(phone) == 1008

    async def test_a_huge_message(self, media_server, desk, lines):
        await media_server.open()
        phone = await media_server.dial("A" * 100_000)
        assert await close_code(phone) == 1009
        assert emitted(lines, "stream.refused")

    async def test_it_leaves_before_start(self, media_server, desk, lines, until):
        await media_server.open()
        phone = await media_server.dial(CONNECTED)
        await phone.close()
        await until(lambda: emitted(lines, "stream.refused"))
        assert emitted(lines, "stream.refused")[0]["reason"] == "closed_before_start"

    async def test_another_account(self, media_server, desk, lines):
        await media_server.open(account_sid="AC9")
        assert await close_code(await media_server.dial_started()) == 1008
        assert emitted(lines, "stream.refused")[0]["reason"] == "other_account"
        assert desk.asked == []


class TestTheCall:
    async def test_the_desk_closes_by_returning(self, media_server, desk):
        await media_server.open()

        async def leave(leg):
            leg.send_clear()

        desk.run = leave
        phone = await media_server.dial_started()
        assert (await phone.receive_json())["event"] == "clear"
        assert await close_code(phone) == 1000

    async def test_the_desk_may_close_as_it_likes(self, media_server, desk):
        await media_server.open()

        async def leave(leg):
            await leg.close(1012, "restart")

        desk.run = leave
        assert await close_code(await media_server.dial_started()) == 1012

    @pytest.mark.parametrize("text", [start_text(), "garbage", CONNECTED, media_text(payload="%%%%")])
    async def test_a_second_start_and_garbage_in_mid_call(self, media_server, desk, lines, text):
        await media_server.open()
        phone = await media_server.dial_started()
        await phone.send_str(text)
        assert await close_code(phone) == 1008
        [line] = emitted(lines, "stream.faulted")
        assert (line["call_sid"], line["stream_sid"]) == ("CA1", SID)

    async def test_pitfall_31921_a_bug_of_ours_closes_1011_and_is_logged(self, media_server, desk, lines):
        await media_server.open()
        desk.error = LocalProtocolError("boom")
        assert await close_code(await media_server.dial_started()) == 1011
        [line] = emitted(lines, "request.failed")
        assert "boom" in line["error"]

    async def test_the_server_going_down_cuts_the_leg(self, media_server, desk, until):
        await media_server.open()

        async def forever(leg):
            await asyncio.Event().wait()

        desk.run = forever
        phone = await media_server.dial_started()
        await until(lambda: desk.asked)
        await media_server.runner.shutdown()
        closing = asyncio.create_task(media_server.runner.cleanup())
        assert await close_code(phone) == 1006
        await closing

    async def test_pitfall_memory_grows_two_hundred_bad_sockets_leave_nothing(self, media_server, desk, until):
        await media_server.open(close_timeout_s=0.5)
        before = asyncio.all_tasks()

        async def bad(number):
            texts = [("garbage",), (CONNECTED, media_text()), (CONNECTED, start_text(), start_text()), ()][number % 4]
            phone = await media_server.dial(*texts)
            if not texts:
                await phone.send_bytes(b"x")
            await close_code(phone)
            await phone.close()

        for first in range(0, 200, 20):
            await asyncio.gather(*(bad(number) for number in range(first, first + 20)))
        await until(lambda: media_server.door.waiting == 0)
        await until(lambda: not [t for t in asyncio.all_tasks() - before if "RequestHandler" not in repr(t.get_coro())])
        await until(lambda: not media_server.runner.server.connections)


def test_stream_base_url():
    assert stream_base_url("https://h.example") == "wss://h.example"
    assert stream_base_url("http://127.0.0.1:8080") == "ws://127.0.0.1:8080"
