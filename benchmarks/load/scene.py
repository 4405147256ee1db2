"""All calls of a run and all agents, joined by what they hear of each other; what they saw is reckoned at the end."""

from binascii import b2a_base64
from collections.abc import Callable, Iterator
from functools import cache

from benchmarks.load import tagged_frames, tone_words
from benchmarks.load.agent import Agent
from benchmarks.load.phone import WORD_FRAMES, PhoneCall
from benchmarks.load.script import CHUNK_FRAMES, FRAME_S, PASSTHROUGH, Script
from benchmarks.load.tally import Direction, Window, percentile


class Scene:
    """What both ends share in one run; `port` is the bridge's."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.port = 0
        self.window = Window()
        self.up = Direction()
        self.down = Direction()
        self.calls: dict[int, PhoneCall] = {}
        self.agents: dict[int, Agent] = {}
        self.on_agent: Callable[[Agent], None] = lambda _agent: None
        """Told of each conversation when it is opened."""
        self._agents_opened = 0
        passthrough = script.audio_format == PASSTHROUGH
        first_words = (
            tagged_frames.frame(tagged_frames.GREETING, 0, 0) if passthrough else tone_words.PCM_FRAMES[tone_words.LOUD]
        )
        self.greeting_chunk = b2a_base64(first_words * CHUNK_FRAMES, newline=False)
        self.word_chunk = cache(_word_chunk)

    def open_agent(self, write: Callable[[bytes], None]) -> Agent:
        """A conversation was opened."""
        self._agents_opened += 1
        agent = self.agents[self._agents_opened] = Agent(self, write, self._agents_opened)
        self.on_agent(agent)
        return agent

    def forget(self, agent: Agent) -> None:
        """A conversation was closed by the bridge; it says nothing more."""
        agent.end()
        self.agents.pop(agent.number, None)

    def pair(self, call: int, agent: Agent) -> None:
        """The agent has heard the voice of this call."""
        if call in self.calls and self.calls[call].agent is None:
            self.calls[call].agent = agent

    def result(self) -> dict[str, object]:
        """What was seen of the window; call it once, when all is quiet again."""
        for call in self.calls.values():
            self._reckon(call)
        self.up.corrupt = sum(call.agent.corrupt for call in self.calls.values() if call.agent is not None)
        self.down.corrupt = sum(call.corrupt for call in self.calls.values())
        first_words_ms = [call.first_word_ms for call in self.calls.values() if call.first_word_ms is not None]
        webhooks_ms = [call.webhook_ms for call in self.calls.values()]
        return {
            "up": self.up.result(),
            "down": self.down.result(),
            "first_word_ms": {"p50": percentile(first_words_ms, 0.5), "p95": percentile(first_words_ms, 0.95)},
            "webhook_ms": {"p50": percentile(webhooks_ms, 0.5), "p99": percentile(webhooks_ms, 0.99)},
            "calls_up": len(self.calls),
            "calls_without_agent": sum(call.agent is None for call in self.calls.values()),
            "calls_without_first_word": len(self.calls) - len(first_words_ms),
            "calls_lost": sum(call.lost_at is not None for call in self.calls.values()),
        }

    def _reckon(self, call: PhoneCall) -> None:
        agent = call.agent
        heard_up = agent.heard if agent is not None else {}
        if self.script.audio_format == PASSTHROUGH:
            self._enter(self.up, enumerate(call.sent_at), heard_up, 1)
            chunks = agent.chunk_sent_at if agent is not None else []
            frames = ((c * CHUNK_FRAMES + i, at) for c, at in enumerate(chunks) for i in range(CHUNK_FRAMES))
            self._enter(self.down, frames, call.heard, CHUNK_FRAMES)
            return
        words = ((n // WORD_FRAMES & 1023, at) for n, at in enumerate(call.sent_at) if n % WORD_FRAMES == 0)
        self._enter_words(self.up, words, heard_up, WORD_FRAMES, agent.heard_in_window_s if agent is not None else 0.0)
        chunks = agent.chunk_sent_at if agent is not None else []
        spoken = ((c & 511, at) for c, at in enumerate(chunks))
        self._enter_words(self.down, spoken, call.heard, CHUNK_FRAMES, call.heard_in_window_s)

    def _enter(
        self, direction: Direction, sent: Iterator[tuple[int, float]], heard: dict[int, float], every: int
    ) -> None:
        """Frames by number: each is there or lost; the latency of every `every`th counts, a chunk's first."""
        for number, at in sent:
            if not self.window.holds(at):
                continue
            direction.sent += 1
            came_at = heard.get(number)
            if came_at is None:
                direction.lost += 1
            elif number % every == 0:
                direction.latencies_ms.append((came_at - at) * 1000)

    def _enter_words(
        self,
        direction: Direction,
        sent: Iterator[tuple[int, float]],
        heard: dict[int, float],
        frames: int,
        heard_in_window_s: float,
    ) -> None:
        """Words by counter: their latency. What is lost between two words was counted as they came.

        Where so much is lost that no word could be read, the length of what came tells how much.
        """
        frames_sent = words_read = 0
        for counter, at in sent:
            if not self.window.holds(at):
                continue
            frames_sent += frames
            came_at = heard.get(counter)
            if came_at is not None and came_at >= at:
                words_read += 1
                direction.latencies_ms.append((came_at - at) * 1000)
        direction.sent += frames_sent
        if not words_read:
            direction.lost += max(0, frames_sent - round(heard_in_window_s / FRAME_S))


def _word_chunk(chunk: int) -> bytes:
    levels = tone_words.levels(chunk & 511, tone_words.DOWN_BITS)
    return b2a_base64(b"".join(tone_words.PCM_FRAMES[level] for level in levels), newline=False)
