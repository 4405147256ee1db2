"""Speech of people, not tones and not a synthesiser: recordings of a Spanish and an English speaker in whole calls.

Debian's asterisk-core-sounds-en-wav and -es-wav (CC-BY-SA 3.0; installed, never committed): telephone prompts, 8 kHz.
The caller speaks them, and the sandbox's agent does in place of its own voice.
"""

import asyncio
import audioop
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from ivr_bridge.simulator.phone.caller import Say
from ivr_bridge.simulator.phone.voices import load_wav
from ivr_bridge.simulator.service import app as service_app
from ivr_bridge.simulator.service.mouth import Mouth, Speech, char_starts_ms
from tests.calls.house import PlacedCall, house, sandbox
from tests.support.vendor_tap import TappedConversation, VendorTap

pytestmark = pytest.mark.timeout(120)

SOUNDS = Path("/usr/share/asterisk/sounds")
CALLERS = {"en": "ss-noservice.wav", "es": "ss-noservice.wav"}
AGENTS = "en", "agent-pass.wav"
SHORTEST_RUN_BYTES = 20 * 16
MOST_RUNS = 4
BANDS_HZ = (300, 600, 1000, 1600, 2400, 3400)


def recorded(language: str, name: str) -> bytes:
    """A recording, PCM16 at 8 kHz; the test is skipped where it is not installed."""
    for path in sorted(SOUNDS.glob(f"{language}*/{name}")):
        return load_wav(path)
    pytest.skip(f"no recorded speech here: apt-get install asterisk-core-sounds-{language}-wav; speech was not checked")


class RecordedMouth(Mouth):
    """Says the same recorded sentence, whatever it is to say."""

    def speak(self, text: str, voice: Any, *, language: str = "en", rate_hz: int = 8000) -> Speech:
        clip = recorded(*AGENTS)
        return Speech(text, at_rate(clip, rate_hz), rate_hz, char_starts_ms(text, [], len(clip) / 16))


def at_rate(pcm16: bytes, rate_hz: int) -> bytes:
    """The same speech at another rate, by a resampler that is not ours (and dithers even where nothing is to do)."""
    if rate_hz == 8000:
        return pcm16
    return bytes(soxr.resample(np.frombuffer(pcm16, "<i2"), 8000, rate_hz).astype("<i2").tobytes())


def through_mulaw(pcm16: bytes) -> bytes:
    return audioop.ulaw2lin(audioop.lin2ulaw(pcm16, 2), 2)


