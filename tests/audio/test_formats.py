import pytest

from ivr_bridge.audio.formats import ALAW_SILENCE, FORMAT_NAMES, FRAME_MS, MULAW_SILENCE, PCM_RATES_HZ, AudioFormat
from ivr_bridge.audio.g711 import alaw_decode, mulaw_decode
from ivr_bridge.errors import AudioFormatError

VENDOR_NAMES = ["pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_44100", "pcm_48000", "ulaw_8000"]


@pytest.mark.parametrize("name", [*VENDOR_NAMES, "alaw_8000"])
def test_every_name_is_read_and_written_alike(name: str) -> None:
    assert str(AudioFormat.parse(name)) == name
    assert name in FORMAT_NAMES


@pytest.mark.parametrize("name", ["", "pcm", "pcm_", "pcm_11025", "ulaw_16000", "PCM_16000", "mp3_44100", "pcm_16000 "])
def test_any_other_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(AudioFormatError, match="pcm_16000"):
        AudioFormat.parse(name)


def test_a_format_cannot_be_made_that_has_no_name() -> None:
    with pytest.raises(AudioFormatError):
        AudioFormat("ulaw", 16000)
    with pytest.raises(AudioFormatError):
        AudioFormat("pcm", 11025)
    with pytest.raises(AudioFormatError):
        AudioFormat("opus", 48000)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "frame_bytes"),
    [("ulaw_8000", 160), ("alaw_8000", 160), ("pcm_8000", 320), ("pcm_16000", 640), ("pcm_22050", 882)],
)
def test_a_frame_is_20_ms(name: str, frame_bytes: int) -> None:
    audio = AudioFormat.parse(name)
    assert audio.frame_bytes == frame_bytes
    assert audio.duration_ms(frame_bytes) == FRAME_MS
    assert audio.bytes_per_s == 50 * frame_bytes


@pytest.mark.parametrize("rate_hz", PCM_RATES_HZ)
def test_a_frame_is_whole_at_every_rate(rate_hz: int) -> None:
    assert rate_hz * FRAME_MS % 1000 == 0


def test_silence_is_what_decodes_nearest_to_zero() -> None:
    assert mulaw_decode(bytes([MULAW_SILENCE])) == b"\0\0"
    nearest = min(range(256), key=lambda code: abs(int.from_bytes(alaw_decode(bytes([code])), "little", signed=True)))
    levels = {
        abs(int.from_bytes(alaw_decode(bytes([code])), "little", signed=True)) for code in (nearest, ALAW_SILENCE)
    }
    assert levels == {8}
    assert AudioFormat.parse("ulaw_8000").silence(30) == b"\xff" * 240
    assert AudioFormat.parse("pcm_22050").silence(1) == bytes(44)
    assert AudioFormat.parse("alaw_8000").silence(1) == b"\xd5" * 8
