import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_bridge.elevenlabs.conversation.events import Alignment
from ivr_bridge.elevenlabs.speech_stream.events import SpeechAudio, SpeechEnded, SpeechFaulted, SpeechUnknown
from ivr_bridge.elevenlabs.speech_stream.protocol import MAX_CONTEXTS, SpeechProtocol
from ivr_bridge.errors import LocalProtocolError


def begun(*contexts: str) -> SpeechProtocol:
    protocol = SpeechProtocol(multi=bool(contexts))
    for context_id in contexts or ("",):
        protocol.begin(context_id)
    return protocol


def read(protocol: SpeechProtocol, **message: Any) -> list[Any]:
    return list(protocol.receive_text(json.dumps(message)))


def test_one_text_from_its_first_message_to_its_last():
    protocol = SpeechProtocol()
    first = protocol.begin(voice_settings={"speed": 1.1}, chunk_length_schedule=(50, 120))
    assert json.loads(first) == {
        "text": " ",
        "voice_settings": {"speed": 1.1},
        "generation_config": {"chunk_length_schedule": [50, 120]},
    }
    assert json.loads(protocol.say("Hello")) == {"text": "Hello "}
    assert json.loads(protocol.say("there. ", flush=True)) == {"text": "there. ", "flush": True}
    assert json.loads(protocol.keep_alive()) == {"text": " "}
    assert json.loads(protocol.end()) == {"text": ""}
    assert protocol.contexts == ("",)
    assert read(protocol, audio="AAAA", isFinal=None) == [SpeechAudio("", "AAAA")]
    assert read(protocol, audio=None, isFinal=True) == [SpeechEnded("")]
    assert protocol.contexts == ()


def test_several_texts_on_one_socket():
    protocol = begun("a", "b")
    assert json.loads(protocol.say("Hi", "a")) == {"text": "Hi ", "context_id": "a"}
    assert json.loads(protocol.keep_alive("b")) == {"text": "", "context_id": "b"}
    assert json.loads(protocol.end("a")) == {"close_context": True, "context_id": "a"}
    assert read(protocol, audio="AAAA", contextId="b") == [SpeechAudio("b", "AAAA")]
    assert read(protocol, is_final=True, contextId="a") == [SpeechEnded("a")]
    assert protocol.contexts == ("b",)
    assert json.loads(protocol.close_socket()) == {"close_socket": True}
    with pytest.raises(LocalProtocolError):
        protocol.say("too late", "b")


def test_a_sixth_text_is_not_begun():
    protocol = begun(*"abcde")
    assert len(protocol.contexts) == MAX_CONTEXTS
    with pytest.raises(LocalProtocolError, match="5 texts"):
        protocol.begin("f")
    read(protocol, isFinal=True, contextId="c")
    protocol.begin("f")


@pytest.mark.parametrize("durations", ["charDurationsMs", "charsDurationsMs"])
def test_both_spellings_of_an_alignment(durations: str):
    alignment = {"chars": ["H", "i"], "charStartTimesMs": [0, 40], durations: [40, 60]}
    (heard,) = read(begun(), audio="AAAA", alignment=alignment)
    assert heard.alignment == Alignment(("H", "i"), (0, 40), (40, 60))


@pytest.mark.parametrize(
    "alignment", [None, {}, {"chars": ["H"], "charStartTimesMs": [], "charDurationsMs": [1]}, {"chars": "H"}, [1]]
)
def test_an_alignment_that_does_not_fit_is_left_out(alignment: object):
    assert read(begun(), audio="AAAA", alignment=alignment) == [SpeechAudio("", "AAAA")]


def test_an_error():
    said = read(begun(), message="idle", error="input_timeout_exceeded", code=1008)
    assert said == [SpeechFaulted(1008, "input_timeout_exceeded", "idle")]


@pytest.mark.parametrize(
    ("text", "kind"),
    [("{", "not_json"), ("[]", "not_an_object"), ('{"audio":"*"}', "audio malformed"), ('{"b":1,"a":2}', "a,b")],
)
def test_what_is_not_understood_is_counted(text: str, kind: str):
    protocol = begun()
    assert protocol.receive_text(text) == [SpeechUnknown(kind)]
    assert protocol.unknown_messages == 1


def test_what_the_state_does_not_allow():
    fresh = SpeechProtocol()
    for act in (lambda: fresh.say("x"), fresh.end, fresh.keep_alive, fresh.close_socket, lambda: fresh.begin("a")):
        with pytest.raises(LocalProtocolError):
            act()
    with pytest.raises(LocalProtocolError):
        SpeechProtocol(multi=True).begin()
    ended = begun()
    with pytest.raises(LocalProtocolError):
        ended.begin()
    ended.end()
    with pytest.raises(LocalProtocolError):
        ended.say("x")


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_an_empty_text_would_end_the_stream(text: str):
    with pytest.raises(ValueError, match="nothing to say"):
        begun().say(text)


def test_a_schedule_that_the_vendor_refuses():
    with pytest.raises(ValueError, match="between 50 and 500"):
        SpeechProtocol().begin(chunk_length_schedule=(49,))


@given(
    st.dictionaries(
        st.sampled_from(["audio", "isFinal", "contextId", "error", "alignment", "x"]), st.text() | st.none()
    )
)
def test_anything_gives_an_event(message: dict[str, object]):
    assert begun("a").receive_text(json.dumps(message))
