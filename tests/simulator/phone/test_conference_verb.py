"""Conferences are in real time; people here are quick."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from ivr_bridge.simulator.phone.caller import CallScript, HangUp, Say, Wait
from ivr_bridge.simulator.phone.phone import Phone

from .rest_scene import rest_scene
from .scripted_bridge import eventually, tone
from .test_network_verbs import wav_answer
from .test_placed_call import twiml

EVENTS = "statusCallback='/events' statusCallbackEvent='start end join leave mute hold'"


def room(attributes="", dial="action='/left'"):
    return twiml(f"<Dial {dial}><Conference beep='false' {attributes}>room-1</Conference></Dial>")


@asynccontextmanager
async def conference_of(*documents, scripts, answers=None):
    """Callers one after the other, each with a document and a script; gives the scene and the running calls."""
    given = {"/twilio/voice": list(documents), "/left": twiml("<Hangup/>"), **(answers or {})}
    async with rest_scene(given) as scene:
        calls = []
        for number, script in enumerate(scripts, 1):
            calls.append(asyncio.create_task(Phone(scene.network.line, network=scene.network).call(script)))
            await eventually(lambda number=number: members(scene) == number or calls[-1].done())
        yield scene, calls


def members(scene):
    conference = scene.network.live_conference("room-1")
    return len(conference.members) if conference else 0


def events(scene):
    return [params["StatusCallbackEvent"] for params in scene.told("/events")]


STAYS = CallScript((Wait(5),))


def goes(after_s):
    return CallScript((Wait(after_s), HangUp()))


async def test_two_hear_each_other_and_every_step_is_told():
    talks = CallScript((Say(tone(200), "hello", expects_answer=False), Wait(0.3), HangUp()), quiet_s=0.1)
    async with conference_of(
        room(f"{EVENTS} waitUrl='' participantLabel='caller'"),
        room("endConferenceOnExit='true' waitUrl='' participantLabel='person'"),
        scripts=(STAYS, CallScript(talks.steps, quiet_s=0.1, speaks_first=True)),
    ) as (scene, calls):
        first, second = await asyncio.gather(*calls)
    assert [round(end - start) for start, end in first.network_heard_at_ms] == [pytest.approx(200, abs=3)]
    assert second.network_heard_at_ms == []
    assert events(scene) == [
        "participant-join",
        "participant-join",
        "conference-start",
        "participant-leave",
        "conference-end",
        "participant-leave",
    ] or sorted(events(scene)) == sorted(
        ["participant-join"] * 2 + ["conference-start", "conference-end"] + ["participant-leave"] * 2
    )
    told = scene.told("/events")
    assert [params["SequenceNumber"] for params in told] == [str(n) for n in range(1, 7)]
    end = next(params for params in told if params["StatusCallbackEvent"] == "conference-end")
    assert end["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"
    assert (end["CallSidEndingConference"], end["ParticipantLabelEndingConference"]) == (second.call_sid, "person")
    left = {params["CallSid"]: params["ReasonParticipantLeft"] for params in told if "ReasonParticipantLeft" in params}
    assert left == {first.call_sid: "moderator_ended_conference", second.call_sid: "participant_hung_up"}
    actions = {params["CallSid"]: params for params in scene.told("/left")}
    assert actions[first.call_sid]["DialCallStatus"] == "answered"
    assert actions[first.call_sid]["DialBridged"] == "true"
    assert "DialCallSid" not in actions[first.call_sid]
    assert (first.reason, second.reason) == ("transferred", "transferred")


async def test_who_is_alone_hears_music_and_was_not_transferred():
    async with conference_of(room(), scripts=(goes(0.3),)) as (scene, (call,)):
        report = await call
        (conference,) = scene.network.conferences.values()
    assert report.network_heard_at_ms[0][0] == pytest.approx(0, abs=41)
    assert (report.reason, conference.reason_ended) == ("caller_hung_up", "last-participant-left")


async def test_the_conference_waits_for_somebody_who_may_begin_it():
    waits = room("startConferenceOnEnter='false' waitUrl='/wait'")
    answers = {"/wait": [wav_answer(tone(100)), wav_answer(tone(100))]}
    async with conference_of(waits, waits, room(), scripts=(STAYS, STAYS, goes(0.2)), answers=answers) as (
        scene,
        calls,
    ):
        (conference,) = scene.network.conferences.values()
        assert conference.has_begun
        await calls[2]
        conference.room.close()
        await asyncio.gather(*calls)
    assert "/wait" in scene.bridge.paths()


async def test_what_is_heard_while_waiting_may_be_twiml_of_words_but_not_of_more():
    answers = {"/wait": twiml("<Say>Please hold.</Say><Redirect>/wait</Redirect>")}
    async with conference_of(room("waitUrl='/wait'"), scripts=(goes(0.2),), answers=answers) as (scene, (call,)):
        report = await call
    assert (report.said_by_network, report.violations) == (["Please hold."], [])
    assert scene.bridge.params("/wait")["CallSid"] == report.call_sid
    answers = {"/wait": twiml("<Gather/>")}
    async with conference_of(room("waitUrl='/wait'"), scripts=(goes(0.1),), answers=answers) as (_, (call,)):
        report = await call
    assert report.violations == ["12200 <Gather> is not understood here"]


async def test_a_conference_is_recorded_once_it_has_begun():
    recorded = room("record='record-from-start' recordingStatusCallback='/recorded' waitUrl=''")
    talks = CallScript((Say(tone(200), expects_answer=False), Wait(0.2), HangUp()), speaks_first=True)
    async with conference_of(recorded, room("waitUrl=''"), scripts=(goes(0.8), talks)) as (scene, calls):
        await asyncio.gather(*calls)
    (taken,) = scene.network.recordings.all()
    assert (taken.source, taken.status, taken.conference_sid[:2]) == ("Conference", "completed", "CF")
    (notice,) = scene.told("/recorded")
    assert (notice["ConferenceSid"], notice["RecordingChannels"]) == (taken.conference_sid, "1")


async def test_a_time_limit_ends_ones_part():
    async with conference_of(room(dial="action='/left' timeLimit='0'"), scripts=(STAYS,)) as (scene, (call,)):
        await call
    assert scene.bridge.params("/left")["CallStatus"] == "in-progress"
