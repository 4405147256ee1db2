"""A reply on its way to the caller: its pieces, its clock, and what of it has been heard. Pure."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from ivr_bridge.simulator.service.mouth import Speech
from ivr_bridge.simulator.service.wire_audio import WireFormat

_ODD_SIZES = (333, 1, 161, 801, 77, 1279)


@dataclass(slots=True)
class Utterance:
    """One reply: `event_id` stands on its text and on all its audio.

    `started_at` is when its first audio was sent (s, monotonic), None before; `sent_all` when nothing is left.
    """

    event_id: int
    speech: Speech
    started_at: float | None = None
    sent_all: bool = False

    def is_audible(self, now: float) -> bool:
        """Whether the caller, who plays at once, is still hearing it."""
        if self.started_at is None:
            return False
        return not self.sent_all or now < self.started_at + self.speech.duration_ms / 1000

    def heard_text(self, now: float) -> str:
        """The words begun by `now`, and "..." where it was cut; characters where there are no spaces."""
        heard_ms = 0.0 if self.started_at is None else (now - self.started_at) * 1000
        count = sum(start < heard_ms for start in self.speech.char_start_ms)
        if count >= len(self.speech.text):
            return self.speech.text
        begun = self.speech.text[:count]
        cut = begun.rpartition(" ")[0] if " " in self.speech.text else begun
        return f"{cut}..." if cut else "..."


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a reply for one `audio` message: base64 text, its length, and when its characters begin in it."""

    audio_base_64: str
    duration_ms: float
    alignment: dict[str, Any]


def pieces(speech: Speech, wire: WireFormat, piece_ms: int, *, odd: bool = False) -> Iterator[Piece]:
    """Cut a reply for the wire.

    Args:
        speech: the reply at the format's rate.
        wire: how it is encoded.
        piece_ms: length of each piece but the last.
        odd: cut at odd byte sizes instead.

    Yields:
        Pieces in order, which joined give the whole reply.
    """
    encoded = wire.encode(speech.pcm16)
    sizes = cycle(_ODD_SIZES if odd else (int(piece_ms * wire.bytes_per_ms) & ~1,))
    start = 0
    while start < len(encoded):
        part = encoded[start : start + next(sizes)]
        from_ms, to_ms = start / wire.bytes_per_ms, (start + len(part)) / wire.bytes_per_ms
        yield Piece(base64.b64encode(part).decode(), to_ms - from_ms, _alignment(speech, from_ms, to_ms))
        start += len(part)


def _alignment(speech: Speech, from_ms: float, to_ms: float) -> dict[str, Any]:
    """The characters that begin in a stretch, with starts counted from it."""
    starts = speech.char_start_ms
    inside = [index for index, start in enumerate(starts) if from_ms <= start < to_ms]
    ends = [starts[index + 1] if index + 1 < len(starts) else speech.duration_ms for index in inside]
    return {
        "chars": [speech.text[index] for index in inside],
        "char_start_times_ms": [round(starts[index] - from_ms) for index in inside],
        "char_durations_ms": [round(end - starts[index]) for index, end in zip(inside, ends, strict=True)],
    }
