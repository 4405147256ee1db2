import audioop
import io
import wave

import pytest

from ivr_bridge.simulator.service.wire_audio import CONVERSATION_FORMATS, parse_format

PCM = bytes(range(256)) * 4


@pytest.mark.parametrize("name", CONVERSATION_FORMATS)
def test_conversation_formats(name: str):
    wire = parse_format(name)
    assert name == f"{wire.codec}_{wire.rate_hz}"
    assert len(wire.decode(wire.encode(PCM))) == len(PCM)
    assert len(wire.encode(PCM)) == len(PCM) // 2 / wire.rate_hz * 1000 * wire.bytes_per_ms


def test_g711():
    assert parse_format("ulaw_8000").encode(PCM) == audioop.lin2ulaw(PCM, 2)
    alaw = parse_format("alaw_8000", speech=True)
    assert alaw.decode(alaw.encode(PCM)) == audioop.alaw2lin(audioop.lin2alaw(PCM, 2), 2)


def test_wav():
    with wave.open(io.BytesIO(parse_format("wav_24000", speech=True).encode(PCM))) as file:
        assert (file.getframerate(), file.readframes(1000)) == (24000, PCM)


@pytest.mark.parametrize("name", ["", "ulaw", "mp3_44100_128", "pcm_12345", "wav_16000", "alaw_8000"])
def test_unknown(name: str):
    with pytest.raises(ValueError, match="unknown audio format"):
        parse_format(name)
