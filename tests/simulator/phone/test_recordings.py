import io
import wave
from dataclasses import dataclass, field

from ivr_bridge.simulator.phone.recordings import RecordingShelf, SpokenReel, TakenRecording

from .scripted_bridge import mulaw_tone


@dataclass
class Tape:
    """A reel that a test winds on."""

    caller: bytes = field(default_factory=lambda: mulaw_tone(9000))
    at: int = 0

    def position(self):
        return self.at

    def sides(self, first, until):
        return self.caller[first:until], b"\xff" * (until - first)


def frames(taken):
    with wave.open(io.BytesIO(taken.wav()), "rb") as wav:
        return wav.getnchannels(), wav.getnframes()


def record(**more):
    tape = Tape()
    tape.at = 8000
    return tape, TakenRecording(tape, "StartCallRecordingAPI", "AC1", "CA1", **more)


def test_it_begins_where_the_reel_is_and_ends_when_it_is_stopped():
    tape, taken = record()
    tape.at += 16000
    assert (taken.duration_s, taken.is_running) == (2, True)
    taken.stop()
    tape.at += 8000
    taken.stop()
    assert (taken.status, taken.duration_s, frames(taken)) == ("completed", 2, (1, 16000))


def test_a_pause_is_silence_or_nothing():
    for skips, seconds in ((False, 3), (True, 2)):
        tape, taken = record(channels=2)
        tape.at += 8000
        taken.pause(skips=skips)
        tape.at += 8000
        assert (taken.status, taken.duration_s) == ("paused", 1 if skips else 2)
        taken.resume()
        tape.at += 8000
        taken.stop()
        assert (taken.duration_s, frames(taken)) == (seconds, (2, seconds * 8000))
        middle = taken._caller[8000:16000]
        assert (set(middle) == {0xFF}) is not skips


def test_a_track_of_one_side_and_nothing_at_all():
    tape, taken = record(track="outbound")
    tape.at += 8000
    taken.stop()
    assert set(taken.wav()[44:]) == {0}, "the network said nothing"
    _, empty = record()
    empty.stop()
    assert (empty.status, empty.duration_s) == ("absent", 0)


def test_a_message_is_taken_as_a_whole():
    taken = TakenRecording(SpokenReel(mulaw_tone(1500)), "RecordVerb", "AC1", "CA1")
    taken.stop()
    assert (taken.status, taken.duration_s, frames(taken)) == ("completed", 1, (1, 12000))


def test_the_shelf():
    shelf = RecordingShelf()
    _, taken = record()
    shelf.add(taken)
    assert shelf.url(taken) == f"https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/{taken.sid}"
    assert (shelf.find(taken.sid), shelf.all()) == (taken, [taken])
    assert (shelf.delete(taken.sid), shelf.delete(taken.sid), shelf.find(taken.sid)) == (True, False, None)
