import base64
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_bridge.errors import LocalProtocolError, RemoteProtocolError
from ivr_bridge.twilio import stream_protocol
from ivr_bridge.twilio.stream_events import (
    CallerAudio,
    DtmfPressed,
    MarkReached,
    StreamClosed,
    StreamConnected,
    StreamStarted,
    StreamStopped,
    UnknownStreamMessage,
)
from ivr_bridge.twilio.stream_protocol import ARROWS, MediaStream, StreamState

SID = "MZ" + "0" * 32
FRAME = base64.b64encode(b"\x7e" * 160).decode()


def text(event, **rest):
    return json.dumps({"event": event, **rest})


def start(**changes):
    inner = {
        "accountSid": "AC1",
        "streamSid": SID,
        "callSid": "CA1",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": "t-1"},
    } | changes
    inner = {name: value for name, value in inner.items() if value is not ...}
    return text("start", sequenceNumber="1", streamSid=SID, start=inner)


def media(payload=FRAME, **changes):
    inner = {"track": "inbound", "chunk": "1", "timestamp": "5", "payload": payload} | changes
    inner = {name: value for name, value in inner.items() if value is not ...}
    return text("media", sequenceNumber="2", streamSid=SID, media=inner)


MESSAGES = {
    "connected": text("connected", protocol="Call", version="1.0.0"),
    "start": start(),
    "media": media(),
    "dtmf": text("dtmf", streamSid=SID, dtmf={"track": "inbound_track", "digit": "5"}),
    "mark": text("mark", streamSid=SID, mark={"name": "u1.s1"}),
    "stop": text("stop", streamSid=SID, stop={"accountSid": "AC1", "callSid": "CA1"}),
    "unknown": text("weather", streamSid=SID),
}
WAYS = {
    StreamState.CONNECTING: [],
    StreamState.CONNECTED: ["connected"],
    StreamState.STARTED: ["connected", "start"],
    StreamState.STOPPED: ["connected", "start", "stop"],
    StreamState.CLOSED: ["connected", "start", "close"],
    StreamState.FAILED: ["connected", "connected"],
}
STEPS = [*MESSAGES, "close"]


def push(stream, step):
    return stream.receive_close(1000) if step == "close" else stream.receive_text(MESSAGES[step])


def stream_in(state):
    stream = MediaStream()
    for step in WAYS[state]:
        try:
            push(stream, step)
        except RemoteProtocolError:
            assert state is StreamState.FAILED
    assert stream.state is state
    return stream


@pytest.fixture
def stream():
    return stream_in(StreamState.STARTED)


class TestStates:
    @pytest.mark.parametrize(("state", "step"), list(itertools.product(StreamState, STEPS)))
    def test_each_arrow_and_each_missing_arrow(self, state, step):
        stream = stream_in(state)
        following = ARROWS[state].get(step)
        if following is not None:
            push(stream, step)
            assert stream.state is following
        elif state in (StreamState.CLOSED, StreamState.FAILED):
            with pytest.raises(LocalProtocolError):
                push(stream, step)
            assert stream.state is state
        else:
            with pytest.raises(RemoteProtocolError):
                push(stream, step)
            assert stream.state is StreamState.FAILED

    def test_the_essay_draws_the_table(self):
        drawn = {line.strip() for line in stream_protocol.__doc__.splitlines() if "--" in line}
        table = {f"{a.value} --{step}--> {b.value}" for a, row in ARROWS.items() for step, b in row.items()}
        assert drawn == table

    @pytest.mark.parametrize("state", list(StreamState))
    def test_sending_is_allowed_after_start_only(self, state):
        stream = stream_in(state)
        assert stream.can_send is (state is StreamState.STARTED)
        for send in (lambda: stream.media(FRAME), lambda: stream.mark("m"), stream.clear):
            if stream.can_send:
                assert send()
            else:
                with pytest.raises(LocalProtocolError):
                    send()

    def test_what_a_socket_sees_makes_it_fail(self, stream):
        assert isinstance(stream.fault("a binary message"), RemoteProtocolError)
        assert stream.state is StreamState.FAILED


