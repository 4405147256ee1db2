"""Cut audio into what a message may carry: whole frames of bytes, or pieces of base64 text that need no decoding."""

_BASE64_CHARS, _BASE64_BYTES = 4, 3
_MULAW_BYTES_PER_MS = 8
_LONGEST_PIECE_CHARS = 2136
"""200 ms: 1600 bytes with their padding, the chunk that agents often send."""


class Framer:
    """Whole frames out of chunks of any length; the remainder waits for the next chunk.

    Args:
        frame_bytes: bytes of one frame, `AudioFormat.frame_bytes`; above 0.
    """

    __slots__ = ("_remainder", "frame_bytes")

    def __init__(self, frame_bytes: int) -> None:
        if frame_bytes <= 0:
            raise ValueError(f"a frame has at least one byte, not {frame_bytes}")
        self.frame_bytes = frame_bytes
        self._remainder = b""

    @property
    def waiting_bytes(self) -> int:
        """Bytes held back so far; always less than a frame."""
        return len(self._remainder)

    def push(self, audio: bytes) -> bytes:
        """All frames that are now whole, end to end; `b""` when none is."""
        joined = self._remainder + audio if self._remainder else audio
        whole_bytes = len(joined) - len(joined) % self.frame_bytes
        self._remainder = joined[whole_bytes:]
        return joined[:whole_bytes]

    def flush(self, pad: int) -> bytes:
        """The remainder filled up to one frame, or `b""` when there is none.

        Args:
            pad: the byte to fill up with, 0-255: `AudioFormat.silence_byte`.
        """
        remainder, self._remainder = self._remainder, b""
        return remainder.ljust(self.frame_bytes, bytes([pad])) if remainder else b""

    def reset(self) -> None:
        """Drop the remainder: what follows does not continue it."""
        self._remainder = b""


def cut_base64(payload: str, whole_chars: int = 640) -> list[str]:
    """Cut base64 mu-law text into messages of at most 200 ms without decoding it.

    A cut after a multiple of four characters lies between two bytes, so each piece is base64 of its own and the bytes
    of all pieces, in order, are those of the text.

    Args:
        payload: base64 of `ulaw_8000` audio, any length.
        whole_chars: each piece but the last has a multiple of so many characters; a multiple of 4. 640 are 480 bytes,
            three frames, 60 ms; so pieces have 1920 characters, 180 ms.

    Returns:
        The pieces; the last one as it comes, up to 200 ms with the padding (Twilio plays any length in order). `[]` for
        no text.

    Raises:
        ValueError: `whole_chars` is no positive multiple of 4: a bug of ours.
    """
    if whole_chars <= 0 or whole_chars % _BASE64_CHARS:
        raise ValueError(f"base64 is cut at multiples of {_BASE64_CHARS} characters, not {whole_chars}")
    if len(payload) <= _LONGEST_PIECE_CHARS:
        return [payload] if payload else []
    piece_chars = max(1, _LONGEST_PIECE_CHARS // whole_chars) * whole_chars
    cuts = range(0, len(payload) - _LONGEST_PIECE_CHARS + piece_chars, piece_chars)
    return [payload[start : start + piece_chars] for start in cuts[:-1]] + [payload[cuts[-1] :]]


def base64_bytes(payload: str) -> int:
    """How many bytes a base64 text stands for, reckoned from its length; text without its padding counts too."""
    return (len(payload) - payload.count("=", -2)) * _BASE64_BYTES // _BASE64_CHARS


def base64_ms(payload: str) -> float:
    """How long base64 mu-law text plays, in ms: 160 bytes are 20 ms."""
    return base64_bytes(payload) / _MULAW_BYTES_PER_MS
