"""The filter seen from outside: tones, impulses and bytes, one way only (a round trip hides images and aliases)."""

import sys
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ivr_bridge.audio.formats import PCM_RATES_HZ
from ivr_bridge.audio.resample import Resampler
from ivr_bridge.audio.tones import sine
from ivr_bridge.errors import AudioFormatError

PAIRS = list(permutations(PCM_RATES_HZ, 2))
UP = [(8000, rate_hz) for rate_hz in PCM_RATES_HZ[1:]]
DOWN = [(rate_hz, 8000) for rate_hz in PCM_RATES_HZ[1:]]
TONE_DBOV = -9.03
"""A sine whose peak is -6 dBFS."""
SETTLED_MS, WINDOW_MS = 40, 100
"""The window holds whole periods of every tone and image here: all lie at multiples of 10 Hz."""


def frames_of(pcm16: bytes, rate_hz: int) -> list[bytes]:
    frame_bytes = rate_hz // 50 * 2
    return [pcm16[i : i + frame_bytes] for i in range(0, len(pcm16), frame_bytes)]


def run(resampler: Resampler, pcm16: bytes) -> bytes:
    return b"".join(resampler.process(frame) for frame in frames_of(pcm16, resampler.source_hz))


def amplitudes(pcm16: bytes, rate_hz: int) -> NDArray[np.float64]:
    """Amplitude of each multiple of 10 Hz, over the window after the filter has settled."""
    samples = np.frombuffer(pcm16, "<i2").astype(float)
    start = rate_hz * SETTLED_MS // 1000
    window = samples[start : start + rate_hz * WINDOW_MS // 1000]
    return np.abs(np.fft.rfft(window)) * 2 / len(window)


def through(source_hz: int, target_hz: int, hz: float) -> tuple[float, float]:
    """A tone one way: its gain, and the largest of all that is not the tone; both in dB of the tone that went in."""
    tone = sine(hz, SETTLED_MS + WINDOW_MS, source_hz, TONE_DBOV)
    given_amplitude = amplitudes(tone, source_hz)[round(hz / 10)]
    spectrum = amplitudes(run(Resampler(source_hz, target_hz), tone), target_hz)
    bin_of_tone = round(hz / 10)
    gain_db = -200.0
    if bin_of_tone < len(spectrum):
        gain_db = 20 * np.log10(spectrum[bin_of_tone] / given_amplitude + 1e-10)
        spectrum[bin_of_tone] = 0.0
    return gain_db, 20 * np.log10(spectrum.max() / given_amplitude + 1e-10)


@pytest.mark.parametrize(("source_hz", "target_hz"), UP + DOWN)
def test_the_phone_band_is_flat(source_hz: int, target_hz: int) -> None:
    gains_db = [through(source_hz, target_hz, hz)[0] for hz in range(300, 3401, 100)]
    assert max(np.abs(gains_db)) <= 0.05


@pytest.mark.parametrize(("source_hz", "target_hz"), UP + DOWN)
def test_tones_of_the_phone_band_have_no_images(source_hz: int, target_hz: int) -> None:
    worst_db = max(through(source_hz, target_hz, hz)[1] for hz in range(300, 3401, 100))
    assert worst_db <= -60


@pytest.mark.parametrize(("source_hz", "target_hz"), DOWN)
def test_tones_above_the_phone_band_leave_no_alias(source_hz: int, target_hz: int) -> None:
    highest_hz = source_hz // 2 - 100
    tones_hz = [4600, 4650, 4700, 4750, *range(4800, min(highest_hz, 8000), 200), *range(8000, highest_hz, 500)]
    # What comes out at the tone's own bin is out of the band of 8 kHz anyway: there are only aliases.
    worst_db = max(max(through(source_hz, target_hz, hz)) for hz in tones_hz)
    assert worst_db <= -60


def test_the_measure_sees_images_and_aliases() -> None:
    tone = sine(3000, SETTLED_MS + WINDOW_MS, 8000, TONE_DBOV)
    repeated = np.repeat(np.frombuffer(tone, "<i2"), 2).tobytes()
    spectrum = amplitudes(repeated, 16000)
    assert spectrum[500] > spectrum[300] / 2
    skipped = np.frombuffer(sine(5000, SETTLED_MS + WINDOW_MS, 16000, TONE_DBOV), "<i2")[::2].tobytes()
    assert amplitudes(skipped, 8000)[300] > 10000


@pytest.mark.parametrize(("source_hz", "target_hz"), [pair for pair in PAIRS if 8000 not in pair])
def test_between_other_rates_the_band_grows_with_the_lower_rate(source_hz: int, target_hz: int) -> None:
    scale = min(source_hz, target_hz) / 8000
    measured = [through(source_hz, target_hz, hz) for hz in np.round(np.linspace(300, 3400 * scale, 12), -1)]
    assert max(abs(gain_db) for gain_db, _ in measured) <= 0.05
    assert max(other_db for _, other_db in measured) <= -60


@pytest.mark.parametrize(("source_hz", "target_hz"), PAIRS)
def test_the_delay_is_what_it_says_and_within_the_limit(source_hz: int, target_hz: int) -> None:
    impulse = np.zeros(source_hz // 10, "<i2")
    at = source_hz // 20
    impulse[at] = 30000
    resampler = Resampler(source_hz, target_hz)
    out = np.frombuffer(run(resampler, impulse.tobytes()), "<i2").astype(float)
    lag_ms = 1000 * (np.sum(np.arange(len(out)) * out) / np.sum(out) / target_hz - at / source_hz)
    assert lag_ms == pytest.approx(resampler.delay_ms, abs=0.05)
    assert resampler.delay_ms <= (3.1 if target_hz > source_hz else 1.9)


@pytest.mark.parametrize(("source_hz", "target_hz"), PAIRS)
def test_20_ms_give_20_ms_from_the_first_frame_on(source_hz: int, target_hz: int) -> None:
    resampler = Resampler(source_hz, target_hz)
    out = [resampler.process(frame) for frame in frames_of(sine(1000, 200, source_hz, -10.0), source_hz)]
    assert {len(frame) for frame in out} == {target_hz // 50 * 2}
    first = np.frombuffer(out[0], "<i2").astype(float)
    assert np.sqrt(np.mean(first**2)) > 32768 * 10 ** (-12 / 20)


@given(
    pair=st.sampled_from(PAIRS),
    sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=30),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None)
def test_any_chunks_give_the_same_sound(pair: tuple[int, int], sizes: list[int], seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 9000, sum(sizes) // 2 + 1).clip(-32768, 32767)
    pcm16 = noise.astype("<i2").tobytes()[: sum(sizes)]
    whole = pcm16[: len(pcm16) // 2 * 2]
    chunked = Resampler(*pair)
    ends = np.cumsum(sizes)
    got = b"".join(chunked.process(pcm16[end - size : end]) for end, size in zip(ends, sizes, strict=True))
    got += chunked.flush()
    framed = Resampler(*pair)
    expected = run(framed, whole) + framed.flush()
    assert len(got) == len(expected)
    difference = np.frombuffer(got, "<i2").astype(int) - np.frombuffer(expected, "<i2")
    assert np.abs(difference).max(initial=0) <= 1


@pytest.mark.parametrize(("source_hz", "target_hz"), [*UP, *DOWN])
def test_one_byte_at_a_time_is_no_different(source_hz: int, target_hz: int) -> None:
    pcm16 = sine(440, 45, source_hz, -6.0)
    slow, fast = Resampler(source_hz, target_hz), Resampler(source_hz, target_hz)
    got = b"".join(slow.process(pcm16[i : i + 1]) for i in range(len(pcm16)))
    difference = np.frombuffer(got, "<i2").astype(int) - np.frombuffer(fast.process(pcm16), "<i2")
    assert np.abs(difference).max() <= 1


def test_a_clip_in_one_call_is_the_same_as_in_frames() -> None:
    clip = np.random.default_rng(7).normal(0, 6000, 80000).astype("<i2").tobytes()
    for source_hz, target_hz in product((8000, 22050), (8000, 16000, 44100)):
        framed = run(Resampler(source_hz, target_hz), clip)
        at_once = Resampler(source_hz, target_hz).process(clip)
        assert len(framed) == len(at_once)
        assert np.abs(np.frombuffer(framed, "<i2").astype(int) - np.frombuffer(at_once, "<i2")).max() <= 1


@pytest.mark.parametrize(("source_hz", "target_hz"), PAIRS)
def test_a_stream_holds_at_most_4_kib(source_hz: int, target_hz: int) -> None:
    resampler = Resampler(source_hz, target_hz)
    noise = np.random.default_rng(3).normal(0, 6000, source_hz // 5).astype("<i2").tobytes()
    most = 0
    for i in range(0, len(noise), 97):
        resampler.process(noise[i : i + 97])
        held = [getattr(resampler, name) for name in Resampler.__slots__ if name != "_filter"]
        most = max(most, sys.getsizeof(resampler) + sum(sys.getsizeof(value) for value in held))
    assert most <= 4096


def test_flush_gives_the_end_that_still_lags_behind() -> None:
    for source_hz, target_hz in PAIRS:
        resampler = Resampler(source_hz, target_hz)
        pcm16 = bytearray(source_hz // 10 * 2)
        pcm16[-2:] = (20000).to_bytes(2, "little")
        before = run(resampler, bytes(pcm16))
        tail = resampler.flush()
        assert len(tail) // 2 == np.ceil(resampler.delay_ms * target_hz / 1000 - 1e-6)
        # The last sample is heard where it lies: at the end of all, whatever the delay.
        both = np.abs(np.frombuffer(before + tail, "<i2").astype(int))
        assert len(both) - np.argmax(both) <= 1 + np.ceil(target_hz / source_hz)


def test_what_comes_out_is_what_went_in_later() -> None:
    for source_hz, target_hz in UP + DOWN:
        resampler = Resampler(source_hz, target_hz)
        got = run(resampler, sine(1000, 100, source_hz, -10.0)) + resampler.flush()
        samples = np.frombuffer(got, "<i2")
        lag_s = resampler.delay_ms / 1000
        at_s = np.arange(len(samples)) / target_hz - lag_s
        ideal = 32768 * 2**0.5 * 10 ** (-10 / 20) * np.sin(2 * np.pi * 1000 * at_s)
        middle = slice(target_hz // 50, -target_hz // 50)
        assert np.abs(samples[middle] - ideal[middle]).max() < 12


def test_after_flush_and_reset_all_is_as_new() -> None:
    noise = np.random.default_rng(5).normal(0, 6000, 1001).astype("<i2").tobytes()
    for pair in [*UP, *DOWN, (8000, 8000)]:
        used, new = Resampler(*pair), Resampler(*pair)
        expected = new.process(noise)
        used.process(noise + b"\x7f")
        used.flush()
        assert used.flush() == b""
        assert used.process(b"\x7f") == b""
        assert used.flush() == b""
        assert used.process(noise) == expected
        used.process(noise[:501])
        used.reset()
        assert used.flush() == b""
        assert used.process(noise) == expected


def test_silence_stays_silent_and_a_constant_stays_itself() -> None:
    for pair in UP + DOWN:
        assert not any(run(Resampler(*pair), bytes(pair[0] // 5 * 2)))
        constant = np.full(pair[0] // 5, 1000, "<i2").tobytes()
        out = np.frombuffer(run(Resampler(*pair), constant), "<i2")[pair[1] // 50 :]
        assert set(out.tolist()) == {1000}


@pytest.mark.parametrize(("source_hz", "target_hz"), UP + DOWN)
def test_too_loud_is_clipped_and_never_wrapped(source_hz: int, target_hz: int) -> None:
    half = source_hz // 400
    square = np.tile(np.r_[np.full(half, 32767), np.full(half, -32768)], 20).astype("<i2")
    out = np.frombuffer(run(Resampler(source_hz, target_hz), square.tobytes()), "<i2").astype(int)
    assert out.max() == 32767
    assert out.min() == -32768
    # A wrapped sample would stand alone against its neighbours.
    alone = np.minimum(np.abs(out[1:-1] - out[:-2]), np.abs(out[1:-1] - out[2:]))
    assert alone.max() < 40000


def test_equal_rates_pass_whole_samples_through() -> None:
    resampler = Resampler(16000, 16000)
    assert resampler.process(b"abc") == b"ab"
    assert resampler.process(b"") == b""
    assert resampler.process(b"d") == b"cd"
    assert resampler.delay_ms == 0.0
    assert resampler.flush() == b""


@pytest.mark.parametrize("rates", [(8000, 11025), (0, 8000), (8000, 96000), (-8000, 8000), (8001, 16000), (4000, 8000)])
def test_a_rate_that_cannot_be_is_refused_at_set_up(rates: tuple[int, int]) -> None:
    with pytest.raises(AudioFormatError, match=f"{rates[0]} Hz to {rates[1]} Hz"):
        Resampler(*rates)


def test_a_rate_of_no_vendor_is_converted_too() -> None:
    for source_hz in (11000, 12000, 32000):
        gain_db, other_db = through(source_hz, 8000, 3000)
        assert abs(gain_db) <= 0.05
        assert other_db <= -60


def test_a_thread_that_cuts_in_does_not_disturb_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = (np.random.default_rng(seed).normal(0, 6000, 160).astype("<i2").tobytes() for seed in (1, 2))
    expected = Resampler(8000, 22050).process(ours), Resampler(8000, 22050).process(theirs)
    product_of, cut_in = np.matmul, []

    def interrupted(*args: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        if not cut_in:
            cut_in.append(b"")
            cut_in[0] = Resampler(8000, 22050).process(theirs)
        product_of(*args, out=out)

    monkeypatch.setattr(np, "matmul", interrupted)
    assert (Resampler(8000, 22050).process(ours), cut_in[0]) == expected


def test_the_path_names_itself() -> None:
    assert str(Resampler(8000, 22050)) == "pcm_8000 -> pcm_22050"