class TestReading:
    def test_connected(self):
        assert MediaStream().receive_text(MESSAGES["connected"]) == [StreamConnected()]

    def test_start(self, stream):
        assert stream.started == StreamStarted(SID, "CA1", "AC1", "audio/x-mulaw", 8000, 1, {"token": "t-1"})
        assert stream.started.token == "t-1"

    def test_media_is_passed_on_untouched(self, stream):
        assert stream.receive_text(media()) == [CallerAudio(FRAME, 5, 0.0)]
        assert (stream.frames_in, stream.bytes_in) == (1, 160)

    def test_dtmf_mark_stop(self, stream):
        assert stream.receive_text(MESSAGES["dtmf"]) == [DtmfPressed("5")]
        assert stream.receive_text(MESSAGES["mark"]) == [MarkReached("u1.s1")]
        assert stream.receive_text(MESSAGES["stop"]) == [StreamStopped()]

    @pytest.mark.parametrize("kind", ["weather", "error", "closed", "", "x" * 500])
    def test_unknown_kinds_are_counted_and_cut(self, stream, kind):
        assert stream.receive_text(text(kind)) == [UnknownStreamMessage(kind[:60])]
        assert stream.unknown == 1

    def test_pitfall_transfer_hung_up_stop_is_not_the_end(self, stream):
        stream.receive_text(MESSAGES["stop"])
        assert stream.state is StreamState.STOPPED
        assert stream.receive_text(MESSAGES["mark"]) == [MarkReached("u1.s1")]
        assert stream.receive_text(MESSAGES["media"]) == []
        assert stream.receive_text(MESSAGES["dtmf"]) == []
        assert stream.late == 2
        assert stream.receive_close(1000) == [StreamClosed(1000)]

    @pytest.mark.parametrize("n_bytes", [1, 2, 3, 80, 159, 160, 161, 320, 1000, 8000])
    def test_any_payload_length(self, stream, n_bytes):
        payload = base64.b64encode(bytes(n_bytes)).decode()
        assert stream.receive_text(media(payload)) == [CallerAudio(payload, 5, 0.0)]
        assert stream.bytes_in == n_bytes

    @pytest.mark.parametrize(
        "payload", [..., None, "", 5, [], "AAA", "A===", "AA=A", "=AAA", 'AA"A', "AAÄA", "A A=", "AA-_"]
    )
    def test_a_payload_that_is_no_base64(self, stream, payload):
        with pytest.raises(RemoteProtocolError):
            stream.receive_text(media(payload))
        assert stream.state is StreamState.FAILED

    def test_escaped_slashes_are_read(self, stream):
        payload = "//8/"
        assert stream.receive_text(media(payload).replace("//8/", r"\/\/8\/")) == [CallerAudio(payload, 5, 0.0)]

    def test_audio_of_another_track_is_not_the_callers(self, stream):
        assert stream.receive_text(media(track="outbound")) == [UnknownStreamMessage("media of another track")]
        assert stream.receive_text(media(track=["odd"])) == [UnknownStreamMessage("media of another track")]
        assert stream.frames_in == 0
        assert stream.receive_text(media(track="inbound_track"))[0].payload == FRAME

    @pytest.mark.parametrize("step", ["media", "dtmf", "mark", "stop"])
    def test_a_message_of_another_stream(self, stream, step):
        with pytest.raises(RemoteProtocolError):
            stream.receive_text(MESSAGES[step].replace(SID, "MZother"))

    def test_optional_fields_may_be_missing(self, stream):
        assert stream.receive_text(text("media", media={"payload": FRAME})) == [CallerAudio(FRAME, 0, 0.0)]
        assert stream.receive_text(text("media", media={"payload": FRAME})) == [CallerAudio(FRAME, 20, 0.0)]
        assert stream.receive_text(text("mark", mark={"name": "m"})) == [MarkReached("m")]
        assert stream.receive_text(text("stop")) == [StreamStopped()]

    @pytest.mark.parametrize(
        "message",
        [
            "", "{", "null", "[]", "5", '"media"', "{}", '{"event":5}', '{"event":null}', '{"event":["media"]}',
            '{"event":"media"}', '{"event":"media","media":null}', '{"event":"media","media":[]}',
            '{"event":"dtmf"}', '{"event":"dtmf","dtmf":{"digit":""}}', '{"event":"dtmf","dtmf":{"digit":"12"}}',
            '{"event":"dtmf","dtmf":{"digit":5}}', '{"event":"dtmf","dtmf":{"digit":"x"}}', '{"event":"mark"}',
            '{"event":"mark","mark":{"name":""}}', '{"event":"mark","mark":"m"}', "[" * 5000, "\x00", '{"a":NaN}',
        ],
    )  # fmt: skip
    def test_garbage(self, stream, message):
        with pytest.raises(RemoteProtocolError):
            stream.receive_text(message)
        assert stream.state is StreamState.FAILED

    def test_a_huge_message(self, stream):
        with pytest.raises(RemoteProtocolError):
            stream.receive_text(media("AAAA" * 20_000))

    @given(st.text(max_size=60) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
    def test_any_text_gives_events_or_a_protocol_error(self, message):
        stream = stream_in(StreamState.STARTED)
        try:
            assert isinstance(stream.receive_text(message), list)
        except RemoteProtocolError:
            assert stream.state is StreamState.FAILED

    @given(
        kind=st.sampled_from(sorted(stream_protocol.MESSAGE_KINDS)),
        inner=st.none()
        | st.integers()
        | st.dictionaries(
            st.sampled_from(
                [
                    "payload",
                    "timestamp",
                    "chunk",
                    "track",
                    "name",
                    "digit",
                    "callSid",
                    "mediaFormat",
                    "customParameters",
                ]
            ),
            st.none() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.integers(), max_size=2),
        ),
    )
    def test_any_shape_of_a_known_message(self, kind, inner):
        for state in (StreamState.CONNECTED, StreamState.STARTED, StreamState.STOPPED):
            stream = stream_in(state)
            try:
                stream.receive_text(json.dumps({"event": kind, kind: inner}))
            except RemoteProtocolError:
                assert stream.state is StreamState.FAILED


