"""The tables against the Recommendation, written down again here in another form: by comparing, one input at a time."""

import audioop
from bisect import bisect_right
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_bridge.audio.g711 import alaw_decode, alaw_encode, mulaw_decode, mulaw_encode
from ivr_bridge.errors import AudioFormatError

ALL_SAMPLES = np.arange(-32768, 32768, dtype="<i2")
ALL_CODES = bytes(range(256))

# Tables 1 and 2 of the Recommendation: the end of each segment, and the step within it, from the smallest up.
ALAW_SEGMENTS = [(64, 2), (128, 4), (256, 8), (512, 16), (1024, 32), (2048, 64), (4096, 128)]
MULAW_SEGMENTS = [(31, 2), (95, 4), (223, 8), (479, 16), (991, 32), (2015, 64), (4063, 128), (8159, 256)]


def itu_decisions(segments: list[tuple[int, int]], start: int) -> list[int]:
    """All decision values x1 ... x128 of one sign, on the Recommendation's own scale."""
    values = [start]
    for end, step in segments:
        while values[-1] < end:
            values.append(values[-1] + step)
    return values


MULAW_DECISIONS = itu_decisions(MULAW_SEGMENTS, 1)
ALAW_DECISIONS = itu_decisions(ALAW_SEGMENTS, 0)


def test_the_reference_has_the_values_that_the_recommendation_prints() -> None:
    assert len(MULAW_DECISIONS) == len(ALAW_DECISIONS) - 1 == 128
    assert [MULAW_DECISIONS[n - 1] for n in (1, 2, 17, 33, 49, 65, 81, 97, 113, 128)] == [
        1, 3, 35, 103, 239, 511, 1055, 2143, 4319, 8159,
    ]  # fmt: skip
    assert [ALAW_DECISIONS[n - 1] for n in (1, 33, 49, 65, 81, 97, 113, 129)] == [
        0, 64, 128, 256, 512, 1024, 2048, 4096,
    ]  # fmt: skip


def allowed_codes(sample: int, decisions: list[int], scale: int, positive: int, negative: int) -> set[int]:
    """The codes that the Recommendation allows for a sample: one, or two where it lies exactly on a decision value."""
    magnitude = min(abs(sample) / scale, decisions[-1] - 0.5)
    steps = {bisect_right(decisions[:-1], magnitude)}
    if magnitude in decisions:
        steps.add(decisions.index(magnitude))
    masks = {positive} if sample > 0 else {negative} if sample < 0 else {positive, negative}
    return {step ^ mask for step in steps for mask in masks}


def test_mulaw_encodes_every_sample_as_the_recommendation_says() -> None:
    codes = mulaw_encode(ALL_SAMPLES.tobytes())
    wrong = [
        int(sample)
        for sample, code in zip(ALL_SAMPLES, codes, strict=True)
        if code not in allowed_codes(int(sample), MULAW_DECISIONS, 4, 0xFF, 0x7F)
    ]
    assert wrong == []


def test_alaw_encodes_every_sample_as_the_recommendation_says() -> None:
    codes = alaw_encode(ALL_SAMPLES.tobytes())
    decisions = ALAW_DECISIONS[1:]
    wrong = [
        int(sample)
        for sample, code in zip(ALL_SAMPLES, codes, strict=True)
        if code not in allowed_codes(int(sample), decisions, 8, 0xD5, 0x55)
    ]
    assert wrong == []


def test_the_reference_sees_what_the_standard_library_gets_wrong() -> None:
    codes = audioop.lin2ulaw(ALL_SAMPLES.tobytes(), 2)
    wrong = [
        int(sample)
        for sample, code in zip(ALL_SAMPLES, codes, strict=True)
        if code not in allowed_codes(int(sample), MULAW_DECISIONS, 4, 0xFF, 0x7F)
    ]
    assert len(wrong) == 381
    assert max(wrong) < 0


def test_both_laws_decode_as_the_oracle_does() -> None:
    assert mulaw_decode(ALL_CODES) == audioop.ulaw2lin(ALL_CODES, 2)
    assert alaw_decode(ALL_CODES) == audioop.alaw2lin(ALL_CODES, 2)


@pytest.mark.parametrize(("encode", "decode"), [(mulaw_encode, mulaw_decode), (alaw_encode, alaw_decode)])
def test_nothing_is_added_to_the_mean_and_order_is_kept(encode, decode) -> None:  # type: ignore[no-untyped-def]
    back = np.frombuffer(decode(encode(ALL_SAMPLES.tobytes())), "<i2").astype(int)
    assert abs(np.mean(back - ALL_SAMPLES)) < 0.05
    assert all(low <= high for low, high in pairwise(back))


@pytest.mark.parametrize("dbov", [-20.0, -45.0, -55.0])
def test_a_quiet_sine_gains_no_dc(dbov: float) -> None:
    wave = 32768 * 2**0.5 * 10 ** (dbov / 20) * np.sin(2 * np.pi * 1020 / 8000 * np.arange(8000))
    pcm16 = np.rint(wave).astype("<i2")
    back = np.frombuffer(mulaw_decode(mulaw_encode(pcm16.tobytes())), "<i2")
    assert abs(np.mean(back) - np.mean(pcm16)) < 0.05


def test_codes_come_back_but_for_the_negative_zero_of_mulaw() -> None:
    changed = {code: new for code, new in enumerate(mulaw_encode(mulaw_decode(ALL_CODES))) if code != new}
    assert changed == {0x7F: 0xFF}
    assert alaw_encode(alaw_decode(ALL_CODES)) == ALL_CODES


@given(st.binary(max_size=700))
def test_sizes_halve_and_double(audio: bytes) -> None:
    assert len(mulaw_decode(audio)) == len(alaw_decode(audio)) == 2 * len(audio)
    if len(audio) % 2:
        for encode in (mulaw_encode, alaw_encode):
            with pytest.raises(AudioFormatError, match=f"{len(audio)} bytes"):
                encode(audio)
    else:
        assert len(mulaw_encode(audio)) == len(alaw_encode(audio)) == len(audio) // 2
