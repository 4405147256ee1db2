from ivr_bridge.audio.g711 import mulaw_encode
from ivr_bridge.audio.tones import sine
from ivr_bridge.audio.voice_gauge import VoiceGauge


def frames(dbov: float, ms: int) -> list[bytes]:
    audio = mulaw_encode(sine(300, ms, 8000, dbov))
    return [audio[at : at + 160] for at in range(0, len(audio), 160)]


def hear(gauge: VoiceGauge, dbov: float, ms: int) -> float:
    return sum(gauge.hear(frame) for frame in frames(dbov, ms)) * 20


def test_a_still_line_is_quiet_and_a_soft_voice_is_one() -> None:
    gauge = VoiceGauge()
    assert hear(gauge, -75, 2000) == 0
    assert hear(gauge, -46, 1000) == 1000
    assert gauge.voice_ms == 1000
    assert gauge.quiet_ms == 0
    assert hear(gauge, -75, 3000) == 0
    assert gauge.quiet_ms == 3000


def test_the_noise_of_a_line_is_learnt_and_a_voice_above_it_is_heard() -> None:
    gauge = VoiceGauge()
    hear(gauge, -47, 12_000)
    assert hear(gauge, -47, 1000) == 0
    assert hear(gauge, -25, 1000) == 1000


def test_long_speech_with_pauses_is_not_taken_for_noise() -> None:
    gauge = VoiceGauge()
    for _ in range(60):
        assert hear(gauge, -28, 800) == 800
        hear(gauge, -65, 200)
    assert gauge.voice_ms >= 48_000


def test_what_is_loud_is_voice_however_noisy_the_line() -> None:
    gauge = VoiceGauge()
    hear(gauge, -30, 60_000)
    assert hear(gauge, -30, 1000) == 1000


def test_a_gap_is_quiet() -> None:
    gauge = VoiceGauge()
    gauge.hear(frames(-20, 20)[0])
    gauge.gap(1500)
    assert (gauge.voice_ms, gauge.quiet_ms) == (20, 1500)
    assert not gauge.hear(b"")
