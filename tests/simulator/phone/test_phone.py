"""Whole calls in real time against a scripted bridge."""

import asyncio
import audioop
import base64

import pytest

from ivr_bridge.simulator.phone.caller import CallScript, Say, Wait
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.phone import Phone

from .scripted_bridge import eventually, goodbye, greeter, mulaw_tone, serving, tone

ANSWER = mulaw_tone(1000)
QUICK = {"quiet_s": 0.2, "hang_up_after_s": 0.3}


async def answering(stream):
    """Greets, answers the end of each of the caller's words after 300 ms, and can be interrupted."""
    await stream.until("start")
    await stream.say(mulaw_tone(100))
    was_loud, quiet_frames = False, 0
    while (message := await stream.next()) is not None:
        if message["event"] != "media":
            continue
        is_loud = audioop.rms(audioop.ulaw2lin(base64.b64decode(message["media"]["payload"]), 2), 2) > 500
        if is_loud and not was_loud:
            await stream.send("clear")
        quiet_frames = 0 if is_loud else quiet_frames + 1
        was_loud = was_loud or is_loud
        if was_loud and quiet_frames == 15:
            was_loud = False
            await stream.say(ANSWER)
            await stream.mark("answer")


async def test_a_conversation_with_a_barge_in():
    events = []
    script = CallScript((Say(tone(300), "hello"), Say(tone(300), "stop", barge_in=True, after_ms=400)), **QUICK)
    async with serving(answering) as bridge:
        report = await Phone(bridge.line(), on_event=events.append).call(script)
    assert (report.result, report.reason, report.violations) == ("completed", "caller_hung_up", [])
    (first_start, first_end), _ = report.spoken_at_ms
    assert first_end - first_start == pytest.approx(300, abs=2)
    assert len(report.turn_latency_ms) == 2
    assert all(latency >= 280 for latency in report.turn_latency_ms), "the agent waits for 15 quiet frames"
    assert report.first_word_ms < report.spoken_at_ms[0][0]
    assert report.clears == 2
    assert (report.marks_played, report.marks_discarded) == (1, 1), "the second words cut the first answer short"
    assert len(report.caller_pcm16) == len(report.heard_pcm16) > 2 * 8000
    assert len(report.wav()) == 44 + 2 * len(report.heard_pcm16)
    kinds = [event.kind for event in events]
    assert kinds[:2] == ["webhook_answered", "stream_started"]
    assert kinds[-2:] == ["stream_ended", "ended"]
    assert [event.text for event in events if event.kind == "caller_speaking"] == ["hello", "stop"]
    assert kinds.count("agent_speaking") == 3
    assert kinds.count("cleared") == 2
    assert [event.at_ms for event in events] == sorted(event.at_ms for event in events)


async def test_ends_of_calls_side_by_side():
    impatient = CallScript(answer_within_s=0.3)
    async with serving(goodbye) as polite, serving(greeter) as silent:
        said, unanswered, cut, twice = await asyncio.gather(
            Phone(polite.line()).call(CallScript()),
            Phone(silent.line()).call(CallScript((Say(tone(100)),), quiet_s=0.1, answer_within_s=0.3)),
            Phone(silent.line(), faults=PhoneFaults(reset_ms=100)).call(CallScript((Wait(9),))),
            Phone(polite.line(), faults=PhoneFaults(repeat_webhook=True)).call(impatient),
        )
    assert (said.result, said.reason, said.close_code) == ("completed", "agent_hung_up", 1000)
    assert (unanswered.result, unanswered.reason) == ("failed", "no_answer")
    assert (cut.result, cut.reason, cut.close_code) == ("cut_off", "stream_lost", 1006)
    assert twice.repeat_identical is True
    assert said.first_word_ms is not None
    assert said.custom_parameters == {"token": "tok-1"}
    assert len({said.call_sid, unanswered.call_sid, cut.call_sid, twice.call_sid}) == 4


async def test_nobody_at_the_address():
    async with serving(goodbye) as bridge:
        line = bridge.line()
    report = await Phone(line).call(CallScript())
    assert (report.result, report.reason, report.stream_sids) == ("failed", "unreachable", [])


async def test_cancelling_a_call_hangs_up_and_tells_the_server():
    async with serving(greeter) as bridge:
        call = asyncio.create_task(Phone(bridge.line()).call(CallScript((Wait(60),))))
        await eventually(lambda: bool(bridge.streams) and "media" in bridge.streams[0].events())
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await eventually(lambda: bridge.streams[0].close_code is not None)
        assert bridge.streams[0].events()[-1] == "stop"
        assert bridge.params("/twilio/status")["CallStatus"] == "completed"
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert left == []


async def test_twenty_calls_at_once():
    async with serving(goodbye) as bridge:
        reports = await asyncio.gather(*(Phone(bridge.line()).call(CallScript()) for _ in range(20)))
    assert {report.reason for report in reports} == {"agent_hung_up"}
    assert all(report.violations == [] for report in reports)
    assert len(bridge.streams) == 20
