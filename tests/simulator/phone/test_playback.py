from ivr_bridge.simulator.phone.playback import MAX_AHEAD_SAMPLES, Playback


def test_audio_is_played_in_order_and_a_pause_is_silence():
    playback = Playback()
    playback.play(b"a" * 100, 10)
    playback.play(b"b" * 50, 20)
    playback.play(b"c" * 5, 300)
    assert playback.heard == b"\xff" * 10 + b"a" * 100 + b"b" * 50 + b"\xff" * 140 + b"c" * 5
    assert playback.queued_ms(297) == 1.0


def test_a_mark_comes_when_all_before_it_has_been_played():
    playback = Playback()
    playback.play(b"a" * 160, 0)
    playback.mark("one", 0)
    playback.play(b"b" * 160, 0)
    playback.mark("two", 1)
    playback.mark("three", 1)
    assert playback.due(159) == []
    assert playback.due(160) == ["one"]
    assert playback.due(5000) == ["two", "three"]
    assert (playback.marks_played, playback.marks_discarded) == (3, 0)


def test_a_mark_with_nothing_queued_comes_at_once():
    playback = Playback()
    playback.play(b"a" * 10, 0)
    playback.mark("old", 0)
    playback.mark("late", 50)
    assert playback.due(50) == ["old", "late"]


def test_clear_cuts_what_was_not_heard_and_gives_every_outstanding_mark():
    playback = Playback()
    playback.play(b"a" * 800, 0)
    playback.mark("z", 0)
    playback.play(b"b" * 800, 0)
    playback.mark("a", 0)
    assert playback.clear(200) == ["z", "a"]
    assert playback.heard == b"a" * 200
    assert playback.due(99999) == []
    assert (playback.clears, playback.marks_played, playback.marks_discarded) == (1, 0, 2)
    playback.play(b"c" * 3, 210)
    assert playback.heard[200:] == b"\xff" * 10 + b"ccc"


def test_clear_with_nothing_queued_is_harmless():
    playback = Playback()
    assert playback.clear(100) == []
    assert playback.heard == b""


def test_the_end_of_the_stream_loses_queue_and_marks():
    playback = Playback()
    playback.play(b"a" * 800, 0)
    playback.mark("z", 0)
    playback.stop(80)
    assert len(playback.heard) == 80
    assert (playback.clears, playback.marks_discarded) == (0, 1)


def test_a_flood_is_dropped():
    playback = Playback()
    assert playback.play(bytes(MAX_AHEAD_SAMPLES + 1), 0)
    assert not playback.play(b"a", 0)
    assert playback.play(b"a", 1)
