"""The other end of a `<Dial>`, when REST takes it away; the rest is in test_dial_verb.py."""

import asyncio

from ivr_bridge.simulator.phone.callees import listener, nobody
from ivr_bridge.simulator.phone.caller import CallScript, Wait
from ivr_bridge.simulator.phone.phone import Phone

from .rest_scene import rest_scene
from .scripted_bridge import eventually
from .test_placed_call import twiml

A = "+15550100021"
DIALS = {
    "/twilio/voice": twiml(f"<Dial action='/dialled' timeout='20'>{A}</Dial>"),
    "/dialled": twiml("<Hangup/>"),
}


def leg(scene):
    return next((call for call in scene.network.calls.values() if call.account.called == A), None)


async def placed(scene, script):
    return asyncio.create_task(Phone(scene.network.line, network=scene.network).call(script))


async def test_a_person_who_is_sent_elsewhere_lives_on_and_the_caller_goes_on_with_the_action():
    async with rest_scene(
        {**DIALS, "/elsewhere": twiml("<Say>You are somewhere else.</Say>")}, in_real_time=True
    ) as scene:
        scene.network.callees.set(A, listener(60, rings_s=0.0, is_spoken=False))
        call = await placed(scene, CallScript((Wait(60),)))
        await eventually(lambda: leg(scene) is not None and leg(scene).seat.interlude.elapsed_ms > 100)
        status, _ = await scene.ask("POST", f"/Calls/{leg(scene).sid}.json", Url=scene.url("/elsewhere"))
        assert status == 200
        await eventually(lambda: "/dialled" in scene.bridge.paths())
        params = scene.bridge.params("/dialled")
        assert (params["DialCallStatus"], params["DialBridged"]) == ("completed", "true")
        assert "DialCallDuration" not in params
        await call
        assert leg(scene).report().said_by_network == ["You are somewhere else."]


async def test_a_call_that_is_canceled_while_it_rings():
    async with rest_scene(DIALS, in_real_time=True) as scene:
        scene.network.callees.set(A, nobody())
        call = await placed(scene, CallScript((Wait(60),)))
        await eventually(lambda: leg(scene) is not None and leg(scene).account.status == "ringing")
        await scene.ask("POST", f"/Calls/{leg(scene).sid}.json", Status="canceled")
        report = await call
        assert scene.bridge.params("/dialled")["DialCallStatus"] in ("canceled", "no-answer")
        assert report.dial_statuses == [scene.bridge.params("/dialled")["DialCallStatus"]]


async def test_a_caller_who_is_sent_elsewhere_leaves_the_person_alone():
    async with rest_scene({**DIALS, "/elsewhere": twiml("<Hangup/>")}, in_real_time=True) as scene:
        scene.network.callees.set(A, listener(60, rings_s=0.0, is_spoken=False))
        call = await placed(scene, CallScript((Wait(60),)))
        await eventually(lambda: leg(scene) is not None and leg(scene).seat.interlude.elapsed_ms > 100)
        caller_sid = leg(scene).account.parent_sid
        await scene.ask("POST", f"/Calls/{caller_sid}.json", Url=scene.url("/elsewhere"))
        await call
        assert "/dialled" not in scene.bridge.paths(), "an update replaces the document and its actions"
        assert leg(scene).account.status == "completed"
