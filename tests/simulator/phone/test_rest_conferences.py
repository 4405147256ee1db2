import asyncio
from contextlib import asynccontextmanager

import pytest

from ivr_bridge.simulator.phone.callees import person
from ivr_bridge.simulator.phone.caller import CallScript, HangUp, Wait
from ivr_bridge.simulator.phone.phone import Phone

from .rest_scene import OURS, THEIRS, rest_scene
from .scripted_bridge import eventually, tone
from .test_network_verbs import wav_answer
from .test_placed_call import twiml

ROOM = twiml(
    "<Dial action='/left'><Conference beep='false' waitUrl='' statusCallback='/events' participantLabel='caller' "
    "statusCallbackEvent='start end join leave mute hold modify'>room-1</Conference></Dial>"
)


@asynccontextmanager
async def waiting(answers=None):
    """A caller who waits in a conference."""
    given = {"/twilio/voice": ROOM, "/left": twiml("<Hangup/>"), **(answers or {})}
    async with rest_scene(given) as scene:
        call = asyncio.create_task(Phone(scene.network.line, network=scene.network).call(CallScript((Wait(20),))))
        await eventually(lambda: bool(scene.network.conferences) and "/events" in scene.bridge.paths())
        (conference,) = scene.network.conferences.values()
        yield scene, conference, call


async def dialled(scene, conference, callee, **form):
    """Dial somebody into it; their CallSid, once they are in."""
    scene.network.callees.set(THEIRS, callee)
    status, body = await scene.ask(
        "POST", f"/Conferences/{conference.sid}/Participants.json", From=OURS, To=THEIRS, Beep="false", **form
    )
    assert (status, body["status"]) == (201, "queued")
    await eventually(lambda: body["call_sid"] in conference.members)
    return body["call_sid"]


QUIET = person(Wait(20), HangUp(), rings_s=0.0, greeting_pcm16=tone(300))


async def test_somebody_is_dialled_into_a_conference_and_it_begins_and_ends_with_them():
    leaves = person(Wait(0.2), HangUp(), rings_s=0.0, greeting_pcm16=tone(300))
    async with waiting() as (scene, conference, call):
        sid = await dialled(
            scene, conference, leaves, EndConferenceOnExit="true", Label="desk", StatusCallback=scene.url("/status")
        )
        _, body = await scene.ask("GET", f"/Conferences/{conference.sid}/Participants.json")
        assert {each["label"] for each in body["participants"]} == {"caller", "desk"}
        report = await call
        await scene.network.idle()
        _, ended = await scene.ask("GET", f"/Conferences/{conference.sid}.json")
        assert (ended["status"], ended["call_sid_ending_conference"]) == ("completed", sid)
        assert ended["reason_conference_ended"] == "participant-with-end-conference-on-exit-left"
        assert [step["CallStatus"] for step in scene.told("/status")] == ["completed"]
    assert report.network_heard_at_ms[0][1] - report.network_heard_at_ms[0][0] == pytest.approx(300, abs=30)
    assert scene.bridge.params("/left")["DialCallStatus"] == "answered"


async def test_held_muted_announced_coached_and_removed():
    answers = {"/music": wav_answer(tone(100, hz=880)), "/words": twiml("<Say>One moment.</Say>")}
    async with waiting(answers) as (scene, conference, call):
        sid = await dialled(scene, conference, QUIET)
        one = f"/Conferences/{conference.sid}/Participants"
        caller = conference.find("caller").call_sid
        _, held = await scene.ask("POST", f"{one}/caller.json", Hold="true", HoldUrl=scene.url("/music"))
        assert (held["hold"], held["muted"], held["call_sid"]) == (True, False, caller)
        _, muted = await scene.ask("POST", f"{one}/{sid}.json", Muted="true")
        assert muted["muted"] is True
        _, body = await scene.ask("GET", f"{one}.json", Hold="true")
        assert [each["call_sid"] for each in body["participants"]] == [caller]
        _, back = await scene.ask("POST", f"{one}/caller.json", Hold="false", AnnounceUrl=scene.url("/words"))
        assert back["hold"] is False
        _, coach = await scene.ask("POST", f"{one}/{sid}.json", Coaching="true", CallSidToCoach=caller)
        assert (coach["coaching"], coach["call_sid_to_coach"]) == (True, caller)
        assert (await scene.ask("POST", f"{one}/{sid}.json", CallSidToCoach="CA1"))[1]["code"] == 13240
        assert (await scene.ask("DELETE", f"{one}/{sid}.json"))[0] == 204
        await scene.network.idle()
        assert scene.account(sid).status == "completed"
        assert (await scene.ask("GET", f"{one}/{sid}.json"))[1]["code"] == 20404
        names = [params["StatusCallbackEvent"].partition("-")[2] for params in scene.told("/events")]
        assert names == ["join", "join", "start", "hold", "mute", "unhold", "modify", "leave"]
        leave = scene.told("/events")[-1]
        assert leave["ReasonParticipantLeft"] == "participant_updated_via_api"
        assert (await scene.ask("POST", f"/Conferences/{conference.sid}.json", Status="completed"))[0] == 200
        report = await call
    assert report.said_by_network == ["One moment."]
    assert report.reason == "transferred"


async def test_a_conference_may_be_named_and_a_new_one_begins_so():
    async with rest_scene({}) as scene:
        scene.network.callees.set(THEIRS, QUIET)
        path = "/Conferences/room-9/Participants.json"
        status, body = await scene.ask("POST", path, From=OURS, To=THEIRS, WaitUrl="", Label="a")
        assert status == 201
        await eventually(lambda: scene.network.live_conference("room-9") is not None)
        conference = scene.network.live_conference("room-9")
        await eventually(lambda: conference.find("a") is not None)
        _, listed = await scene.ask("GET", "/Conferences.json", FriendlyName="room-9", Status="init")
        assert [each["sid"] for each in listed["conferences"]] == [conference.sid]
        await scene.ask("POST", f"/Calls/{body['call_sid']}.json", Status="completed")
        await scene.network.idle()
        assert conference.reason_ended == "last-participant-left"
        assert (await scene.ask("POST", f"/Conferences/{conference.sid}/Participants.json", From=OURS, To=THEIRS))[
            0
        ] == 404


async def test_what_is_not_understood_is_refused():
    async with rest_scene({}) as scene:
        path = "/Conferences/room-9/Participants.json"
        assert (await scene.ask("POST", path, From=OURS, To="nobody"))[1]["code"] == 21211
        assert (await scene.ask("POST", path, From=OURS, To=THEIRS, Region="us1"))[1]["code"] == 20001
        assert (await scene.ask("GET", "/Conferences/CFnone.json"))[1]["code"] == 20404
        assert scene.rest.created == []
