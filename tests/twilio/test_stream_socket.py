import asyncio
import json
import time

import aiohttp
import pytest
from aiohttp import WSMsgType

from ivr_bridge.errors import LocalProtocolError, RemoteProtocolError
from ivr_bridge.twilio.stream_events import CallerAudio, MarkReached, StreamClosed, StreamStopped
from ivr_bridge.twilio.stream_socket import ENOUGH_READ_BYTES, MAX_BUFFERED_BYTES
from tests.twilio.conftest import CONNECTED, FRAME, SID, MediaServer, media_text, start_text

BIG = "A" * 4000


@pytest.fixture
async def leg_of(media_server):
    """Dials, and gives both ends of a call whose desk holds the leg until the test is over."""
    legs = asyncio.Queue()
    over = asyncio.Event()

    async def hold(leg):
        await legs.put(leg)
        await over.wait()

    media_server.desk.run = hold

    async def dial(*, raw=False, receive_bytes=4096, door=None, **options):
        if media_server.door is None:
            await media_server.open(**(door or {}))
        if raw:
            peer = await media_server.dial_raw(CONNECTED, start_text(), receive_bytes=receive_bytes)
        else:
            peer = await media_server.dial_started(**options)
        return await legs.get(), peer

    yield dial
    over.set()


def fill(leg):
    """Sends to a peer that does not read until the socket says that it is full."""
    while not leg.full:
        leg.send_media(BIG)


async def test_both_directions(leg_of):
    leg, phone = await leg_of()
    assert (leg.stream_sid, leg.call_sid, leg.started.token) == (SID, "CA1", "t-1")
    await phone.send_str(media_text())
    assert await leg.receive() == [CallerAudio(FRAME, 20, 0.0)]
    leg.send_media(FRAME)
    leg.send_mark("u1.s1")
    leg.send_clear()
    got = [await phone.receive_json() for _ in range(3)]
    assert [message["event"] for message in got] == ["media", "mark", "clear"]
    assert all(message["streamSid"] == SID for message in got)
    assert (leg.sent, leg.unsent) == (3, 0)
    assert leg.sent_bytes > len(FRAME)
    assert leg.stream.frames_in == 1
    assert leg.write_stalled_s(time.monotonic()) == 0


async def test_audio_goes_to_who_hears_it_and_all_else_is_received(leg_of, until):
    leg, phone = await leg_of()
    heard = []
    leg.hear(heard.append)
    await phone.send_str(media_text())
    await until(lambda: heard == [CallerAudio(FRAME, 20, 0.0)])
    leg.send_mark("u1.s1")
    await phone.receive_json()
    await phone.send_str(f'{{"event":"mark","streamSid":"{SID}","mark":{{"name":"u1.s1"}}}}')
    assert await leg.receive() == [MarkReached("u1.s1")]
    leg.hear(None)
    await phone.send_str(media_text())
    assert [type(event) for event in await leg.receive()] == [CallerAudio]
    assert len(heard) == 1
    await asyncio.gather(leg.close(), phone.close())


async def test_what_a_hearer_raises_comes_out_of_receive(leg_of):
    leg, phone = await leg_of()

    def break_down(_audio):
        raise ZeroDivisionError("a bug of ours")

    leg.hear(break_down)
    await phone.send_str(media_text())
    with pytest.raises(ZeroDivisionError):
        await leg.receive()
    await asyncio.gather(leg.close(1011), phone.close())


async def test_no_compression_even_if_offered(leg_of):
    _, phone = await leg_of(compress=15)
    assert phone.compress == 0


@pytest.mark.parametrize(("given", "told"), [(1000, 1000), (1001, 1001), (4000, 4000)])
async def test_the_peers_close_code(leg_of, given, told):
    leg, phone = await leg_of()
    closing = asyncio.create_task(phone.close(code=given))
    assert await leg.receive() == [StreamClosed(told)]
    assert await leg.receive() == [StreamClosed(told)]
    await closing


async def test_a_close_frame_without_a_code(leg_of):
    leg, peer = await leg_of(raw=True)
    peer.send_frame(0x88, b"")
    assert await leg.receive() == [StreamClosed(1005)]


async def test_a_connection_that_just_breaks(leg_of):
    leg, peer = await leg_of(raw=True)
    peer.cut()
    assert await leg.receive() == [StreamClosed(1006)]
    assert not (await leg.receive())[0].clean


async def test_an_end_of_file_without_a_close_frame(leg_of):
    leg, peer = await leg_of(raw=True)
    peer.writer.close()
    assert await leg.receive() == [StreamClosed(1006)]


async def test_stop_then_close(leg_of):
    leg, phone = await leg_of()
    await phone.send_str(json.dumps({"event": "stop", "streamSid": SID}))
    closing = asyncio.create_task(phone.close())
    assert await leg.receive() == [StreamStopped()]
    assert await leg.receive() == [StreamClosed(1000)]
    await closing


async def test_what_is_sent_after_the_end_is_dropped_and_counted(leg_of):
    leg, phone = await leg_of()
    await phone.send_str(json.dumps({"event": "stop", "streamSid": SID}))
    await leg.receive()
    leg.send_media(FRAME)
    leg.send_mark("m")
    leg.send_clear()
    assert (leg.sent, leg.unsent) == (0, 3)


async def test_what_is_sent_into_a_broken_connection_is_dropped_and_counted(leg_of, until):
    leg, peer = await leg_of(raw=True)
    peer.cut()

    async def sent():
        leg.send_media(FRAME)
        return leg.unsent

    for _ in range(500):
        if await sent():
            break
        await asyncio.sleep(0.01)
    assert leg.unsent
    assert leg.buffered_bytes == 0


