import asyncio
import base64
from contextlib import suppress

import pytest

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import Caller, CallScript, Digits, Ending, HangUp, Say, Wait
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.recording import Recording
from ivr_bridge.simulator.phone.stream_leg import StreamEnd, StreamLeg, StreamTicket
from ivr_bridge.simulator.phone.stream_socket import StreamSocket
from ivr_bridge.simulator.phone.talk_notes import TalkNotes

from .scripted_bridge import eventually, goodbye, listener, mulaw_tone, serving, tone

TICKET = StreamTicket("CA" + "1" * 32, "AC" + "2" * 32, "MZ" + "3" * 32, {"token": "tok-1"})
GOOD = PhoneFaults()
SHORT = CallScript((Wait(0.2), HangUp()))


class Result:
    """One stream, run to its end."""

    def __init__(self, bridge, end, recording, log, caller):
        self.bridge, self.end, self.recording, self.log, self.caller = bridge, end, recording, log, caller
        self.stream = bridge.streams[0]

    def sent(self, event):
        return [message for message in self.stream.received if message["event"] == event]


def leg_of(socket, recording, caller, faults, log):
    notes = TalkNotes(log, recording.hearing, caller)
    return StreamLeg(socket, TICKET, recording=recording, caller=caller, faults=faults, log=log, notes=notes)


async def run(agent=listener, script=SHORT, faults=GOOD, **options):
    async with serving(agent, **options) as bridge:
        recording, log, caller = Recording(), CallLog(TICKET.call_sid), Caller(script)
        socket = await StreamSocket.dial(bridge.stream_url, None)
        leg = leg_of(socket, recording, caller, faults, log)
        end = await leg.run()
        result = Result(bridge, end, recording, log, caller)
        if not faults.half_open_ms:
            await eventually(lambda: result.stream.close_code is not None or agent is not listener)
        return result


async def test_a_stream_from_connected_to_stop():
    call = await run()
    assert call.end == StreamEnd("caller", ending=Ending("completed", "caller_hung_up"))
    received = call.stream.received
    assert received[0] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert received[1] == {
        "event": "start",
        "sequenceNumber": "1",
        "start": {
            "accountSid": TICKET.account_sid,
            "streamSid": TICKET.stream_sid,
            "callSid": TICKET.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"token": "tok-1"},
        },
        "streamSid": TICKET.stream_sid,
    }
    assert received[-1]["stop"] == {"accountSid": TICKET.account_sid, "callSid": TICKET.call_sid}
    assert [message["sequenceNumber"] for message in received[1:]] == [str(n + 1) for n in range(len(received) - 1)]
    media = call.sent("media")
    assert len(media) == 10, "200 ms of the caller's time, however late it was"
    assert [message["media"]["chunk"] for message in media] == [str(n + 1) for n in range(10)]
    assert {len(base64.b64decode(message["media"]["payload"])) for message in media} == {160}
    assert any(int(message["media"]["timestamp"]) % 20 for message in media)
    assert call.stream.close_code == 1000
    assert call.log.violations == []


async def test_words_and_keys_arrive():
    words = Say(tone(100), "hello", expects_answer=False)

    async def agent(stream):
        await stream.until("start")
        await stream.say(mulaw_tone(40))
        await stream.drain()

    keys = Digits("1#", expects_answer=False)
    script = CallScript((words, keys, HangUp()), quiet_s=0.1)
    call = await run(agent, script)
    assert [message["dtmf"] for message in call.sent("dtmf")] == [
        {"track": "inbound_track", "digit": digit} for digit in "1#"
    ]
    arrived = b"".join(base64.b64decode(message["media"]["payload"]) for message in call.sent("media"))
    assert mulaw_tone(100) in arrived
    assert bytes(call.recording.caller).endswith(arrived), "the left channel is what was sent"


