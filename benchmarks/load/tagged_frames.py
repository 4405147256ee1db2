"""Mu-law frames that carry their call and number in their bytes, so that latency and loss are exact.

A frame is 160 bytes, 20 ms: an 18 byte tag in ASCII (`#~`, the kind, four digits of the call, ten of the number, `!`),
then a filler that never changes. A bridge that passes mu-law through hands these bytes on however it cuts them; one
that decodes them spoils the tag, which is seen as corruption or loss.
"""

from binascii import b2a_base64
from typing import NamedTuple

FRAME_BYTES = 160
TAG_BYTES = 18
UP, DOWN, GREETING = b"U", b"D", b"G"
"""The caller's frames, the agent's replies, and the agent's first words, which a bridge may replace by its own."""

_MARK = b"#~"
_END = b"!"
_FILLER = bytes(0xA0 + i % 40 for i in range(FRAME_BYTES - TAG_BYTES))
_FILLER_TEXT = b2a_base64(_FILLER, newline=False)


class Tag(NamedTuple):
    """What one frame says of itself."""

    kind: bytes
    call: int
    number: int


def frame(kind: bytes, call: int, number: int) -> bytes:
    """The 160 bytes of a frame: `call` below 10,000, `number` below 10 to the tenth."""
    return _tag(kind, call, number) + _FILLER


def payload(kind: bytes, call: int, number: int) -> bytes:
    """The same in base64, 216 characters; the tag is a multiple of three bytes, so the filler's text is made once."""
    return b2a_base64(_tag(kind, call, number), newline=False) + _FILLER_TEXT


def _tag(kind: bytes, call: int, number: int) -> bytes:
    return b"%s%s%04d%010d%s" % (_MARK, kind, call, number, _END)


class TagReader:
    """Finds the frames in a stream of bytes that may have been cut anywhere."""

    __slots__ = ("_rest", "corrupt", "other_bytes")

    def __init__(self) -> None:
        self._rest = b""
        self.corrupt = 0
        """Frames with a tag of ours and another filler."""
        self.other_bytes = 0
        """Bytes between frames: prompts, silence, whatever the bridge played of its own."""

    def feed(self, audio: bytes) -> list[Tag]:
        """The frames that are complete now, in order; the start of one is kept for the next call."""
        data = self._rest + audio if self._rest else audio
        tags: list[Tag] = []
        at = 0
        while True:
            start = data.find(_MARK, at)
            if start < 0:
                keep = 1 if data.endswith(_MARK[:1]) and len(data) > at else 0
                self.other_bytes += len(data) - at - keep
                self._rest = data[len(data) - keep :] if keep else b""
                return tags
            self.other_bytes += start - at
            end = start + FRAME_BYTES
            if end > len(data):
                self._rest = data[start:]
                return tags
            digits = data[start + 3 : start + 17]
            if data[start + 17 : start + TAG_BYTES] != _END or not digits.isdigit():
                self.other_bytes += len(_MARK)
                at = start + len(_MARK)
                continue
            if data[start + TAG_BYTES : end] == _FILLER:
                tags.append(Tag(data[start + 2 : start + 3], int(digits[:4]), int(digits[4:])))
                at = end
            else:
                self.corrupt += 1
                at = start + TAG_BYTES
