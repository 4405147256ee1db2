"""Left and right on one time line, by bytes that say who they are."""

import random

from ivr_bridge.audio.stereo_track import StereoTrack

L, R, S = b"\x10", b"\x20", b"\xff"


def sides(audio: bytes) -> tuple[bytes, bytes]:
    return audio[0::2], audio[1::2]


def frame(track: StereoTrack, now: float, gap_ms: float = 0) -> None:
    track.said(L * 160, gap_ms, now)


def test_nothing_is_given_before_its_moment_has_passed() -> None:
    track = StereoTrack(100.0)
    track.heard(R * 1600, 100.02)
    assert track.take(100.0) == b""
    frame(track, 100.02)
    frame(track, 100.02)  # came early
    left, right = sides(track.take(100.02))
    assert (left, right) == (L * 160, S * 160)
    left, right = sides(track.take(100.04))
    assert (left, right) == (L * 160, R * 160)


def test_what_is_cleared_was_never_heard() -> None:
    track = StereoTrack(0.0)
    for i in range(1, 51):
        if i == 1:
            track.heard(R * 8000, 0.0)
        frame(track, i * 0.02)
        if i == 20:
            track.cleared(0.4)
    left, right = sides(track.take(1.0))
    assert left == L * 8000
    assert right == R * 3200 + S * 4800


def test_words_after_a_clear_begin_where_they_are_heard() -> None:
    track = StereoTrack(0.0)
    track.heard(R * 8000, 0.0)
    track.cleared(0.1)
    track.heard(b"\x21" * 800, 0.15)
    for i in range(1, 26):
        frame(track, i * 0.02)
    _, right = sides(track.take(0.5))
    assert right == R * 800 + S * 400 + b"\x21" * 800 + S * 2000


def test_what_was_sent_too_late_is_heard_from_where_we_are() -> None:
    track = StereoTrack(0.0)
    frame(track, 0.02)
    track.take(0.02)
    track.heard(R * 320, 0.0)
    frame(track, 0.04)
    assert sides(track.take(0.04)) == (L * 160, R * 160)


def test_gaps_are_silence_and_lost_time_is_made_good() -> None:
    track = StereoTrack(0.0)
    frame(track, 0.02)
    frame(track, 0.5, gap_ms=460)
    left, _ = sides(track.take(0.5))
    assert left == L * 160 + S * 3680 + L * 160
    frame(track, 5.5)  # five seconds later without a word about a gap
    left, _ = sides(track.take(5.5))
    assert left == S * (40_000 - 160) + L * 160


def test_a_hushed_track_is_silent_on_both_sides_for_as_long() -> None:
    track = StereoTrack(0.0)
    track.heard(R * 4800, 0.0)
    heard = b""
    for i in range(1, 31):
        frame(track, i * 0.02)
        if i in (10, 20):
            heard += track.take(i * 0.02)
            track.hushed = i == 10
    heard += track.take(0.6)
    assert sides(heard) == (L * 1600 + S * 1600 + L * 1600, R * 1600 + S * 1600 + R * 1600)


def test_the_end_gives_all_that_is_left_and_nothing_that_was_not_heard() -> None:
    track = StereoTrack(0.0)
    track.heard(R * 8000, 0.0)
    frame(track, 0.02)
    left, right = sides(track.finish(0.1))
    assert (left, right) == (L * 160 + S * 640, R * 800)


def test_nothing_is_kept_for_long_whatever_comes() -> None:
    random.seed(3)
    track, now, heard_until, most, given = StereoTrack(0.0), 0.0, 0.0, 0, 0
    for _ in range(30_000):
        now += 0.02
        frame(track, now + random.uniform(-0.1, 0.1))
        if heard_until < now + 1.3:
            start = max(now, heard_until)
            track.heard(R * 1600, start)
            heard_until = start + 0.2
        if random.random() < 0.01:
            track.cleared(now)
            heard_until = now
        if track.waiting_samples >= 1600:
            given += len(track.take(now))
        most = max(most, track.held_bytes)
    assert most < 40_000
    assert abs(given / 2 - now * 8000) < 8000


def test_audio_from_far_ahead_is_not_taken() -> None:
    track = StereoTrack(0.0)
    track.heard(R * 160, 3600.0)
    assert track.held_bytes == 0
