import pytest

from ivr_bridge.simulator.phone.call_note import CallNote
from ivr_bridge.simulator.phone.report import CallReport
from ivr_bridge.simulator.phone.silence import Silence, audible_frames, longest_silence_ms, silences, waits

from .scripted_bridge import tone


def heard(*sounds_ms, length_ms=20_000, peak=8000):
    """A recording with a tone from start to end of each."""
    pcm16 = bytearray(length_ms * 16)
    for start, end in sounds_ms:
        pcm16[start * 16 : end * 16] = tone(end - start, peak=peak)
    return bytes(pcm16)


def call(*sounds_ms, words=(), keys=(), **options):
    return CallReport(
        "CA1", "completed", "", spoken_at_ms=list(words), keyed_at_ms=list(keys),
        heard_pcm16=heard(*sounds_ms, **options),
    )  # fmt: skip


def test_from_the_streams_start_to_the_first_sound():
    assert longest_silence_ms(call((1200, 9000))) == 1200
    assert longest_silence_ms(call((0, 300))) == 19_700, "a click is no greeting"
    assert longest_silence_ms(call((0, 1000))) == 0, "a greeting, and then it is the caller's turn for ever"
    assert longest_silence_ms(CallReport("CA1", "failed", "unreachable")) == 0


def test_comfort_noise_is_silence():
    assert longest_silence_ms(call((0, 3000), peak=200, length_ms=3000)) == 3000
    assert audible_frames(heard((20, 40), length_ms=70)) == [False, True, False, False]


def test_from_the_callers_last_word_to_the_answer_and_not_while_they_speak_or_think():
    quick = call((0, 2000), (9000, 12_000), words=[(6000, 8400)])
    assert longest_silence_ms(quick) == 600
    assert silences(quick)[-1] == Silence(8400, 600, "turn")
    unanswered = call((0, 2000), words=[(6000, 8000), (11_000, 12_000)])
    assert [(silence.at_ms, silence.length_ms) for silence in silences(unanswered)] == [(8000, 3000), (12_000, 8000)]


def test_an_answer_that_covers_the_last_word_is_one():
    assert longest_silence_ms(call((0, 2000), (7500, 12_000), words=[(6000, 8000)])) == 0


@pytest.mark.parametrize(
    ("sounds", "silence_ms"),
    [
        (((0, 5040), (5100, 8000)), 60),
        (((0, 5040), (8000, 9000)), 2960),
        (((0, 5100), (5160, 5400), (9000, 9500)), 3600),
        (((0, 7000), (19_000, 20_000)), 0),
    ],
    ids=["the next prompt comes at once", "it comes late", "a pause between words", "the key is ignored"],
)
def test_a_key_into_a_prompt(sounds, silence_ms):
    assert longest_silence_ms(call(*sounds, keys=[5000])) == pytest.approx(silence_ms, abs=20)


def test_several_keys_are_one_turn():
    dialling = call((0, 1000), (6000, 9000), keys=[4000, 4240, 4480])
    assert longest_silence_ms(dialling) == 6000 - 4480


def test_queued_audio_after_a_failure_is_no_answer():
    failure = CallNote(5000, "rung.climbed", {"rung": "retry"})
    assert longest_silence_ms(call((0, 6400), (9900, 12_000)), [failure]) == 3500
    assert longest_silence_ms(call((0, 6400), (9900, 12_000))) == 0, "without the note nobody knows that they wait"
    assert longest_silence_ms(call((0, 6400), (6900, 12_000)), [failure]) == 500


@pytest.mark.parametrize(
    ("fields", "waits_too"),
    [
        ({"by": "agent", "close_code": 1011}, True),
        ({"by": "agent", "close_code": 1000}, False),
        ({"by": "bridge", "close_code": 1006}, False),
    ],
)
def test_which_end_of_a_conversation_is_a_failure(fields, waits_too):
    found = waits(call((0, 500)), [CallNote(5000, "agent.closed", fields)])
    assert [wait.why for wait in found] == ["start", "failure"][: 1 + waits_too]


def test_a_filler_answers_nothing():
    late = call((0, 2000), (5500, 6500), (11_000, 13_000), words=[(3000, 4000)])
    filler = CallNote(5490, "filler.played", {"why": "turn"})
    assert longest_silence_ms(late) == 1500
    late_answer = CallNote(10_900, "agent.said", {"pii.text": "No."})
    assert longest_silence_ms(late, [filler, late_answer]) == 4500
    answer = CallNote(6000, "agent.said", {"pii.text": "Yes."})
    assert longest_silence_ms(late, [filler, answer]) == 1500, "what ended at 6500 was the answer's end"


def test_a_prompt_that_asks_for_patience_is_a_filler():
    late = call((0, 2000), (4500, 5500), (10_000, 12_000), words=[(3000, 4000)])
    notes = [CallNote(4490, "prompt.played", {"prompt": "connecting"}), CallNote(10_000, "agent.said", {})]
    assert longest_silence_ms(late, notes) == 4500
    assert longest_silence_ms(late, [CallNote(4490, "prompt.played", {"prompt": "menu"})]) == 500
