"""The agent's voice, and our prompts, on their way to the caller.

The ledger says what is written and when: at once what has room in Twilio's buffer, the rest as the clock goes on. Audio
of the telephone's own format is cut as text and never decoded.
"""

import asyncio
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from typing import Protocol

from ivr_bridge.audio.formats import MULAW_SILENCE, AudioFormat
from ivr_bridge.audio.framer import Framer, base64_bytes, cut_base64
from ivr_bridge.audio.transcoder import Transcoder
from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.caller_to_agent import TELEPHONE
from ivr_bridge.bridge.legs import CallerLeg
from ivr_bridge.bridge.playout import Interruption, Playout, Reply
from ivr_bridge.elevenlabs.conversation.events import AgentAudio
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

MULAW_BYTES_PER_MS = 8
FRAME_BYTES = 160
EVENT_IDS_OF_ONE_AGENT = 1_000_000
MARK_GRACE_S = 2.0
"""A mark may come this much later than the playback clock expects it; after that we stop waiting."""


class HeardTap(Protocol):
    """Listens to what the caller hears. What it does must not wait, and must not raise."""

    def sent(self, payload: str, starts_at: float) -> None:
        """Base64 mu-law that is heard from `starts_at` on, monotonic seconds, unless it is cleared before."""
        ...

    def cleared(self, now: float) -> None:
        """What was not played by now never will be."""
        ...


