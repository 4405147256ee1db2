"""What REST may do to a leg at any moment; what a leg does with documents is in test_placed_call.py."""

import asyncio

import pytest

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import CallScript, Wait
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.leg import line_between, new_call_sid
from ivr_bridge.simulator.phone.phone import Phone
from ivr_bridge.simulator.phone.placed_call import PlacedCall

from .rest_scene import rest_scene
from .scripted_bridge import eventually, listener
from .test_network import line
from .test_placed_call import twiml

PATIENT = CallScript((Wait(60),))


async def placed(scene):
    call = asyncio.create_task(Phone(scene.network.line, network=scene.network).call(PATIENT))
    await eventually(lambda: bool(scene.network.calls))
    (leg,) = scene.network.calls.values()
    return call, leg


@pytest.mark.parametrize(
    "verbs",
    ["<Pause length='60'/>", "<Gather timeout='60'/>", "<Record timeout='60'/>", "<Say>" + "a " * 900 + "</Say>"],
)
async def test_any_verb_gives_way_to_a_new_document(verbs):
    async with rest_scene({"/twilio/voice": twiml(verbs)}, in_real_time=True) as scene:
        call, leg = await placed(scene)
        await eventually(lambda: leg.recording.started_at is not None)
        leg.go_on_with(twiml("<Hangup/>"))
        report = await call
    assert (report.reason, len(report.twiml)) == ("turned_away", 2)
    assert scene.bridge.paths() == ["/twilio/voice", "/twilio/status"]


async def test_a_stream_is_stopped_and_its_callback_told():
    connect = twiml(
        "<Connect action='/twilio/stream-ended'><Stream url='{stream}' statusCallback='{base}/stream'/></Connect>"
    )
    async with rest_scene({}, agent=listener) as scene:
        scene.bridge.answers["/twilio/voice"] = connect.replace("{base}", scene.bridge.base)
        call, leg = await placed(scene)
        await eventually(lambda: bool(scene.bridge.streams) and "media" in scene.bridge.streams[0].events())
        leg.end()
        report = await call
    assert (report.result, report.reason) == ("completed", "ended_by_rest")
    assert scene.bridge.streams[0].events()[-1] == "stop"
    assert [told["StreamEvent"] for told in scene.told("/stream")] == ["stream-started", "stream-stopped"]


async def test_a_document_that_is_not_understood_ends_the_call():
    async with rest_scene({"/twilio/voice": twiml("<Pause length='60'/>")}, in_real_time=True) as scene:
        call, leg = await placed(scene)
        await eventually(lambda: leg.recording.started_at is not None)
        leg.go_on_with(twiml("<Sing/>"))
        report = await call
    assert report.reason == "twiml_invalid"
    assert report.violations == ["12200 <Sing> is not understood in <Response>"]


async def test_an_update_before_the_first_document_runs_instead_of_it():
    async with rest_scene({"/twilio/voice": twiml("<Say>First.</Say>")}) as scene:
        network, log = scene.network, CallLog(new_call_sid())
        call = PlacedCall(network.line, network.webhooks(), PATIENT, PhoneFaults(), log, network=network)
        call.go_on_with(twiml("<Say>Second.</Say>"))
        await call.run()
    assert log.said_by_network == ["Second."]


def test_ends_of_a_line_and_names_of_calls():
    changed = line_between(line(), "+1", "+2")
    assert (changed.caller, changed.called, changed.server_url) == ("+1", "+2", line().server_url)
    assert len({new_call_sid() for _ in range(9)}) == 9
