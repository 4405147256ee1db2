import time

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import Caller, CallScript, Digits, HangUp, Say, Wait
from ivr_bridge.simulator.phone.network_leg import NetworkLeg
from ivr_bridge.simulator.phone.recording import Recording
from ivr_bridge.simulator.phone.talk_notes import TalkNotes

from .scripted_bridge import mulaw_tone, tone


def leg(*steps, in_real_time=False, **script):
    recording, caller, log = Recording(), Caller(CallScript(steps, **script)), CallLog("CA1")
    notes = TalkNotes(log, recording.hearing, caller)
    return NetworkLeg(recording, caller, notes, log, in_real_time=in_real_time), recording


async def test_what_is_played_is_heard_whole_and_the_clock_is_put_forward():
    network, recording = leg(Wait(60))
    began_at = time.monotonic()
    interlude = await network.play(mulaw_tone(30_000) + b"\xff")
    assert time.monotonic() - began_at < 15, "half a minute on the phone, hardly any in the world"
    assert (interlude.elapsed_ms, interlude.ending) == (30_020, None)
    assert [round(spurt.end_ms) for spurt in recording.hearing.spurts] == [30_000]
    assert recording.sample(time.monotonic()) >= 30_020 * 8


async def test_in_real_time_it_takes_as_long():
    network, _ = leg(Wait(60), in_real_time=True)
    began_at = time.monotonic()
    await network.play(mulaw_tone(100))
    assert time.monotonic() - began_at >= 0.095


async def test_the_rest_is_not_heard_when_something_ends_it():
    network, recording = leg(Wait(0.5), HangUp())
    interlude = await network.play(mulaw_tone(5000))
    assert interlude.ending is not None
    assert len(recording.playback.heard) < 6000
    network, recording = leg(Digits("12", barge_in=True, after_ms=300), Wait(9))
    interlude = await network.play(mulaw_tone(5000), until=lambda now: len(now.keys) == 2)
    assert (interlude.keys, interlude.keyed_at_ms, interlude.elapsed_ms) == ("12", 560, 560)


async def test_what_the_caller_says_is_taken_with_its_place():
    network, recording = leg(Say(tone(200), expects_answer=False), Wait(9), quiet_s=0.1)
    await network.play(mulaw_tone(100))
    interlude = await network.play(b"", length_ms=1000)
    assert (len(interlude.caller), interlude.spoke_until_ms) == (8000, 300)
    assert recording.channels()[0] != bytes(len(recording.channels()[0]))