async def test_what_the_agent_says_is_heard_and_marks_come_back_in_order():
    marks = []

    async def agent(stream):
        await stream.until("start")
        await stream.mark("empty")
        marks.append((await stream.until("mark"))["mark"]["name"])
        await stream.say(mulaw_tone(60))
        await stream.mark("z")
        await stream.say(mulaw_tone(40))
        await stream.mark("a")
        marks.append((await stream.until("mark"))["mark"]["name"])
        marks.append((await stream.until("mark"))["mark"]["name"])
        await stream.ws.close()

    call = await run(agent, CallScript())
    assert marks == ["empty", "z", "a"]
    assert call.end == StreamEnd("bridge", 1000)
    assert mulaw_tone(60) + mulaw_tone(40) in call.recording.playback.heard
    assert call.recording.playback.marks_played == 3


async def test_clear_echoes_everything_outstanding_and_cuts_what_was_not_heard():
    async def agent(stream):
        await stream.until("start")
        await stream.say(mulaw_tone(5000))
        await stream.mark("one")
        await stream.mark("two")
        await stream.until("media")
        await stream.send("clear")
        assert (await stream.until("mark"))["mark"]["name"] == "one"
        assert (await stream.until("mark"))["mark"]["name"] == "two"
        await stream.say(mulaw_tone(20))
        await stream.mark("three")
        await stream.until("mark")
        await stream.ws.close()

    call = await run(agent, CallScript())
    playback = call.recording.playback
    assert (playback.clears, playback.marks_played, playback.marks_discarded) == (1, 1, 2)
    assert len(playback.heard) < 5000 * 8
    assert bytes(playback.heard).endswith(mulaw_tone(20))


async def test_what_was_queued_when_the_stream_ended_was_not_heard():
    async def agent(stream):
        await stream.until("start")
        await stream.say(mulaw_tone(5000))
        await stream.ws.close()

    call = await run(agent, CallScript())
    assert len(call.recording.playback.heard) < 5000 * 8


async def test_each_kind_of_bad_message_is_noted_and_the_call_goes_on():
    async def agent(stream):
        await stream.ws.send_str('{"event":"clear","streamSid":"early"}')
        await stream.until("start")
        await stream.ws.send_str("nonsense")
        await stream.send("media", media={"payload": "/w==", "track": "outbound"})
        await stream.ws.send_str('{"event":"clear","streamSid":"MZother"}')
        await goodbye_of(stream)

    async def goodbye_of(stream):
        await stream.mark("m")
        await stream.until("mark")
        await stream.ws.close()

    call = await run(agent, CallScript())
    assert [violation.split(":")[0] for violation in call.log.violations] == ["31951 invalid message"] * 4
    for words, violation in zip(
        ["sent before start", "not JSON", "extra key 'track'", "streamSid"], call.log.violations, strict=True
    ):
        assert words in violation
    assert call.recording.playback.clears == 0
    assert len(call.recording.playback.heard) == 0


async def test_a_binary_message_kills_the_stream():
    async def agent(stream):
        await stream.until("start")
        await stream.ws.send_bytes(bytes(160))
        await stream.drain()

    call = await run(agent, CallScript())
    assert (call.end.by, call.end.close_code, call.end.problem) == ("network", 1006, "31924 binary message")
    assert call.log.violations == ["31924 binary message"]


@pytest.mark.parametrize("code", [1000, 1008, 1011])
async def test_the_bridges_close_code_is_told(code):
    async def agent(stream):
        await stream.until("start")
        await stream.ws.close(code=code)

    assert (await run(agent, CallScript())).end == StreamEnd("bridge", code)


async def test_cancelling_hangs_up_properly():
    async with serving(listener) as bridge:
        socket = await StreamSocket.dial(bridge.stream_url, None)
        leg = leg_of(socket, Recording(), Caller(CallScript((Wait(60),))), GOOD, CallLog("CA1"))
        task = asyncio.create_task(leg.run())
        await eventually(lambda: bool(bridge.streams) and "media" in bridge.streams[0].events())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: bridge.streams[0].close_code is not None)
        assert bridge.streams[0].events()[-1] == "stop"
        assert bridge.streams[0].close_code == 1000


