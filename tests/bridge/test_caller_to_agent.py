"""The caller's voice on its way to the agent: untouched, transcoded, kept for a while, counted."""

from base64 import b64decode, b64encode

import pytest

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.caller_to_agent import KEPT_BEFORE_CONNECT, LISTEN_EVERY, SPEECH_FRAMES, CallerToAgent
from ivr_bridge.twilio.stream_events import CallerAudio
from tests.support.legs import FakeAgent, silence_b64

PCM = AudioFormat("pcm", 16000)


class Direction:
    def __init__(self) -> None:
        self.account = CallAccount(0.0)
        self.spoken = 0
        self.made = CallerToAgent(self.account, self._spoke)

    def _spoke(self) -> None:
        self.spoken += 1

    def hears(self, payload: str, *, gap_ms: float = 0.0) -> None:
        self.made.audio(CallerAudio(payload, 0, gap_ms))


def numbered(n: int) -> str:
    return b64encode(n.to_bytes(2, "big") * 80).decode()


def test_matching_formats_are_carried_over_untouched() -> None:
    direction, agent = Direction(), FakeAgent()
    assert direction.made.connect(agent) == "ulaw_8000 -> ulaw_8000 (untouched)"
    payloads = [silence_b64(20), silence_b64(7.5, 0x31), "/w=="]
    for payload in payloads:
        direction.hears(payload)
    assert agent.audio == payloads
    assert (direction.account.frames_in, direction.account.bytes_in) == (3, 160 + 60 + 1)


def test_other_formats_are_transcoded_frame_by_frame() -> None:
    direction, agent = Direction(), FakeAgent(input_=PCM)
    assert direction.made.connect(agent) == "ulaw_8000 -> pcm_8000 -> pcm_16000"
    for _ in range(5):
        direction.hears(silence_b64(20))
    assert [len(b64decode(payload)) for payload in agent.audio] == [640] * 5
    assert set(b"".join(map(b64decode, agent.audio))) == {0}


def test_what_was_said_before_the_agent_came_is_kept_in_order() -> None:
    direction, agent = Direction(), FakeAgent()
    frames = [numbered(n) for n in range(30)]
    for frame in frames[:20]:
        direction.hears(frame)
    direction.made.connect(agent)
    for frame in frames[20:]:
        direction.hears(frame)
    assert agent.audio == frames
    assert direction.account.frames_dropped == 0


def test_only_the_last_two_seconds_are_kept_and_the_rest_is_counted() -> None:
    direction, agent = Direction(), FakeAgent()
    frames = [numbered(n) for n in range(KEPT_BEFORE_CONNECT + 37)]
    for frame in frames:
        direction.hears(frame)
    direction.made.connect(agent)
    assert agent.audio == frames[37:]
    assert direction.account.frames_dropped == 37
    assert direction.account.frames_in == KEPT_BEFORE_CONNECT + 37


@pytest.mark.parametrize("connected", [True, False], ids=["connected", "not yet connected"])
def test_a_gap_becomes_silence_and_is_counted(connected: bool) -> None:
    direction, agent = Direction(), FakeAgent()
    if connected:
        direction.made.connect(agent)
    direction.hears(numbered(1))
    direction.hears(numbered(2), gap_ms=60.0)
    if not connected:
        direction.made.connect(agent)
    assert agent.audio == [numbered(1), silence_b64(60), numbered(2)]
    assert (direction.account.gaps, direction.account.gap_ms) == (1, 60.0)


def test_an_agent_that_reads_too_slowly_loses_frames_and_nobody_waits() -> None:
    direction, agent = Direction(), FakeAgent()
    direction.made.connect(agent)
    agent.slow = True
    for _ in range(4):
        direction.hears(silence_b64(20))
    agent.slow = False
    direction.hears(numbered(1))
    assert agent.audio == [numbered(1)]
    assert direction.account.frames_dropped == 4


def test_some_frames_of_sound_are_speech_and_single_ones_are_not() -> None:
    direction = Direction()
    loud, soft = silence_b64(20, 0x10), silence_b64(20)
    for _ in range(LISTEN_EVERY * (SPEECH_FRAMES - 1)):
        direction.hears(loud)
    for _ in range(LISTEN_EVERY):
        direction.hears(soft)
    for _ in range(LISTEN_EVERY * (SPEECH_FRAMES - 1)):
        direction.hears(loud)
    assert direction.spoken == 0
    for _ in range(LISTEN_EVERY):
        direction.hears(loud)
    assert direction.spoken == 1


def test_when_the_agent_is_gone_nothing_more_is_sent_or_missed() -> None:
    direction, agent = Direction(), FakeAgent()
    direction.made.connect(agent)
    direction.hears(numbered(1))
    direction.made.disconnect()
    for _ in range(LISTEN_EVERY * SPEECH_FRAMES * 2):
        direction.hears(silence_b64(20, 0x10))
    assert agent.audio == [numbered(1)]
    assert direction.spoken > 0, "a menu of keys wants to know it all the same"
    assert direction.account.frames_dropped == 0
    assert direction.account.frames_in == 1 + LISTEN_EVERY * SPEECH_FRAMES * 2