async def test_wrong_audio_of_ours_is_our_fault(leg_of):
    leg, _ = await leg_of()
    with pytest.raises(LocalProtocolError):
        leg.send_media("not base64!")


async def test_our_own_close(leg_of):
    leg, phone = await leg_of()
    receiving = asyncio.create_task(leg.receive())
    closing = asyncio.create_task(leg.close(1011, "internal error " * 20))
    message = await phone.receive()
    assert (message.type, phone.close_code) == (WSMsgType.CLOSE, 1011)
    assert message.extra.startswith("internal error")
    await closing
    assert await receiving == [StreamClosed(1011)]
    assert await leg.receive() == [StreamClosed(1011)]
    await leg.close()
    leg.send_media(FRAME)
    assert leg.unsent == 1


async def test_a_peer_that_does_not_answer_our_close_is_cut_off(leg_of):
    leg, peer = await leg_of(raw=True, door={"close_timeout_s": 0.05})
    await leg.close()
    assert await leg.receive() == [StreamClosed(1000)]
    with pytest.raises(asyncio.IncompleteReadError):
        await peer.reader.readexactly(1000)


async def test_cancelling_receive_loses_nothing(leg_of):
    leg, phone = await leg_of()
    for name in ("a", "b", "c"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await leg.receive()
        await phone.send_str(json.dumps({"event": "mark", "streamSid": SID, "mark": {"name": name}}))
        assert await leg.receive() == [MarkReached(name)]


async def test_a_binary_message(leg_of):
    leg, phone = await leg_of()
    await phone.send_bytes(bytes(160))
    with pytest.raises(RemoteProtocolError, match="binary"):
        await leg.receive()
    leg.send_media(FRAME)
    assert leg.unsent == 1


async def test_a_huge_message(leg_of):
    leg, phone = await leg_of()
    await phone.send_str(media_text(payload="A" * 70_000))
    with pytest.raises(RemoteProtocolError):
        await leg.receive()
    assert (await phone.receive()).type is WSMsgType.CLOSE
    assert phone.close_code == 1009


async def test_broken_framing(leg_of):
    leg, peer = await leg_of(raw=True)
    peer.send_frame(0xF3, b"x")
    with pytest.raises(RemoteProtocolError):
        await leg.receive()


async def test_text_that_is_no_utf8(leg_of):
    leg, peer = await leg_of(raw=True)
    peer.send_frame(0x81, b"\xff\xfe")
    with pytest.raises(RemoteProtocolError):
        await leg.receive()


async def test_pings_keep_proxies_awake(leg_of):
    _, phone = await leg_of(door={"ping_s": 0.02}, autoping=False)
    assert [(await phone.receive()).type for _ in range(2)] == [WSMsgType.PING, WSMsgType.PING]


class TestSlowReader:
    async def test_it_is_full_and_the_buffer_is_bounded(self, leg_of):
        leg, _ = await leg_of(raw=True)
        fill(leg)
        assert MAX_BUFFERED_BYTES < leg.buffered_bytes < 2 * MAX_BUFFERED_BYTES
        await asyncio.sleep(0.05)
        assert leg.full
        assert leg.write_stalled_s(time.monotonic() + 60) > 60

    async def test_only_its_own_call_is(self, leg_of):
        slow, _ = await leg_of(raw=True)
        fill(slow)
        leg, phone = await leg_of()
        leg.send_media(FRAME)
        assert (await phone.receive_json())["event"] == "media"
        assert leg.write_stalled_s(time.monotonic()) == 0

    async def test_it_takes_more_when_the_peer_has_read_most_of_it(self, leg_of):
        leg, peer = await leg_of(raw=True)
        fill(leg)
        while leg.full:
            assert leg.write_stalled_s(time.monotonic() + 60) > 60
            await peer.reader.read(65536)
            await asyncio.sleep(0)
        assert leg.buffered_bytes <= ENOUGH_READ_BYTES
        assert leg.write_stalled_s(time.monotonic()) == 0

    async def test_what_must_be_said_is_said_all_the_same(self, leg_of):
        leg, peer = await leg_of(raw=True)
        fill(leg)
        leg.send_clear()
        assert leg.full
        received = b""
        while b'"clear"' not in received:
            received = received[-20:] + await peer.reader.read(65536)

    async def test_closing_cuts_it_off_at_once(self, leg_of):
        leg, _ = await leg_of(raw=True, door={"close_timeout_s": 50})
        fill(leg)
        await leg.close(1011)
        assert await leg.receive() == [StreamClosed(1011)]
        assert leg.buffered_bytes == 0
        assert not leg.full

    async def test_a_peer_that_closes_without_reading_leaves_nothing_behind(self, leg_of):
        leg, peer = await leg_of(raw=True)
        fill(leg)
        peer.send_frame(0x88, b"\x03\xe8")
        assert await leg.receive() == [StreamClosed(1000)]
        await leg.close()
        assert leg.buffered_bytes == 0

    async def test_abort(self, leg_of):
        leg, _ = await leg_of(raw=True)
        fill(leg)
        leg.abort()
        assert await leg.receive() == [StreamClosed(1006)]


def test_slow_reader_on_the_production_loop(lines):
    uvloop = pytest.importorskip("uvloop", reason="uvloop does not exist for this platform")

    async def scenario():
        async with aiohttp.ClientSession() as session:
            server = MediaServer(session)
            await server.open()
            legs = asyncio.Queue()
            over = asyncio.Event()

            async def hold(leg):
                await legs.put(leg)
                await over.wait()

            server.desk.run = hold
            await server.dial_raw(CONNECTED, start_text())
            leg = await legs.get()
            fill(leg)
            assert leg.buffered_bytes < 2 * MAX_BUFFERED_BYTES
            await leg.close(1011)
            assert await leg.receive() == [StreamClosed(1011)]
            over.set()
            await server.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
