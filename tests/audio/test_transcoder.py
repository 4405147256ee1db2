import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr_bridge.audio.formats import FORMAT_NAMES, AudioFormat
from ivr_bridge.audio.g711 import alaw_decode, alaw_encode, mulaw_decode, mulaw_encode
from ivr_bridge.audio.levels import rms_dbov
from ivr_bridge.audio.resample import Resampler
from ivr_bridge.audio.tones import sine
from ivr_bridge.audio.transcoder import CHAIN_VERSION, Transcoder


def chain(source: str, target: str) -> Transcoder:
    return Transcoder(AudioFormat.parse(source), AudioFormat.parse(target))


@pytest.mark.parametrize(
    ("source", "target", "text"),
    [
        ("ulaw_8000", "ulaw_8000", "ulaw_8000 -> ulaw_8000 (untouched)"),
        ("pcm_16000", "pcm_16000", "pcm_16000 -> pcm_16000 (untouched)"),
        ("ulaw_8000", "pcm_8000", "ulaw_8000 -> pcm_8000"),
        ("ulaw_8000", "pcm_16000", "ulaw_8000 -> pcm_8000 -> pcm_16000"),
        ("pcm_44100", "ulaw_8000", "pcm_44100 -> pcm_8000 -> ulaw_8000"),
        ("pcm_8000", "ulaw_8000", "pcm_8000 -> ulaw_8000"),
        ("pcm_16000", "pcm_24000", "pcm_16000 -> pcm_24000"),
        ("ulaw_8000", "alaw_8000", "ulaw_8000 -> pcm_8000 -> alaw_8000"),
    ],
)
def test_the_chain_prints_itself(source: str, target: str, text: str) -> None:
    assert str(chain(source, target)) == text
    assert chain(source, target).is_passthrough == ("untouched" in text)


@pytest.mark.parametrize(("source", "target"), list(product(FORMAT_NAMES, FORMAT_NAMES)))
def test_every_frame_becomes_a_frame_and_a_tone_keeps_its_level(source: str, target: str) -> None:
    coder, back = chain(source, target), chain(target, "pcm_8000")
    # Not 1000 Hz: of that 8 kHz has only eight different samples, and twice G.711 treats them all alike.
    tone = sine(1010, 400, coder.source.rate_hz, -20.0)
    audio = {"pcm": bytes, "ulaw": mulaw_encode, "alaw": alaw_encode}[coder.source.codec](tone)
    out = []
    for i in range(0, len(audio), coder.source.frame_bytes):
        out.append(coder.process(audio[i : i + coder.source.frame_bytes]))
        assert len(out[-1]) == coder.target.frame_bytes
    heard = back.process(b"".join(out))
    assert rms_dbov(heard[1600:]) == pytest.approx(-20.0, abs=0.15)


def test_untouched_audio_is_the_very_same() -> None:
    coder = chain("ulaw_8000", "ulaw_8000")
    audio = bytes(range(256))
    assert coder.process(audio) is audio
    assert coder.flush() == b""
    assert coder.delay_ms == 0.0


def test_the_chain_is_its_parts_one_after_another() -> None:
    audio = bytes(range(256)) * 5
    assert chain("ulaw_8000", "pcm_16000").process(audio) == Resampler(8000, 16000).process(mulaw_decode(audio))
    assert chain("pcm_16000", "ulaw_8000").process(audio) == mulaw_encode(Resampler(16000, 8000).process(audio))
    assert chain("ulaw_8000", "alaw_8000").process(audio) == alaw_encode(mulaw_decode(audio))
    assert chain("alaw_8000", "pcm_8000").process(audio) == alaw_decode(audio)
    assert chain("pcm_8000", "ulaw_8000").process(audio) == mulaw_encode(audio)


@given(
    names=st.sampled_from(list(product(FORMAT_NAMES, FORMAT_NAMES))),
    sizes=st.lists(st.integers(1, 2500), min_size=1, max_size=15),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None)
def test_any_chunks_give_the_same_audio(names: tuple[str, str], sizes: list[int], seed: int) -> None:
    coder, whole = chain(*names), chain(*names)
    audio = np.random.default_rng(seed).integers(0, 256, sum(sizes), dtype=np.uint8).tobytes()
    ends = np.cumsum(sizes)
    got = b"".join(coder.process(audio[end - size : end]) for end, size in zip(ends, sizes, strict=True))
    got += coder.flush()
    expected = whole.process(audio) + whole.flush()
    assert len(got) == len(expected)
    if coder.target.codec == "pcm" and not coder.is_passthrough:
        difference = np.frombuffer(got, "<i2").astype(int) - np.frombuffer(expected, "<i2")
        assert np.abs(difference).max(initial=0) <= 1
    else:
        # 1 of 32,768 before the encoder is seldom the next code after it.
        assert sum(a != b for a, b in zip(got, expected, strict=True)) <= 2


def test_flush_gives_the_lag_in_the_target_format_once() -> None:
    coder = chain("pcm_16000", "ulaw_8000")
    coder.process(sine(1000, 100, 16000, -10.0) + b"\x01")
    tail = coder.flush()
    assert len(tail) == np.ceil(coder.delay_ms * 8)
    assert rms_dbov(mulaw_decode(tail)) > -20
    assert coder.flush() == b""


def test_reset_forgets_what_came_in() -> None:
    coder = chain("pcm_24000", "ulaw_8000")
    coder.process(sine(1000, 30, 24000, -10.0) + b"\x55")
    coder.reset()
    assert coder.flush() == b""
    assert coder.process(bytes(960)) == b"\xff" * 160


def test_the_version_is_a_word_that_fits_a_cache_key() -> None:
    assert re.fullmatch(r"[0-9]+", CHAIN_VERSION)