async def test_faults_around_start():
    duplicate, early, other, token = await asyncio.gather(
        run(faults=PhoneFaults(duplicate_start=True)),
        run(faults=PhoneFaults(media_before_start=True)),
        run(faults=PhoneFaults(wrong_call_sid=True)),
        run(faults=PhoneFaults(wrong_token=True)),
    )
    assert duplicate.stream.events()[:4] == ["connected", "start", "start", "media"]
    assert early.stream.events()[:8] == ["connected", *["media"] * 5, "start", "media"]
    assert other.sent("start")[0]["start"]["callSid"] != TICKET.call_sid
    assert other.sent("start")[0]["start"]["callSid"].startswith("CA")
    parameters = token.sent("start")[0]["start"]["customParameters"]
    assert set(parameters) == {"token"}
    assert parameters["token"] != "tok-1"


async def test_faults_that_send_rubbish():
    garbage, binary, huge = await asyncio.gather(
        run(faults=PhoneFaults(garbage=True)),
        run(faults=PhoneFaults(binary=True)),
        run(faults=PhoneFaults(huge=True)),
    )
    assert "this is not JSON {" in garbage.stream.raw
    assert bytes(160) in binary.stream.raw
    assert max(len(raw) for raw in huge.stream.raw) > 1024 * 1024
    for call in (garbage, binary, huge):
        assert call.stream.received[-1]["event"] == "stop", "and goes on"


async def test_faults_of_the_end():
    async def closes_after_stop(stream):
        await stream.until("stop")
        await stream.ws.close(code=1001)

    silent, open_ended = await asyncio.gather(
        run(faults=PhoneFaults(no_stop=True)),
        run(closes_after_stop, faults=PhoneFaults(stop_without_close=True)),
    )
    assert "stop" not in silent.stream.events()
    assert silent.stream.close_code == 1000
    assert open_ended.end.by == "caller"
    assert open_ended.stream.events()[-1] == "stop"


async def test_no_start_waits_for_the_bridge_to_lose_patience():
    async def impatient(stream):
        await stream.until("connected")
        await stream.ws.close(code=1008)

    call = await run(impatient, faults=PhoneFaults(no_start=True))
    assert call.end == StreamEnd("bridge", 1008)
    assert call.stream.events() == ["connected"]
    patient = await run(faults=PhoneFaults(no_start=True, hold_s=0.1))
    assert (patient.end.by, patient.end.close_code) == ("network", 1006)


async def test_reset_and_half_open():
    async def gives_up(stream):
        await stream.until("start")
        with suppress(TimeoutError):
            while True:
                await asyncio.wait_for(stream.next(), 0.3)
        await stream.ws.close(code=1011)

    reset, dead = await asyncio.gather(
        run(script=CallScript((Wait(30),)), faults=PhoneFaults(reset_ms=100)),
        run(gives_up, CallScript((Wait(30),)), PhoneFaults(half_open_ms=100, hold_s=3)),
    )
    assert (reset.end.by, reset.end.close_code) == ("network", 1006)
    assert reset.stream.close_code == 1006
    assert len(reset.sent("media")) == 4
    assert dead.end.close_code == 1011
    assert len(dead.sent("media")) == 4
    assert "stop" not in dead.stream.events()


async def test_marks_are_kept_back_when_told():
    async def agent(stream):
        await stream.until("start")
        await stream.mark("m")
        await stream.drain()

    call = await run(agent, faults=PhoneFaults(no_mark_echo=True))
    assert "mark" not in call.stream.events()


async def test_a_slow_reader_reads_nothing_and_still_speaks():
    stalled = asyncio.Event()
    audio = mulaw_tone(1000) * 8

    async def floods(stream):
        await stream.until("start")
        try:
            async with asyncio.timeout(0.3):
                while True:
                    await stream.say(audio)
        except TimeoutError:
            stalled.set()
        stream.request.transport.abort()

    call = await run(floods, CallScript((Wait(30),)), PhoneFaults(slow_reader=True))
    assert stalled.is_set()
    assert call.end.by == "network"
    assert len(call.recording.playback.heard) == 0


async def test_goodbye_is_heard_to_its_end():
    call = await run(goodbye, CallScript())
    assert call.end == StreamEnd("bridge", 1000)
    assert mulaw_tone(60) in call.recording.playback.heard
