import audioop

import pytest

from ivr_bridge.simulator.service.caller_audio import CallerAudio
from ivr_bridge.simulator.service.ears import SpeechConfirmed, SpeechEnded
from ivr_bridge.simulator.service.wire_audio import parse_format
from tests.simulator.service.caller import said


@pytest.mark.parametrize(
    ("name", "chunk_bytes"),
    [("ulaw_8000", 160), ("pcm_8000", 1), ("pcm_16000", 333), ("pcm_16000", 640), ("pcm_44100", 1001)],
)
def test_speech_in_any_format_and_chunking(name: str, chunk_bytes: int):
    wire = parse_format(name)
    pcm16 = audioop.ratecv(said("is there parking"), 2, 1, 8000, wire.rate_hz, None)[0]
    audio = wire.encode(pcm16) + wire.encode(bytes(wire.rate_hz))
    caller = CallerAudio(wire)
    events = []
    for start in range(0, len(audio), chunk_bytes):
        events += caller.hear(audio[start : start + chunk_bytes])
    assert [type(event) for event in events] == [SpeechConfirmed, SpeechEnded]
