from ivr_bridge.simulator.phone.conference import Conference, Member
from ivr_bridge.simulator.phone.recordings import Notice, RecordingShelf

from .test_recorder import Told
from .test_room import silent

ALL = frozenset(["start", "end", "join", "leave", "mute", "hold", "modify"])


def conference(events=ALL):
    webhooks = Told()
    told = Notice("https://a/c", "POST", events)
    made = Conference("room-1", "AC1", webhooks, told=told, shelf=RecordingShelf(), recorded=None)
    return made, webhooks


def member(sid, **more):
    return Member(silent(sid).seat, beep="false", **more)


def names(webhooks):
    return [params["StatusCallbackEvent"] for _, _, params in webhooks.told]


async def test_it_begins_with_the_second_and_ends_with_the_last():
    room, webhooks = conference()
    one, two = member("CA1", label="caller"), member("CA2")
    await room.join(one)
    assert (room.status, room.has_begun) == ("init", False)
    await room.join(two)
    assert (room.status, room.has_begun) == ("in-progress", True)
    assert (room.find("caller"), room.find("CA2"), room.find("nobody")) == (one, two, None)
    await room.left(one, "hung_up")
    await room.left(two, "hung_up")
    await room.left(two, "hung_up")
    assert (room.is_over, room.reason_ended, room.ended_by) == (True, "last-participant-left", "CA2")
    assert names(webhooks) == [
        "participant-join",
        "participant-join",
        "conference-start",
        "participant-leave",
        "participant-leave",
        "conference-end",
    ]
    assert webhooks.told[0][2]["ParticipantLabel"] == "caller"


async def test_nobody_who_may_begin_it_is_there():
    room, _ = conference()
    for sid in ("CA1", "CA2"):
        await room.join(member(sid, starts=False))
    assert not room.has_begun
    await room.join(member("CA3"))
    assert room.has_begun
    await room.end("conference-ended-via-api")


async def test_who_ends_it_by_leaving_and_who_is_taken_out():
    for why, reason in (("hung_up", "left"), ("removed", "kicked")):
        room, webhooks = conference()
        one, two = member("CA1"), member("CA2", ends_on_exit=True)
        await room.join(one)
        await room.join(two)
        await room.left(two, why)
        assert room.reason_ended == f"participant-with-end-conference-on-exit-{reason}"
        assert one.seat.left.result() == "ended"
        await room.left(one, "ended")
        assert webhooks.told[-1][2]["ReasonParticipantLeft"] == "moderator_ended_conference"
        assert names(webhooks).count("conference-end") == 1


async def test_what_is_changed_is_told_and_only_to_who_wants_it():
    room, webhooks = conference()
    one = member("CA1")
    await room.join(one)
    await room.mute(one, is_muted=True)
    await room.hold(one, is_held=True, music=b"x")
    await room.hold(one, is_held=False)
    await room.modify(one, ends_on_exit=True)
    assert names(webhooks)[1:] == ["participant-mute", "participant-hold", "participant-unhold", "participant-modify"]
    assert webhooks.told[2][2]["Muted"] == "true"
    assert (one.seat.music, one.ends_on_exit) == (b"x", True)
    await room.end("conference-ended-via-api")
    room, webhooks = conference(frozenset({"end"}))
    await room.join(member("CA1"))
    await room.end("conference-ended-via-api")
    await room.end("conference-ended-via-api")
    assert names(webhooks) == ["conference-end"]


async def test_an_announcement_is_for_one_or_for_all():
    room, _ = conference()
    one, two = member("CA1"), member("CA2")
    await room.join(one)
    await room.join(two)
    room.announce(b"a", one)
    room.announce(b"b")
    assert (one.seat.announcement, two.seat.announcement) == (b"ab", b"b")
    await room.end("conference-ended-via-api")
