"""The ledger of what the caller has heard: queued here, sent to Twilio, played, discarded.           pure

Nothing sent is taken as heard until its time has come: Twilio plays in order, so the playback clock is
`play_end = max(now, play_end) + length` for each piece sent. Marks that come back confirm it; marks that come back
because of a `clear` prove nothing and are told apart by their generation. At most `LEAD_MS` are ahead inside Twilio,
the rest waits here, so that an interruption throws away little and we know what was thrown away.
"""

from dataclasses import dataclass, field

from ivr_bridge.bridge.heard_text import HeardText

LEAD_MS = 1500.0
QUEUE_LIMIT_MS = 180_000.0
MARK_EVERY_MS = 1000.0
SETTLED_MS = 150.0
"""After this long without new audio the end of a segment gets its mark."""


@dataclass(slots=True, eq=False)
class Reply:
    """One utterance to the caller, and how far it has come.

    `event_id` is the agent's (prompts of ours have negative ones). `sent_ms` went to Twilio, `confirmed_ms` came back
    by a played mark, `ends_at` is when the last piece sent will have been played.
    """

    event_id: int
    text: HeardText = field(default_factory=HeardText)
    queued_ms: float = 0.0
    sent_ms: float = 0.0
    confirmed_ms: float = 0.0
    ends_at: float = 0.0

    def heard_ms(self, now: float) -> float:
        """How much of it the caller has heard."""
        by_clock = self.sent_ms - max(0.0, (self.ends_at - now) * 1000)
        return max(self.confirmed_ms, min(self.sent_ms, max(0.0, by_clock)))


@dataclass(slots=True, frozen=True)
class Interruption:
    """What a `clear` threw away, and what was heard before it."""

    event_id: int
    heard_ms: float
    sent_ms: float
    dropped_ms: float
    """Never sent, or sent and cleared."""
    heard: str
    said: str = ""
    """The whole reply, as far as its text is known."""


@dataclass(slots=True, frozen=True)
class _Piece:
    payload: str
    length_ms: float
    reply: Reply


