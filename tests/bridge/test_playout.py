from ivr_bridge.bridge.playout import LEAD_MS, QUEUE_LIMIT_MS, Playout
from tests.support.legs import silence_b64


def filled(playout: Playout, event_id: int, length_ms: float, now: float, piece_ms: float = 125) -> None:
    reply = playout.reply(event_id)
    for _ in range(int(length_ms / piece_ms)):
        assert playout.add(reply, silence_b64(piece_ms), piece_ms, now)


def sent_ms(playout: Playout, now: float) -> float:
    before = playout.sent_ms
    while playout.take(now):
        pass
    return playout.sent_ms - before


def test_at_most_the_lead_is_ahead_inside_twilio() -> None:
    playout = Playout()
    filled(playout, 1, 5000, now=10.0)
    assert sent_ms(playout, 10.0) == LEAD_MS
    assert sent_ms(playout, 10.0) == 0
    assert sent_ms(playout, 10.5) == 500
    assert playout.remaining_ms(10.5) == 5000 - 500


def test_nothing_sent_is_heard_before_its_time() -> None:
    playout = Playout()
    filled(playout, 1, 1000, now=10.0)
    sent_ms(playout, 10.0)
    reply = playout.find(1)
    assert reply is not None
    assert reply.heard_ms(10.0) == 0
    assert round(reply.heard_ms(10.25)) == 250
    assert reply.heard_ms(99.0) == 1000


def test_an_interruption_tells_what_was_heard_and_what_was_dropped() -> None:
    playout = Playout()
    filled(playout, 7, 4000, now=10.0)
    reply = playout.find(7)
    assert reply is not None
    reply.text.text, reply.text.whole = "one two three four five six seven eight", True
    sent_ms(playout, 10.0)
    interruption = playout.interrupt(11.0)
    assert interruption is not None
    assert interruption.event_id == 7
    assert round(interruption.heard_ms) == 1000
    assert interruption.sent_ms == LEAD_MS
    assert round(interruption.dropped_ms) == 3000
    assert interruption.heard == "one two"
    assert not playout.playing(11.0)
    assert playout.take(11.0) is None


def test_pitfall_a_mark_echoed_by_clear_proves_nothing() -> None:
    playout = Playout()
    filled(playout, 1, 1000, now=10.0)
    sent_ms(playout, 10.0)
    name = playout.mark_due(10.5)
    assert name is not None
    playout.interrupt(10.5)
    assert playout.mark_reached(name) is False
    assert (playout.marks_played, playout.marks_discarded) == (0, 1)


def test_a_played_mark_confirms_and_a_strange_one_does_not() -> None:
    playout = Playout()
    filled(playout, 1, 1000, now=10.0)
    sent_ms(playout, 10.0)
    name = playout.mark_due(10.5)
    assert name is not None
    assert playout.mark_reached("nobody's") is False
    assert playout.mark_reached(name) is True
    reply = playout.find(1)
    assert reply is not None
    assert reply.heard_ms(10.0) == 1000


def test_a_mark_each_second_and_one_when_a_segment_has_settled() -> None:
    playout = Playout()
    filled(playout, 1, 375, now=10.0)
    sent_ms(playout, 10.0)
    assert playout.mark_due(10.05) is None
    assert playout.mark_due(10.2) is not None
    assert playout.mark_due(10.4) is None
    filled(playout, 1, 1000, now=10.4)
    sent_ms(playout, 10.4)
    assert playout.mark_due(10.4) is not None


def test_marks_are_named_in_order_and_by_generation() -> None:
    playout = Playout()
    names = []
    for round_ in range(3):
        filled(playout, round_, 1000, now=10.0 * round_)
        sent_ms(playout, 10.0 * round_)
        names.append(playout.mark())
    playout.interrupt(20.0)
    names.append(playout.mark())
    assert names == sorted(names)
    assert names[0].startswith("g0000.")
    assert names[-1].startswith("g0001.")


def test_a_flood_is_not_taken() -> None:
    playout = Playout()
    reply = playout.reply(1)
    assert playout.add(reply, "", QUEUE_LIMIT_MS, 0.0)
    assert not playout.add(reply, "", 1.0, 0.0)


def test_an_interruption_with_nothing_outstanding_needs_no_clear() -> None:
    playout = Playout()
    filled(playout, 1, 125, now=10.0)
    sent_ms(playout, 10.0)
    assert playout.interrupt(10.2) is None


def test_replies_are_settled_when_they_were_played_to_their_end() -> None:
    playout = Playout()
    filled(playout, 1, 250, now=10.0)
    filled(playout, 2, 250, now=10.0)
    sent_ms(playout, 10.0)
    assert playout.settle(10.2) == []
    assert [reply.event_id for reply in playout.settle(10.4)] == [1]
    assert playout.settle(10.6) == []
    assert [reply.event_id for reply in playout.settle(10.8)] == [2]


def test_late_audio_of_a_settled_reply_starts_a_new_entry() -> None:
    playout = Playout()
    filled(playout, 1, 125, now=10.0)
    sent_ms(playout, 10.0)
    playout.settle(11.0)
    filled(playout, 1, 125, now=12.0)
    assert sent_ms(playout, 12.0) == 125
    assert playout.remaining_ms(12.0) == 125


def test_what_was_played_is_neither_what_was_sent_nor_what_was_queued() -> None:
    playout = Playout()
    filled(playout, 1, 10_000, now=10.0)
    for tick in range(10):
        sent_ms(playout, 10.0 + tick / 5)
    assert round(playout.played_ms(12.0)) == 2000
    playout.interrupt(12.0)
    assert round(playout.played_ms(12.0)) == round(playout.played_ms(20.0)) == 2000
    filled(playout, 2, 1000, now=20.0)
    sent_ms(playout, 20.0)
    assert round(playout.played_ms(20.5)) == 2500


def test_a_mark_behind_a_reply_that_was_settled_already_is_a_played_one() -> None:
    playout = Playout()
    filled(playout, 1, 40, now=10.0, piece_ms=40)
    sent_ms(playout, 10.0)
    assert len(playout.settle(10.2)) == 1
    name = playout.mark_due(10.2)
    assert name is not None
    assert playout.mark_reached(name)
    assert (playout.marks_played, playout.marks_discarded) == (1, 0)