def samples(pcm16: bytes) -> NDArray[np.float64]:
    return np.frombuffer(pcm16[: len(pcm16) // 2 * 2], "<i2").astype(np.float64)


def found(wanted: NDArray[np.float64], heard: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """How alike (1: the same) the best place in `heard` is, and that place."""
    size = 1 << (len(heard) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
    correlation = np.fft.irfft(spectrum, size)[: len(heard) - len(wanted) + 1]
    at = int(correlation.argmax())
    place = heard[at : at + len(wanted)]
    norm = float(np.linalg.norm(place) * np.linalg.norm(wanted))
    return float(correlation[at]) / norm, place


def unbroken_runs(wanted: bytes, heard: bytes) -> tuple[int, int]:
    """Find `wanted` in `heard`, whole and in order; where it ends there, and in how many pieces it came."""
    at, place, runs = 0, 0, 0
    while at < len(wanted):
        place = heard.find(wanted[at : at + SHORTEST_RUN_BYTES], place)
        assert place >= 0, f"{at / 16:.0f} ms of {len(wanted) / 16:.0f} ms were heard as they were sent"
        length = min(len(wanted) - at, len(heard) - place)
        same = np.frombuffer(wanted, np.uint8, length, at) == np.frombuffer(heard, np.uint8, length, place)
        run = length if same.all() else int(same.argmin())
        at, place, runs = at + run, place + run, runs + 1
    return place, runs


def band_levels_db(signal: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    power = np.abs(np.fft.rfft(signal)) ** 2
    hz = np.fft.rfftfreq(len(signal), 1 / rate_hz)
    edges = itertools.pairwise(BANDS_HZ)
    return np.array([10 * np.log10(power[(hz >= low) & (hz < high)].sum() + 1e-9) for low, high in edges])


def assert_alike(wanted_pcm16: bytes, heard_pcm16: bytes, rate_hz: int) -> None:
    """The same words, at the same level in each band of the telephone's range."""
    wanted, heard = samples(wanted_pcm16), samples(heard_pcm16)
    assert len(heard) >= len(wanted)
    likeness, place = found(wanted, heard)
    assert likeness > 0.97
    off_db = band_levels_db(place, rate_hz) - band_levels_db(wanted, rate_hz)
    assert np.abs(off_db).max() < 1.0, off_db


@asynccontextmanager
async def listening_in(tmp_path: Path, audio_format: str) -> AsyncIterator[tuple[Any, VendorTap]]:
    """A bridge whose agent speaks with a recorded voice in `audio_format`, and the tap on its wire."""
    with patch.object(service_app, "Mouth", RecordedMouth):
        service = sandbox(output_format=audio_format, input_format=audio_format)
        async with service as service_url, VendorTap(service_url).run() as tap:
            config = {"greeting": "agent"}
            async with house(tmp_path / audio_format, tap.url, config=config) as here:
                yield here, tap


async def calls(tmp_path: Path, audio_format: str) -> list[tuple[bytes, PlacedCall, TappedConversation]]:
    """One call for each language, side by side: what the caller says, what came of it, what went over the wire."""
    speech = {language: recorded(language, name) for language, name in CALLERS.items()}
    recorded(*AGENTS)
    (tmp_path / audio_format).mkdir()
    async with listening_in(tmp_path, audio_format) as (here, tap):
        placed = await asyncio.gather(*(here.call(Say(clip)) for clip in speech.values()))
        by_id = {
            message["conversation_initiation_metadata_event"]["conversation_id"]: conversation
            for conversation in tap.conversations
            for message in conversation.from_service[:1]
        }
        return [
            (clip, call, by_id[call.ended["conversation_id"]])
            for clip, call in zip(speech.values(), placed, strict=True)
        ]


async def test_passed_through_it_arrives_byte_for_byte(tmp_path: Path):
    answer = through_mulaw(recorded(*AGENTS))
    for clip, call, conversation in await calls(tmp_path, "ulaw_8000"):
        assert (call.reason, call.report.violations) == ("caller_hung_up", []), call.events
        assert audioop.lin2ulaw(clip, 2) in conversation.caller_audio
        assert call.texts("caller"), "the agent heard that somebody spoke"
        greeting_end, runs = unbroken_runs(answer, call.report.heard_pcm16)
        assert runs <= MOST_RUNS, "to the last bit, but for silence where this machine was too busy to be in time"
        assert unbroken_runs(answer, call.report.heard_pcm16[greeting_end:])[1] <= MOST_RUNS, "the answer, too"


async def test_transcoded_it_is_the_same_speech(tmp_path: Path):
    answer = recorded(*AGENTS)
    for clip, call, conversation in await calls(tmp_path, "pcm_16000"):
        assert (call.reason, call.report.violations) == ("caller_hung_up", []), call.events
        assert call.texts("caller")
        assert_alike(at_rate(through_mulaw(clip), 16000), conversation.caller_audio, 16000)
        assert_alike(answer, call.report.heard_pcm16, 8000)
        assert len(conversation.caller_audio) == pytest.approx(len(call.report.caller_pcm16) * 2, rel=0.05)


def test_a_broken_run_is_found():
    clip = recorded(*AGENTS)
    half = len(clip) // 4 * 2
    assert unbroken_runs(clip, bytes(640) + clip)[1] == 1
    assert unbroken_runs(clip, clip[:half] + bytes(640) + clip[half:])[1] == 2
    for spoilt in (clip[: half - 640] + clip[half:], clip[half:] + clip[:half], clip[:half]):
        with pytest.raises(AssertionError):
            unbroken_runs(clip, spoilt)


def test_the_comparison_can_fail():
    clip, other = recorded("en", CALLERS["en"]), recorded("es", CALLERS["es"])
    assert_alike(clip, bytes(3200) + clip, 8000)
    for spoilt in (other + bytes(len(clip)), audioop.mul(clip, 2, 0.8), muffled(clip)):
        with pytest.raises(AssertionError):
            assert_alike(clip, spoilt, 8000)


def muffled(pcm16: bytes) -> bytes:
    """As a resampler without a proper filter would leave it."""
    signal = samples(pcm16)
    return bytes(((signal + np.roll(signal, 1)) / 2).astype("<i2").tobytes())