class Playout:
    """The ledger of one stream. Every method takes the monotonic `now` in seconds."""

    __slots__ = (
        "_added_at", "_ends_at", "_generation", "_last_sent", "_marks", "_queue", "_replies", "_sequence",
        "_unmarked_ms", "cleared_ms", "marks_discarded", "marks_played", "queued_ms", "sent_ms",
    )  # fmt: skip

    def __init__(self) -> None:
        # Lists, since both are short, and a deque takes 700 bytes when it is empty, as it is most of the time.
        self._queue: list[_Piece] = []
        self._replies: list[Reply] = []
        self._marks: dict[str, tuple[Reply, float]] = {}
        self._generation = 0
        self._sequence = 0
        self._ends_at = 0.0
        self._added_at = 0.0
        self._unmarked_ms = 0.0
        self._last_sent: Reply | None = None
        self.queued_ms = 0.0
        self.sent_ms = 0.0
        self.cleared_ms = 0.0
        """Sent, and thrown away by a `clear` before it was played."""
        self.marks_played = 0
        self.marks_discarded = 0

    def reply(self, event_id: int) -> Reply:
        """The reply that new audio of `event_id` belongs to; made when it is new."""
        if self._replies and self._replies[-1].event_id == event_id:
            return self._replies[-1]
        reply = Reply(event_id)
        self._replies.append(reply)
        return reply

    def find(self, event_id: int) -> Reply | None:
        """A reply that has not been settled yet."""
        return next((reply for reply in self._replies if reply.event_id == event_id), None)

    def add(self, reply: Reply, payload: str, length_ms: float, now: float) -> bool:
        """Queue one piece of base64 mu-law.

        Returns:
            False when more than `QUEUE_LIMIT_MS` are waiting: the piece is not taken, the agent floods.
        """
        if self.queued_ms + length_ms > QUEUE_LIMIT_MS:
            return False
        self._queue.append(_Piece(payload, length_ms, reply))
        self.queued_ms += length_ms
        reply.queued_ms += length_ms
        self._added_at = now
        return True

    def take(self, now: float) -> str | None:
        """The next payload to send now; None when nothing waits, or it would be more than `LEAD_MS` ahead."""
        if not self._queue:
            return None
        ahead_ms = self._ahead_ms(now)
        if ahead_ms > 0 and ahead_ms + self._queue[0].length_ms > LEAD_MS:
            return None
        piece = self._queue.pop(0)
        reply = self._last_sent = piece.reply
        self._ends_at = max(now, self._ends_at) + piece.length_ms / 1000
        self.queued_ms = self.queued_ms - piece.length_ms if self._queue else 0.0
        self.sent_ms += piece.length_ms
        self._unmarked_ms += piece.length_ms
        reply.queued_ms -= piece.length_ms
        reply.sent_ms += piece.length_ms
        reply.ends_at = self._ends_at
        return piece.payload

    def mark_due(self, now: float) -> str | None:
        """The name of a mark to send now: every second of audio, and at the end of a segment."""
        if not self._unmarked_ms:
            return None
        settled = not self._queue and (now - self._added_at) * 1000 >= SETTLED_MS
        if self._unmarked_ms < MARK_EVERY_MS and not settled:
            return None
        return self.mark()

    def mark(self) -> str:
        """Enter a mark behind all that was sent; the name is `g<generation>.<sequence>`, both zero-padded."""
        self._sequence += 1
        name = f"g{self._generation:04}.{self._sequence:06}"
        if self._last_sent is not None:
            self._marks[name] = (self._last_sent, self._last_sent.sent_ms)
        self._unmarked_ms = 0.0
        return name

    def mark_reached(self, name: str) -> bool:
        """Enter a mark that came back.

        Returns:
            True when it proves that all before it was played; False when it came back because of a `clear`, or is
            not ours.
        """
        entry = self._marks.pop(name, None)
        if entry is None:
            self.marks_discarded += 1
            return False
        reply, sent_ms = entry
        reply.confirmed_ms = max(reply.confirmed_ms, sent_ms)
        self.marks_played += 1
        return True

    def playing(self, now: float) -> bool:
        """Whether the caller is hearing something, or is about to."""
        return bool(self._queue) or self._ends_at > now

    def remaining_ms(self, now: float) -> float:
        """Until all that is queued and sent has been played."""
        return self.queued_ms + self._ahead_ms(now)

    def played_ms(self, now: float) -> float:
        """How much the caller has heard in all."""
        return self.sent_ms - self.cleared_ms - self._ahead_ms(now)

    @property
    def ends_at(self) -> float:
        """When all that was sent will have been played."""
        return self._ends_at

    def _ahead_ms(self, now: float) -> float:
        return max(0.0, (self._ends_at - now) * 1000)

    def marks_outstanding(self) -> int:
        """Marks sent in this generation that have not come back."""
        return len(self._marks)

    def settle(self, now: float) -> list[Reply]:
        """Replies that have been played to their end, oldest first; they leave the ledger."""
        settled: list[Reply] = []
        while self._replies:
            reply = self._replies[0]
            is_last = len(self._replies) == 1
            quiet = (now - max(reply.ends_at, self._added_at)) * 1000 >= SETTLED_MS
            if reply.queued_ms > 0 or reply.ends_at > now or (is_last and not quiet):
                break
            settled.append(self._replies.pop(0))
        return settled

    def interrupt(self, now: float) -> Interruption | None:
        """Drop everything that has not been heard; the caller's leg must be sent a `clear`.

        Returns:
            What was heard of the reply that was interrupted; None when nothing was outstanding (then no `clear`
            is needed).
        """
        if not self.playing(now):
            return None
        interrupted = next((r for r in self._replies if r.ends_at > now or r.queued_ms > 0), None)
        dropped_ms = self.remaining_ms(now)
        self.cleared_ms += self._ahead_ms(now)
        self.marks_discarded_by_clear()
        self._queue.clear()
        self.queued_ms = 0.0
        self._unmarked_ms = 0.0
        self._last_sent = None
        self._ends_at = now
        self._replies.clear()
        if interrupted is None:
            return Interruption(0, 0.0, 0.0, dropped_ms, "")
        heard_ms = interrupted.heard_ms(now)
        total_ms = interrupted.sent_ms + interrupted.queued_ms
        heard = interrupted.text.cut(heard_ms, total_ms)
        said = interrupted.text.text
        return Interruption(interrupted.event_id, heard_ms, interrupted.sent_ms, dropped_ms, heard, said)

    def marks_discarded_by_clear(self) -> None:
        """Start a new generation: marks of the old one will come back and prove nothing."""
        self._generation += 1
        self._marks.clear()
