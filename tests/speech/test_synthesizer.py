import audioop
import math
import threading
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.errors import MissingExtraError, VendorFailed
from ivr_bridge.simulator.service.mouth import Mouth
from ivr_bridge.simulator.service.voices import VOICES
from ivr_bridge.speech import synthesizer as synthesizer_module
from ivr_bridge.speech.prompt_file import read_prompt_files
from ivr_bridge.speech.recipe import Recipe
from ivr_bridge.speech.synthesizer import Synthesizer, to_phone
from ivr_bridge.speech.voice import Voice
from tests.speech.fakes import SPEECH, VOICE, FakeVendor, speech


def windows_dbov(mulaw: bytes) -> list[float]:
    """The level of each 20 ms, by another decoder than ours."""
    pcm16 = audioop.ulaw2lin(mulaw, 2)
    levels = [audioop.rms(pcm16[at : at + 320], 2) for at in range(0, len(pcm16), 320)]
    return [20 * math.log10(max(level, 0.5) / 32768) for level in levels]


def active_dbov(mulaw: bytes) -> float:
    """The level of speech without its pauses: the mean power of all windows within 20 dB of the loudest."""
    levels = windows_dbov(mulaw)
    powers = [10 ** (level / 10) for level in levels if level > max(levels) - 20]
    return 10 * math.log10(sum(powers) / len(powers))


@pytest.mark.parametrize("dbov", [-12.0, -23.0, -40.0, -55.0])
def test_the_level_is_right_for_the_phone_however_loud_the_vendor_is(dbov: float) -> None:
    assert -26 <= active_dbov(to_phone(speech(dbov=dbov))) <= -20


def test_silence_around_is_cut_and_the_clip_is_whole_frames() -> None:
    short = to_phone(speech(lead_ms=0, trail_ms=0))
    long = to_phone(speech(lead_ms=900, trail_ms=1500))
    levels = windows_dbov(long)
    loud = [n for n, level in enumerate(levels) if level > -50]

    assert len(long) % 160 == 0
    assert 2 <= loud[0] <= 4
    assert 5 <= len(levels) - 1 - loud[-1] <= 8
    assert len(short) <= len(long) <= len(short) + 8 * 210


def test_pauses_within_stay() -> None:
    levels = windows_dbov(to_phone(speech(words=3)))
    loud = [n for n, level in enumerate(levels) if level > -50]
    assert any(level < -70 for level in levels[loud[0] : loud[-1]])


def test_padding_is_mulaw_silence() -> None:
    assert to_phone(SPEECH).endswith(b"\xff" * 20)


def test_nothing_above_the_phones_band_is_folded_into_it() -> None:
    # A hiss at 6 kHz would be heard at 2 kHz if the rate were halved without a filter.
    hum = [8000 * math.sin(2 * math.pi * 300 * n / 16000) for n in range(16000)]
    hiss = [8000 * math.sin(2 * math.pi * 6000 * n / 16000) for n in range(16000)]
    pcm16 = b"".join(round(a + b).to_bytes(2, "little", signed=True) for a, b in zip(hum, hiss, strict=True))
    decoded = audioop.ulaw2lin(to_phone(pcm16), 2)
    samples = [int.from_bytes(decoded[n : n + 2], "little", signed=True) for n in range(1600, 9600, 2)]

    def strength(hz: int) -> float:
        real = sum(s * math.cos(2 * math.pi * hz * n / 8000) for n, s in enumerate(samples))
        imaginary = sum(s * math.sin(2 * math.pi * hz * n / 8000) for n, s in enumerate(samples))
        return math.hypot(real, imaginary)

    assert strength(300) > 300 * strength(2000)


@pytest.mark.parametrize("pcm16", [b"", b"\0" * 32000, SPEECH[:-1]])
def test_what_is_no_speech_is_the_vendors_fault(pcm16: bytes) -> None:
    with pytest.raises(VendorFailed):
        to_phone(pcm16)


def test_speech_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesizer_module, "SPEECH_MAX_S", 0.1)
    with pytest.raises(VendorFailed, match="at most"):
        to_phone(SPEECH)


async def test_the_vendor_is_asked_in_its_own_words() -> None:
    vendor = FakeVendor()
    mulaw = await Synthesizer(vendor).mulaw(Recipe("Hola.", "es", VOICE))
    await Synthesizer(vendor).mulaw(Recipe("Hola.", "es", Voice("v", "m")))
    assert mulaw == to_phone(SPEECH)
    assert vendor.asked[0] == {
        "voice_id": "voice_1",
        "text": "Hola.",
        "model_id": "eleven_flash_v2_5",
        "language": "es",
        "set": {"speed": 1.0},
    }
    assert vendor.asked[1]["set"] is None


async def test_a_clip_is_worked_on_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def record(pcm16: bytes) -> bytes:
        threads.append(threading.get_ident())
        return to_phone(pcm16)

    monkeypatch.setattr(synthesizer_module, "to_phone", record)
    await Synthesizer(FakeVendor()).mulaw(Recipe("Hello.", "en", VOICE))
    assert threads != [threading.get_ident()]


def test_every_prompt_of_ours_as_a_real_voice_speaks_it() -> None:
    try:
        mouth = Mouth()
    except MissingExtraError as error:
        pytest.skip(str(error))
    voices: Any = list(VOICES.values())
    for language, file in read_prompt_files(Path(__file__).parents[2] / "config" / "prompts").items():
        for number, (name, text) in enumerate(file.prompts.by_name().items()):
            spoken = mouth.speak(text, voices[number % len(voices)], language=language, rate_hz=16000)
            mulaw = to_phone(spoken.pcm16)
            assert -26 <= active_dbov(mulaw) <= -20, (language, name)
            assert 200 < len(mulaw) / 8 < 12000, (language, name)
