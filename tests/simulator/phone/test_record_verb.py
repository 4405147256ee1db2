"""What `<Start><Recording>` adds; `<Record>` itself is in test_network_verbs.py."""

import pytest

from ivr_bridge.simulator.phone.caller import CallScript, Say, Wait
from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.phone import Phone

from .scripted_bridge import goodbye, serving, tone
from .test_placed_call import twiml


async def call(verbs, script, **answers):
    given = {"/twilio/voice": twiml(verbs), **answers}
    async with serving(goodbye, answers=given) as bridge, Network(bridge.line()) as network:
        report = await Phone(bridge.line(), network=network).call(script)
    return bridge, report, network


async def test_a_call_is_recorded_from_here_to_its_end_in_two_channels():
    start = "<Start><Recording channels='dual' recordingStatusCallback='/recorded'/></Start>"
    script = CallScript((Say(tone(1000), expects_answer=False), Wait(60)), speaks_first=True)
    bridge, report, network = await call(
        f"<Pause length='2'/>{start}<Say>Twelve chars</Say><Pause length='1'/>", script
    )
    (taken,) = network.recordings.all()
    assert (taken.source, taken.channels, taken.status) == ("StartCallRecordingAPI", 2, "completed")
    assert len(taken.wav()) == pytest.approx(44 + 4 * 8 * (12 * 60 + 1000), rel=0.5), "not what was before it"
    assert bridge.params("/recorded")["CallSid"] == report.call_sid


async def test_a_message_is_kept_and_its_callback_comes_after_the_action():
    record = "<Record action='/kept' timeout='1' recordingStatusCallback='/recorded'/>"
    script = CallScript((Say(tone(1000), expects_answer=False), Wait(60)), quiet_s=0.5)
    bridge, report, network = await call(record, script, **{"/kept": twiml("<Hangup/>")})
    (taken,) = network.recordings.all()
    assert bridge.params("/kept")["RecordingSid"] == taken.sid == report.recordings[0].sid
    assert bridge.paths().index("/kept") < bridge.paths().index("/recorded")
    assert len(taken.wav()) == pytest.approx(44 + 2 * len(report.recordings[0].mulaw))
