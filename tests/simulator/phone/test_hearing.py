import audioop

import pytest

from ivr_bridge.simulator.phone.hearing import Hearing, is_audible, speech_bounds_ms

from .scripted_bridge import mulaw_tone, tone


def at_dbov(dbov, ms=20):
    rms = 32768 * 10 ** (dbov / 20)
    return audioop.lin2ulaw(tone(ms, peak=int(rms * 2**0.5)), 2)


def test_the_level_that_counts_is_45_db_below_full_scale():
    assert is_audible(at_dbov(-43))
    assert not is_audible(at_dbov(-47))
    assert not is_audible(b"")
    assert not is_audible(b"\x7e\xfe\xff" * 50)


def test_speech_in_a_clip_is_found_to_the_millisecond():
    start, end = speech_bounds_ms(b"\xff" * 8 * 33 + mulaw_tone(100) + b"\xff" * 8 * 27)
    assert start == pytest.approx(33, abs=1)
    assert end == pytest.approx(133, abs=1)
    assert speech_bounds_ms(b"\xff" * 1000) is None
    assert speech_bounds_ms(b"") is None


def test_short_pauses_belong_to_a_spurt_and_long_ones_part_them():
    heard = mulaw_tone(100) + b"\xff" * 8 * 150 + mulaw_tone(100) + b"\xff" * 8 * 260 + mulaw_tone(60)
    hearing = Hearing()
    hearing.listen(heard, len(heard) + 4000)
    found = [(round(s.start_ms), round(s.end_ms)) for s in hearing.spurts]
    assert found == [
        (pytest.approx(0, abs=1), pytest.approx(350, abs=1)),
        (pytest.approx(610, abs=1), pytest.approx(670, abs=1)),
    ]


def test_the_future_is_not_heard():
    hearing = Hearing()
    queued = bytearray(mulaw_tone(200))
    hearing.listen(queued, 479)
    assert hearing.spurts[0].end_ms == pytest.approx(40, abs=1)
    del queued[480:]
    hearing.listen(queued, 8000)
    assert hearing.spurts[0].end_ms == pytest.approx(60, abs=1)
    assert len(hearing.spurts) == 1


def test_a_flush_parts_spurts_however_short_the_pause():
    heard = mulaw_tone(100) + b"\xff" * 8 * 60 + mulaw_tone(100)
    for parted_at, count in ((800, 2), (1200, 2), (0, 1), (2000, 1)):
        hearing = Hearing()
        hearing.part(parted_at)
        hearing.listen(heard, len(heard))
        assert len(hearing.spurts) == count, parted_at


def test_a_key_into_sound_that_goes_on_parts_nothing():
    heard = mulaw_tone(200) + b"\xff" * 8 * 60 + mulaw_tone(100)
    hearing = Hearing()
    hearing.listen(heard, 800)
    hearing.part_if_quiet(800)
    hearing.listen(heard, 2080)
    assert len(hearing.spurts) == 1
    hearing.part_if_quiet(2080)
    hearing.listen(heard, len(heard))
    assert len(hearing.spurts) == 2
