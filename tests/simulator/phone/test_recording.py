import audioop
import io
import wave

from ivr_bridge.simulator.phone.recording import Recording, stereo_wav

from .scripted_bridge import mulaw_tone


def test_the_clock_starts_once_and_counts_samples():
    recording = Recording()
    assert recording.sample(99.0) == 0
    recording.start(100.0)
    recording.start(200.0)
    assert recording.started_at == 100.0
    assert recording.sample(100.5) == 4000
    assert recording.sample(99.0) == 0


def test_both_channels_have_one_clock_and_one_length():
    recording = Recording()
    recording.start(0.0)
    recording.caller_said(mulaw_tone(20), 800)
    recording.playback.play(mulaw_tone(40), 160)
    caller, heard = recording.channels()
    assert len(caller) == len(heard) == 2 * 960
    assert caller[:1600] == bytes(1600)
    assert caller[1600:] == audioop.ulaw2lin(mulaw_tone(20), 2)
    assert heard[:320] == bytes(320)
    assert heard[320:960] == audioop.ulaw2lin(mulaw_tone(40), 2)
    assert heard[960:] == bytes(960)


def test_the_file_has_the_caller_left_and_the_agent_right():
    left, right = b"\x01\x00\x02\x00", b"\x0a\x00\x0b\x00"
    with wave.open(io.BytesIO(stereo_wav(left, right))) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (2, 2, 8000)
        assert wav.readframes(9) == b"\x01\x00\x0a\x00\x02\x00\x0b\x00"