class AgentToCaller:
    """The other direction of a call. It writes in the moment something is entered, and at each `tick`; no task."""

    __slots__ = (
        "_account", "_caller", "_chain", "_clock", "_event_id", "_filling", "_first_event_id", "_format",
        "_format_known", "_framed_for", "_framer", "_half_sample", "_log", "_mark_due", "_marked", "_prompts_played",
        "_reply_id", "_turn_began", "_whole_until", "playout", "taps",
    )  # fmt: skip

    def __init__(self, caller: CallerLeg, account: CallAccount, clock: Callable[[], float], log: Log) -> None:
        self._caller = caller
        self._account = account
        self._clock = clock
        self._log = log
        self._chain: Transcoder | None = None
        self._format = TELEPHONE
        self._format_known = False
        self._framer = Framer(FRAME_BYTES)
        self._framed_for: Reply | None = None
        self._half_sample = b""
        self._event_id: int | None = None
        self._reply_id = 0
        self._turn_began = True
        self._mark_due = False
        self._marked: asyncio.Event | None = None
        """Made by the first who waits until all is played."""
        self._prompts_played = 0
        self._first_event_id = 0
        self._filling = False
        self._whole_until = 0.0
        """Until then nothing is dropped: half a number is worse than none."""
        self.playout = Playout()
        self.taps: tuple[HeardTap, ...] = ()
        """Who listens to what the caller hears; mostly nobody."""

    def connect(self, output_format: AudioFormat) -> str:
        """Build the chain from what the agent speaks; returns it as text. Raises AudioFormatError.

        Of a second agent, too: its `event_id`s begin anew and are told apart from the first one's.
        """
        chain = Transcoder(output_format, TELEPHONE)
        self._finish_framing()
        self._half_sample = b""
        if self._format_known:
            self._first_event_id += EVENT_IDS_OF_ONE_AGENT
        self._format_known = True
        self._event_id = None
        self._turn_began = True
        self._chain = None if chain.is_passthrough else chain
        self._format = output_format
        return str(chain)

    def length_ms(self, event: AgentAudio) -> float:
        """How long a piece of the agent's audio plays."""
        return self._format.duration_ms(base64_bytes(event.payload))

    def _write(self) -> None:
        """What the ledger gives, as far as Twilio reads."""
        caller, playout, now = self._caller, self.playout, self._clock()
        while not caller.full and (payload := playout.take(now)) is not None:
            self._send(payload)
        if caller.full:
            return
        mark = playout.mark() if self._mark_due else playout.mark_due(now)
        if mark is not None:
            self._mark_due = False
            caller.send_mark(mark)

    def _send(self, payload: str) -> None:
        account = self._account
        if account.first_sent_at is None:
            account.first_sent_at = self._clock()
            since_start_ms = (account.first_sent_at - (account.started_at or account.first_sent_at)) * 1000
            self._log.emit(events.GREETING_PLAYED, mode=account.greeting, ms_since_start=since_start_ms)
        account.frames_out += 1
        account.bytes_out += base64_bytes(payload)
        self._caller.send_media(payload)
        for tap in self.taps:
            tap.sent(payload, self.playout.ends_at - base64_bytes(payload) / MULAW_BYTES_PER_MS / 1000)

    def _clear(self) -> None:
        self._caller.send_clear()
        self._mark_due = False
        self._wake()
        for tap in self.taps:
            tap.cleared(self._clock())

    def agent_audio(self, event: AgentAudio) -> bool:
        """Enter a piece of the agent's audio.

        Returns:
            False when too much is waiting already: the agent floods.
        """
        if self._filling:
            self.stop_filler()
        if event.event_id != self._event_id:
            self._next_id(event.event_id)
        self._turn_began = False
        reply = self.playout.reply(self._reply_id)
        if event.alignment is not None:
            offset_ms = reply.sent_ms + reply.queued_ms
            reply.text.align(event.alignment.chars, event.alignment.start_ms, offset_ms)
        if self._chain is None:
            return self._enter(reply, event.payload)
        self._framed_for = reply
        mulaw = self._framer.push(self._chain.process(self._whole_samples(event.payload)))
        return not mulaw or self._enter(reply, b2a_base64(mulaw, newline=False).decode("ascii"))

    def turn_began(self) -> None:
        """The agent responded, understood the caller or called a tool: another id now means another reply."""
        self._turn_began = True

    def name_reply(self, text: str) -> None:
        """The words of the reply that the last audio belongs to."""
        self.playout.reply(self._reply_id).text.text = text

    def _next_id(self, event_id: int) -> None:
        """Enter a new `event_id`: of another reply, or, where the vendor counts pieces of audio, of the same one."""
        self._event_id = event_id
        if self._turn_began:
            self._finish_framing()
            self._half_sample = b""
            self._reply_id = self._first_event_id + event_id

    def _whole_samples(self, payload: str) -> bytes:
        """A piece's audio; half a sample at its end waits for the next piece, also while playback has run dry.

        The chain keeps it too, but is as new after every flush: all that follows would be noise.
        """
        audio = self._half_sample + a2b_base64(payload)
        whole_bytes = len(audio) - len(audio) % self._format.sample_bytes
        self._half_sample = audio[whole_bytes:]
        return audio[:whole_bytes]

    def _enter(self, reply: Reply, payload: str) -> bool:
        now = self._clock()
        for piece in cut_base64(payload):
            if not self.playout.add(reply, piece, base64_bytes(piece) / MULAW_BYTES_PER_MS, now):
                return False
        self._write()
        return True

    def reply_completed(self, event_id: int) -> None:
        """No more audio of this reply comes: what the filters still hold is its last part."""
        self._half_sample = b""
        if (reply := self.find(event_id)) is not None:
            reply.text.whole = True
            if self._framed_for is reply:
                self._finish_framing()

    def _finish_framing(self) -> None:
        reply, self._framed_for = self._framed_for, None
        if reply is None or self._chain is None:
            return
        rest = self._framer.push(self._chain.flush()) + self._framer.flush(MULAW_SILENCE)
        if rest:
            self._enter(reply, b2a_base64(rest, newline=False).decode("ascii"))

    def find(self, event_id: int) -> Reply | None:
        """A reply of the present agent that has not been settled yet."""
        return self.playout.find(self._first_event_id + event_id)

    def play(self, prompt: Prompt) -> None:
        """Queue a prompt of ours behind whatever is playing."""
        self.stop_filler()
        self._play(prompt)

    def _play(self, prompt: Prompt) -> None:
        self._finish_framing()
        self._prompts_played += 1
        reply = self.playout.reply(-self._prompts_played)
        reply.text.text, reply.text.whole = prompt.text, True
        self._enter(reply, prompt.payload)

    def play_keys(self, tones: Prompt) -> None:
        """Queue the tones of keys behind whatever is playing; nobody interrupts them."""
        self.play(tones)
        now = self._clock()
        self._whole_until = now + self.playout.remaining_ms(now) / 1000

    def play_filler(self, prompt: Prompt) -> None:
        """Play something while the caller waits: whatever comes next stops it at once."""
        self._play(prompt)
        self._filling = True

    def stop_filler(self) -> None:
        """Not a sample more of it is played."""
        if self._filling:
            self._filling = False
            if self.playout.interrupt(self._clock()) is not None:
                self._clear()

    def playing(self, now: float) -> bool:
        """Whether the caller hears, or is about to hear, anything at all."""
        return self.playout.playing(now)

    def speaking(self, now: float) -> bool:
        """Whether the caller hears, or is about to hear, anything but a filler."""
        return not self._filling and self.playout.playing(now)

    def interrupt(self) -> Interruption | None:
        """Drop all that was not heard; None when nothing was outstanding. The `clear` goes out at once."""
        self.stop_filler()
        if self._clock() < self._whole_until:
            return None
        self._framed_for, self._half_sample = None, b""
        self._turn_began = True
        self._framer.reset()
        if self._chain is not None:
            self._chain.reset()
        interruption = self.playout.interrupt(self._clock())
        if interruption is None:
            return None
        self._clear()
        self._log.emit(
            events.REPLY_PLAYED,
            event_id=_agents(interruption.event_id),
            heard_ms=interruption.heard_ms,
            sent_ms=interruption.sent_ms,
            whole=False,
        )
        return interruption

    def mark_reached(self, name: str) -> None:
        """Enter a mark that Twilio sent back."""
        if self.playout.mark_reached(name) and not self._mark_due and not self.playout.marks_outstanding():
            self._wake()

    def _wake(self) -> None:
        if self._marked is not None:
            self._marked.set()

    def tick(self, now: float) -> None:
        """A few times a second: settle what was played, and write what has room now."""
        if not self.playout.playing(now):
            self._filling = False
            if self._framed_for is not None:
                self._finish_framing()
        for reply in self.playout.settle(now):
            self._log.emit(
                events.REPLY_PLAYED,
                event_id=_agents(reply.event_id),
                heard_ms=reply.sent_ms,
                sent_ms=reply.sent_ms,
                whole=True,
            )
        self._write()

    async def played_out(self) -> None:
        """Wait until the caller has heard all that is queued: a mark behind it, bounded by its length + 2 s."""
        self._finish_framing()
        marked = self._marked = self._marked or asyncio.Event()
        while (remaining_ms := self.playout.remaining_ms(self._clock())) > 0:
            marked.clear()
            self._mark_due = not self.playout.queued_ms
            self._write()
            wait_s = remaining_ms / 1000 + MARK_GRACE_S if self._mark_due else 0.1
            try:
                async with asyncio.timeout(wait_s):
                    await marked.wait()
            except TimeoutError:
                continue
            if not self.playout.queued_ms:
                return

    def account_for(self) -> None:
        """Add the ledger's totals to the account; once, when the stream is over."""
        self._account.marks_played += self.playout.marks_played
        self._account.marks_discarded += self.playout.marks_discarded
        self._account.played_ms += self.playout.played_ms(self._clock())


def _agents(event_id: int) -> int:
    """As the agent counts; prompts of ours are below zero."""
    return event_id % EVENT_IDS_OF_ONE_AGENT if event_id > 0 else event_id
