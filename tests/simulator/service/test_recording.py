import audioop
import io
import wave

from ivr_bridge.simulator.service.recording import Recording
from ivr_bridge.simulator.service.wire_audio import WireFormat

TONE = b"\x00\x10" * 800


def samples(recording: Recording) -> bytes:
    with wave.open(io.BytesIO(recording.wav())) as file:
        assert (file.getframerate(), file.getnchannels()) == (8000, 1)
        return file.readframes(file.getnframes())


def test_both_sides_stand_where_they_were_said():
    recording = Recording(WireFormat("ulaw", 8000))
    recording.hear(b"\xff" * 400)
    recording.say(TONE, 8000)
    recording.hear(b"\xff" * 400)
    pcm16 = samples(recording)
    assert len(pcm16) == 800 + len(TONE)
    assert pcm16[:800] == bytes(800)
    assert pcm16[800:] == TONE


def test_a_reply_behind_another_waits_for_it():
    recording = Recording(WireFormat("ulaw", 8000))
    recording.say(TONE, 8000)
    recording.say(TONE, 16000)
    assert len(samples(recording)) == len(TONE) + len(TONE) // 2


def test_what_was_cut_is_not_there():
    recording = Recording(WireFormat("ulaw", 8000))
    recording.say(TONE, 8000)
    recording.hear(b"\xff" * 100)
    recording.cut()
    assert samples(recording) == TONE[:200]


def test_other_formats_and_samples_that_are_cut_in_two():
    recording = Recording(WireFormat("pcm", 16000))
    for start in range(0, len(TONE), 33):
        recording.hear(TONE[start : start + 33])
    pcm16 = samples(recording)
    assert abs(len(pcm16) - len(TONE) // 2) <= 4
    assert audioop.avg(pcm16, 2) > 3000


def test_nothing():
    assert Recording(WireFormat("ulaw", 8000)).wav() == b""
