import io
import wave

from ivr_bridge.simulator.phone.report import CallReport


def test_a_report_gives_its_recording_and_keeps_audio_out_of_its_text():
    report = CallReport("CA1", "completed", "caller_hung_up", caller_pcm16=bytes(320), heard_pcm16=bytes(320))
    with wave.open(io.BytesIO(report.wav())) as wav:
        assert wav.getnframes() == 160
    assert "x00" not in repr(report)
