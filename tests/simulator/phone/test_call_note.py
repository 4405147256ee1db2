"""A note is a fact with a place on the recording's clock."""

from dataclasses import FrozenInstanceError

import pytest

from ivr_bridge.simulator.phone.call_note import CallNote
from ivr_bridge.simulator.phone.report import CallReport
from ivr_bridge.simulator.phone.silence import waits


def test_a_note_stays_as_it_was_told() -> None:
    note = CallNote(10, "ringing")
    with pytest.raises(FrozenInstanceError):
        note.at_ms = 20  # type: ignore[misc]
    assert note.fields == {}
    assert note.fields is not CallNote(10, "ringing").fields, "no two notes share what they tell"


def test_notes_are_the_same_when_they_tell_the_same() -> None:
    assert CallNote(10, "ringing", {"to": "desk"}) == CallNote(10.0, "ringing", {"to": "desk"})
    assert CallNote(10, "ringing") != CallNote(11, "ringing")


def test_what_came_before_the_recording_counts_from_its_start() -> None:
    report = CallReport("CA1", "completed", "", heard_pcm16=bytes(16_000))
    before, within = CallNote(-300, "rung.climbed"), CallNote(200, "rung.climbed")
    assert [wait.at_ms for wait in waits(report, [before, within]) if wait.why == "failure"] == [0.0, 200]