class TestStart:
    @pytest.mark.parametrize(
        "changes",
        [
            {"mediaFormat": {"encoding": "audio/l16", "sampleRate": 8000, "channels": 1}},
            {"mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 16000, "channels": 1}},
            {"mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 2}},
            {"mediaFormat": {"encoding": "audio/x-mulaw"}},
            {"mediaFormat": ...},
            {"mediaFormat": None},
            {"callSid": ...},
            {"callSid": ""},
            {"callSid": 5},
            {"accountSid": ...},
            {"streamSid": "MZother"},
            {"streamSid": None},
        ],
    )
    def test_refused(self, changes):
        stream = stream_in(StreamState.CONNECTED)
        with pytest.raises(RemoteProtocolError):
            stream.receive_text(start(**changes))
        assert stream.state is StreamState.FAILED
        assert stream.started is None

    def test_pitfall_static_audio_in_another_format_is_refused_at_the_start(self):
        with pytest.raises(RemoteProtocolError, match="8000"):
            MediaStream().receive_text(
                start(mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": 16000, "channels": 1})
            )

    @pytest.mark.parametrize(
        ("given_parameters", "kept"), [(..., {}), (None, {}), ([], {}), ({"a": "b", "n": 5}, {"a": "b"})]
    )
    def test_custom_parameters_are_optional(self, given_parameters, kept):
        stream = MediaStream()
        [started] = stream.receive_text(start(customParameters=given_parameters, tracks=...))
        assert started.custom_parameters == kept

    def test_numbers_as_text_are_numbers(self):
        [started] = MediaStream().receive_text(
            start(mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": "8000", "channels": "1"})
        )
        assert started.sample_rate_hz == 8000

    def test_stream_sid_in_either_place(self):
        outer = json.loads(start(streamSid=...))
        assert MediaStream().receive_text(json.dumps(outer))[0].stream_sid == SID
        inner = json.loads(start())
        del inner["streamSid"]
        assert MediaStream().receive_text(json.dumps(inner))[0].stream_sid == SID


class TestTime:
    def feed(self, stream, *timestamps, payload=FRAME):
        got = []
        for chunk, at in enumerate(timestamps, stream.frames_in + 1):
            got += stream.receive_text(media(payload, chunk=str(chunk), timestamp=str(at)))
        return [event.gap_ms for event in got]

    def test_timestamps_need_not_be_multiples_of_20(self, stream):
        assert self.feed(stream, 5, 25, 45, 65) == [0, 0, 0, 0]

    def test_the_first_frame_has_no_gap(self, stream):
        assert self.feed(stream, 4000, 4020) == [0, 0]

    def test_a_gap_is_told_and_counted(self, stream):
        assert self.feed(stream, 5, 25, 145, 165) == [0, 0, 100, 0]
        assert (stream.gaps, stream.gap_ms) == (1, 100)

    def test_jitter_is_no_gap_and_does_not_add_up(self, stream):
        assert self.feed(stream, 0, 39, 40, 79, 80, 81, 120) == [0] * 7
        assert stream.gaps == 0

    def test_small_losses_add_up(self, stream):
        short = base64.b64encode(bytes(80)).decode()
        assert self.feed(stream, 0, 20, 40, 60, 70, payload=short) == [0, 0, 20, 0, 0]

    def test_a_long_gap_is_bounded(self, stream):
        assert self.feed(stream, 0, 60_000, 60_020) == [0, 2000, 0]
        assert stream.gap_ms == 2000

    def test_a_clock_that_falls_back_is_set_anew(self, stream):
        assert self.feed(stream, 1000, 1020, 0, 20, 140) == [0, 0, 0, 0, 100]

    def test_duplicates_and_disorder_are_counted_and_move_nothing(self, stream):
        chunks = [("1", "0"), ("2", "20"), ("2", "20"), ("1", "0"), ("3", "40")]
        got = [stream.receive_text(media(chunk=chunk, timestamp=at))[0] for chunk, at in chunks]
        assert [event.gap_ms for event in got] == [0, 0, 0, 0, 0]
        assert all(event.payload == FRAME for event in got)
        assert (stream.disordered, stream.frames_in, stream.gaps) == (2, 5, 0)

    @pytest.mark.parametrize("odd", [..., None, "", "soon", "1" * 5000, 1e400, -1e300, [], "9" * 30])
    def test_numbers_that_are_none_are_done_without(self, stream, odd):
        stream.receive_text(media(chunk="1", timestamp="0"))
        [event] = stream.receive_text(media(chunk=odd, timestamp=odd).replace("Infinity", "0"))
        assert event.payload == FRAME
        assert event.gap_ms == 0


class TestWriting:
    def test_exactly_twilios_keys(self, stream):
        assert json.loads(stream.media(FRAME)) == {"event": "media", "streamSid": SID, "media": {"payload": FRAME}}
        assert json.loads(stream.mark("u3.s7")) == {"event": "mark", "streamSid": SID, "mark": {"name": "u3.s7"}}
        assert json.loads(stream.clear()) == {"event": "clear", "streamSid": SID}

    def test_names_are_escaped(self, stream):
        assert json.loads(stream.mark('a "b" \\ ñ'))["mark"]["name"] == 'a "b" \\ ñ'

    @pytest.mark.parametrize("payload", ["", "AAA", 'AA"}', "AA==AA==", "ÄÄÄÄ", "AAAA\n", "A==="])
    def test_pitfall_31951_what_is_not_base64_is_not_sent(self, stream, payload):
        with pytest.raises(LocalProtocolError):
            stream.media(payload)

    def test_a_mark_needs_a_name(self, stream):
        with pytest.raises(LocalProtocolError):
            stream.mark("")

    def test_pitfall_31951_nothing_is_sent_before_the_stream_has_its_sid(self):
        with pytest.raises(LocalProtocolError, match="CONNECTED"):
            stream_in(StreamState.CONNECTED).media(FRAME)
