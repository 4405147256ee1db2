import asyncio

import pytest

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import Caller, CallScript, HangUp, Say, Wait
from ivr_bridge.simulator.phone.network_leg import NetworkLeg
from ivr_bridge.simulator.phone.recording import Recording
from ivr_bridge.simulator.phone.room import Room, Seat
from ivr_bridge.simulator.phone.talk_notes import TalkNotes

from .scripted_bridge import mulaw_tone, tone


class Person:
    """Somebody at a telephone; the clock is put forward."""

    def __init__(self, sid, *steps, **seat):
        self.recording, self.log = Recording(), CallLog(sid)
        caller = Caller(CallScript(steps, speaks_first=True))
        notes = TalkNotes(self.log, self.recording.hearing, caller)
        self.ear = NetworkLeg(self.recording, caller, notes, self.log, in_real_time=False)
        self.seat = Seat(sid, self.ear, **seat)

    @property
    def heard(self):
        return [(round(spurt.start_ms), round(spurt.end_ms)) for spurt in self.recording.hearing.spurts]


def talker(sid, after_s=0.0, ms=200, stays_s=2.0, **seat):
    return Person(sid, Wait(after_s), Say(tone(ms), expects_answer=False), Wait(stays_s), HangUp(), **seat)


def silent(sid, **seat):
    return Person(sid, Wait(60), HangUp(), **seat)


async def live(*people, room=None):
    """All sit down; when the first has left, all have."""
    room = room or Room(in_real_time=False)
    for person in people:
        room.sit(person.seat)
    first, _ = await asyncio.wait([person.seat.left for person in people], return_when=asyncio.FIRST_COMPLETED)
    room.close()
    assert first
    return [person.seat.left.result() for person in people]


async def test_each_hears_the_others_and_not_themselves():
    a, b, c = talker("a"), talker("b", after_s=1.0), silent("c")
    whys = await live(a, b, c)
    assert whys == ["hung_up", "ended", "ended"]
    assert a.heard == [(pytest.approx(1020, abs=2), pytest.approx(1220, abs=2))]
    assert b.heard == [(pytest.approx(20, abs=2), pytest.approx(220, abs=2))]
    assert len(c.heard) == 2


@pytest.mark.parametrize("seat", [{"is_muted": True}, {"is_held": True}, {"coaches": "c"}])
async def test_who_is_muted_held_or_coaches_another_is_not_heard(seat):
    a, b, c = talker("a", **seat), silent("b"), silent("c")
    await live(a, b, c)
    assert b.heard == []
    assert len(c.heard) == (1 if "coaches" in seat else 0)


async def test_who_is_held_hears_their_music():
    a, b = talker("a"), silent("b", is_held=True, music=mulaw_tone(100))
    await live(a, b)
    ((start, end),) = b.heard
    assert (start, end) == (pytest.approx(0, abs=2), pytest.approx(2200, abs=41)), "over and over"


async def test_before_it_is_open_each_hears_their_own_music():
    room = Room(in_real_time=False)
    room.is_open = False
    a, b = talker("a"), silent("b", music=mulaw_tone(40))
    await live(a, b, room=room)
    assert a.heard == []
    assert len(b.heard) == 1


async def test_an_announcement_is_heard_above_everything_once():
    a, b = talker("a", after_s=1.0), silent("b")
    b.seat.announcement = mulaw_tone(100)
    await live(a, b)
    assert [(round(start, -1), round(end, -1)) for start, end in b.heard] == [(0, 100), (1020, 1220)]


async def test_a_condition_of_ones_own_empties_the_seat():
    a = silent("a", until=lambda now: now.elapsed_ms >= 300)
    assert await live(a) == ["enough"]
    assert a.seat.interlude.elapsed_ms == 300


async def test_everything_that_was_said_is_kept_if_wanted():
    room = Room(in_real_time=False)
    room.keeps_mix = True
    await live(talker("a"), silent("b"), room=room)
    assert len(room.mix) == pytest.approx(2200 * 8, abs=320)
    assert any(byte not in (0xFF, 0x7F) for byte in room.mix[:1600])


async def test_a_seat_is_emptied_once_and_a_broken_clock_is_told_to_all(monkeypatch):
    room, a = Room(in_real_time=False), silent("a")
    room.sit(a.seat)
    room.leave("a", "removed")
    room.leave("a", "ended")
    room.leave("nobody", "ended")
    assert await a.seat.left == "removed"
    b = silent("b")
    monkeypatch.setattr(b.ear, "live", lambda *_: 1 / 0)
    room = Room(in_real_time=False)
    room.sit(b.seat)
    with pytest.raises(ZeroDivisionError):
        await b.seat.left


async def test_in_real_time_it_takes_its_time():
    room, a = Room(in_real_time=True), silent("a", until=lambda now: now.elapsed_ms >= 100)
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    room.sit(a.seat)
    assert await a.seat.left == "enough"
    assert loop.time() - began_at >= 0.09
