"""The agent's voice on its way to the caller: over a fake phone and on virtual time."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.audio.g711 import mulaw_decode
from ivr_bridge.audio.levels import rms_dbov
from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.agent_to_caller import MARK_GRACE_S, AgentToCaller
from ivr_bridge.bridge.playout import LEAD_MS
from ivr_bridge.elevenlabs.conversation.events import AgentAudio, Alignment
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.stream_events import MarkReached
from tests.support.call_scene import prompt
from tests.support.legs import FakeCaller, silence_b64
from tests.support.virtual_time import run_virtual

ULAW = AudioFormat("ulaw", 8000)
PCM = AudioFormat("pcm", 16000)


class Scene:
    def __init__(self, output: AudioFormat, *, echo_marks: bool) -> None:
        self.caller = FakeCaller(echo_marks=echo_marks)
        self.account = CallAccount(0.0, started_at=self.now)
        self.made = AgentToCaller(self.caller, self.account, asyncio.get_running_loop().time, Log())
        self.chain = self.made.connect(output)

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def agent(self, length_ms: float, event_id: int = 1) -> None:
        assert self.made.agent_audio(AgentAudio(silence_b64(length_ms, 0x20), event_id))

    def sent(self, kind: str) -> list[str]:
        return [what for _, sent, what in self.caller.sent if sent == kind]

    async def hears_marks(self) -> None:
        while True:
            for event in await self.caller.receive():
                if isinstance(event, MarkReached):
                    self.made.mark_reached(event.name)

    async def ticks(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            self.made.tick(self.now)


Story = Callable[[Scene], Awaitable[None]]


def play(story: Story, output: AudioFormat = ULAW, *, echo_marks: bool = True) -> list[Any]:
    async def whole() -> None:
        scene = Scene(output, echo_marks=echo_marks)
        tasks = [asyncio.ensure_future(work) for work in (scene.hears_marks(), scene.ticks())]
        await story(scene)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)

    with capture_logs() as logs:
        run_virtual(whole())
    return logs


def test_audio_of_the_phones_own_format_is_cut_as_text() -> None:
    async def story(scene: Scene) -> None:
        assert scene.chain == "ulaw_8000 -> ulaw_8000 (untouched)"
        payload = b64encode(bytes(n * 7 % 256 for n in range(4321))).decode()
        assert scene.made.agent_audio(AgentAudio(payload, 1))
        await asyncio.sleep(0.1)
        assert "".join(scene.sent("media")) == payload
        assert all(len(b64decode(piece)) <= 1600 for piece in scene.sent("media"))
        assert (scene.account.bytes_out, scene.account.frames_out) == (4321, len(scene.sent("media")))

    play(story)


@pytest.mark.parametrize("output", [ULAW, PCM, AudioFormat("pcm", 48000)], ids=str)
def test_the_length_of_a_piece_is_reckoned_in_the_agents_own_format(output: AudioFormat) -> None:
    async def story(scene: Scene) -> None:
        piece = AgentAudio(b64encode(bytes(output.bytes_per_s // 4)).decode(), 1)
        assert scene.made.length_ms(piece) == 250.0

    play(story, output)


def test_at_most_the_lead_is_ahead_of_the_caller() -> None:
    async def story(scene: Scene) -> None:
        began_at = scene.now
        for _ in range(50):
            scene.agent(200)
        for _ in range(40):
            await asyncio.sleep(0.2)
            sent_ms = sum(len(b64decode(payload)) for payload in scene.sent("media")) / 8
            heard_ms = (scene.now - began_at) * 1000
            assert heard_ms < sent_ms <= heard_ms + LEAD_MS

    play(story)


def test_the_first_words_are_logged_once_with_their_time() -> None:
    async def story(scene: Scene) -> None:
        scene.account.greeting = "cached"
        await asyncio.sleep(0.05)
        scene.agent(400)
        scene.agent(400, event_id=2)
        await asyncio.sleep(1)
        assert scene.account.first_sent_at == pytest.approx(scene.account.started_at + 0.05)

    logs = [line for line in play(story) if line["event"] == "greeting.played"]
    assert [(line["mode"], line["ms_since_start"]) for line in logs] == [("cached", 50.0)]


def test_the_end_of_a_pcm_reply_is_flushed_when_it_is_complete_or_when_nothing_follows() -> None:
    async def story(scene: Scene) -> None:
        assert scene.chain == "pcm_16000 -> pcm_8000 -> ulaw_8000"
        for event_id, length in ((1, 1001), (2, 3333)):
            scene.made.turn_began()
            scene.made.agent_audio(AgentAudio(b64encode(bytes(length)).decode(), event_id))
        scene.made.reply_completed(2)
        scene.made.reply_completed(99)
        scene.made.turn_began()
        scene.made.agent_audio(AgentAudio(b64encode(bytes(320 * 2 + 100)).decode(), 3))
        await asyncio.sleep(2)
        frames = [len(b64decode(payload)) for payload in scene.sent("media")]
        assert sum(frames) % 160 == 0
        assert sum(frames) == 160 * (2 + 6 + 2)

    play(story, PCM)


def test_a_vendor_that_counts_pieces_and_not_replies_loses_no_half_sample_and_gets_no_holes() -> None:
    tone = bytes(byte for n in range(8000) for byte in ((n * 97) % 65536).to_bytes(2, "little"))

    def heard(ids: list[int]) -> str:
        sent: list[str] = []

        async def story(scene: Scene) -> None:
            for number, event_id in enumerate(ids):
                piece = tone[number * 1601 : (number + 1) * 1601]
                assert scene.made.agent_audio(AgentAudio(b64encode(piece).decode(), event_id))
            scene.made.reply_completed(ids[-1])
            await asyncio.sleep(2)
            sent.append("".join(b64decode(payload).hex() for payload in scene.sent("media")))

        logs = play(story, PCM)
        assert len([line for line in logs if line["event"] == "reply.played"]) == 1
        return sent[0]

    one_id, many_ids = heard([1] * 10), heard(list(range(1, 11)))
    assert one_id == many_ids


def test_an_interruption_clears_before_anything_new_is_played() -> None:
    async def story(scene: Scene) -> None:
        scene.agent(1400)
        await asyncio.sleep(0.5)
        interruption = scene.made.interrupt()
        assert interruption is not None
        assert interruption.heard_ms == pytest.approx(500)
        scene.agent(600, event_id=2)
        await asyncio.sleep(2)
        kinds = scene.caller.kinds()
        assert kinds.count("clear") == 1
        assert "media" in kinds[kinds.index("clear") :]
        assert scene.caller.heard_ms() == pytest.approx(500 + 600)
        scene.made.account_for()
        assert scene.account.played_ms == pytest.approx(500 + 600)
        assert scene.account.marks_discarded == 1

    replies = [line for line in play(story) if line["event"] == "reply.played"]
    assert [(line["event_id"], line["heard_ms"], line["whole"]) for line in replies] == [
        (1, pytest.approx(500), False),
        (2, pytest.approx(600), True),
    ]


def test_with_nothing_outstanding_an_interruption_sends_nothing() -> None:
    async def story(scene: Scene) -> None:
        assert scene.made.interrupt() is None
        scene.agent(100)
        await asyncio.sleep(1)
        assert scene.made.interrupt() is None
        assert scene.sent("clear") == []

    play(story)


def test_what_was_played_never_counts_what_was_only_queued_or_sent() -> None:
    async def story(scene: Scene) -> None:
        for _ in range(50):
            scene.agent(200)
        await asyncio.sleep(2)
        scene.made.interrupt()
        await asyncio.sleep(1)
        for _ in range(10):
            scene.agent(100, event_id=2)
        await asyncio.sleep(0.3)
        scene.made.account_for()
        assert scene.account.played_ms == pytest.approx(2300)

    play(story)


def test_the_words_heard_follow_the_alignment_across_pieces() -> None:
    async def story(scene: Scene) -> None:
        for text in ("good ", "morn", "ing sir"):
            alignment = Alignment(tuple(text), tuple(n * 40 for n in range(len(text))), (40,) * len(text))
            scene.made.agent_audio(AgentAudio(silence_b64(len(text) * 40), 1, alignment))
        await asyncio.sleep(0.55)
        interruption = scene.made.interrupt()
        assert interruption is not None
        assert interruption.heard == "good morning"

    play(story)


def test_played_out_returns_when_the_last_mark_comes_back() -> None:
    async def story(scene: Scene) -> None:
        for _ in range(15):
            scene.agent(200)
        began_at = scene.now
        await scene.made.played_out()
        assert scene.now - began_at == pytest.approx(3.0, abs=0.05)
        await scene.made.played_out()
        assert scene.now - began_at == pytest.approx(3.0, abs=0.05)

    play(story)


def test_played_out_is_not_over_with_a_mark_of_what_was_before() -> None:
    async def story(scene: Scene) -> None:
        scene.agent(1000)
        await asyncio.sleep(0.05)
        scene.agent(300)
        await asyncio.sleep(0.05)
        waiting = asyncio.ensure_future(scene.made.played_out())
        asyncio.get_running_loop().call_soon(scene.made.mark_reached, scene.sent("mark")[0])
        await asyncio.sleep(0.05)
        assert not waiting.done()
        scene.made.mark_reached(scene.sent("mark")[1])
        await asyncio.sleep(0.01)
        assert waiting.done()

    play(story, echo_marks=False)


def test_played_out_is_bounded_when_no_mark_comes_back() -> None:
    async def story(scene: Scene) -> None:
        scene.agent(1000)
        began_at = scene.now
        await scene.made.played_out()
        assert 1.0 <= scene.now - began_at <= 1.0 + MARK_GRACE_S + 0.1

    play(story, echo_marks=False)


def test_played_out_ends_with_an_interruption() -> None:
    async def story(scene: Scene) -> None:
        scene.agent(1400)
        waiting = asyncio.ensure_future(scene.made.played_out())
        await asyncio.sleep(0.4)
        scene.made.interrupt()
        await asyncio.sleep(0.01)
        assert waiting.done()

    play(story)


def test_a_prompt_is_played_behind_what_is_playing() -> None:
    async def story(scene: Scene) -> None:
        scene.made.agent_audio(AgentAudio(b64encode(bytes(3333)).decode(), 1))
        scene.made.play(Prompt("sorry", "en", "Sorry.", b"\x31" * 1600))
        scene.made.play(Prompt("sorry", "en", "Sorry.", b"\x32" * 160))
        await asyncio.sleep(1)
        audio = b"".join(map(b64decode, scene.sent("media")))
        assert audio.endswith(b"\x31" * 1600 + b"\x32" * 160)
        assert len(audio) == 160 * (6 + 10 + 1)

    play(story, PCM)


def test_a_flood_is_refused() -> None:
    async def story(scene: Scene) -> None:
        taken = [scene.made.agent_audio(AgentAudio(silence_b64(20_000), 1)) for _ in range(12)]
        assert taken == [True] * 9 + [False] * 3

    play(story)


def test_the_accounts_of_two_streams_add_up() -> None:
    async def story(scene: Scene) -> None:
        scene.account.marks_played, scene.account.played_ms = 5, 1000.0
        scene.agent(500)
        await asyncio.sleep(2)
        scene.made.account_for()
        assert (scene.account.marks_played, scene.account.played_ms) == (6, 1500.0)

    play(story)


def test_half_a_sample_is_kept_while_playback_runs_dry() -> None:
    """Else every later sample is put together of two halves: noise at full scale."""
    quiet = b"\x10\x00" * 3200

    async def story(scene: Scene) -> None:
        for audio in (quiet[:3201], quiet[3201:]):
            assert scene.made.agent_audio(AgentAudio(b64encode(audio).decode(), 1))
            await asyncio.sleep(2)
        heard = mulaw_decode(b"".join(b64decode(payload) for payload in scene.sent("media")))
        assert len(heard) >= 3200
        assert rms_dbov(heard) < -60

    play(story, PCM)


class Tap:
    """Notes what the caller hears."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, float]] = []

    def sent(self, payload: str, starts_at: float) -> None:
        self.noted.append((payload[:4], round(starts_at, 3)))

    def cleared(self, now: float) -> None:
        self.noted.append(("clear", round(now, 3)))


def test_a_tap_is_told_what_is_heard_when_and_what_is_not() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        line = AgentToCaller(FakeCaller(), CallAccount(loop.time()), loop.time, Log())
        tap = Tap()
        line.play(prompt("a", 400))
        line.taps = (tap,)
        line.play(prompt("b", 400))
        assert tap.noted, "the second prompt is heard behind the first"
        assert tap.noted[0][1] == round(loop.time() + 0.4, 3)
        await asyncio.sleep(0.5)
        line.interrupt()
        assert tap.noted[-1] == ("clear", round(loop.time(), 3))
        line.taps = ()
        line.play_filler(prompt("c", 400))
        line.stop_filler()
        assert tap.noted[-1][0] == "clear"
        assert len([kind for kind, _ in tap.noted if kind == "clear"]) == 1

    run_virtual(story())
