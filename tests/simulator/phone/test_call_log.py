from ivr_bridge.simulator.phone.call_log import MAX_VIOLATIONS, CallLog
from ivr_bridge.simulator.phone.caller import Caller, CallScript
from ivr_bridge.simulator.phone.recording import Recording

from .scripted_bridge import mulaw_tone


def test_events_are_told_at_once_and_in_order():
    seen = []
    log = CallLog("CA1", seen.append)
    log.note("digits", "1")
    log.violation("bad")
    assert [(event.kind, event.text) for event in seen] == [("digits", "1"), ("violation", "bad")]
    assert 0 <= seen[0].at_ms <= seen[1].at_ms


def test_a_violation_counts_once_and_their_number_is_bounded():
    log = CallLog("CA1")
    for n in range(MAX_VIOLATIONS + 50):
        log.violation(f"v{n}")
        log.violation("v0")
    assert len(log.violations) == MAX_VIOLATIONS


def test_the_report_measures_the_first_word_in_what_was_heard():
    recording = Recording()
    recording.start(0.0)
    recording.playback.play(b"\xff" * 160 + mulaw_tone(60), 8 * 480)
    log = CallLog("CA1", placed_at=-0.25)
    log.settle("completed", "caller_hung_up")
    report = log.report(recording, Caller(CallScript()))
    assert 499 <= report.first_word_ms <= 501
    assert [(round(start, -1), round(end, -1)) for start, end in report.heard_at_ms] == [(500, 560)]
    assert report.stream_started_ms == 250
    assert (report.result, report.reason, report.turn_latency_ms) == ("completed", "caller_hung_up", [])


def test_a_call_without_a_stream_has_no_audio_times():
    report = CallLog("CA1").report(Recording(), Caller(CallScript()))
    assert (report.first_word_ms, report.stream_started_ms, report.heard_pcm16) == (None, None, b"")
