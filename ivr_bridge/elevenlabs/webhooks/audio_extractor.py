"""The audio in a webhook's body, taken out while the body is read: no length of it is ever in memory.          pure

`{"type": "post_call_audio", "data": {"conversation_id": ..., "full_audio": "BASE64"}}` comes apart into the same JSON
with `"full_audio": ""`, and the bytes that the base64 text stands for. Only strings and brackets are told apart here;
whether the rest is JSON is for whoever reads it.
"""

import binascii
import re
from enum import Enum, auto

import orjson

MAX_DEPTH = 500
MAX_KEY_BYTES = 64
AUDIO_PLACE = (b"data", b"full_audio")

_STRUCTURE = re.compile(rb'["{}\[\],:]')
_STRING_END = re.compile(rb'["\\]')


class _Mode(Enum):
    """What the bytes that are read now belong to."""

    STRUCTURE = auto()
    KEY = auto()
    TEXT = auto()
    AUDIO = auto()


class AudioExtractor:
    """Takes a body in pieces of any length; `finish` after the last one.

    After an error it reads nothing more.
    """

    __slots__ = ("_escape", "_found", "_key", "_key_is_next", "_mode", "_places", "_text")

    def __init__(self) -> None:
        self._mode = _Mode.STRUCTURE
        self._places: list[bytes | None] = []
        """Of each open object its newest key; of each open array None."""
        self._key_is_next = False
        self._key = bytearray()
        self._escape = b""
        """What has come of an escape, from its backslash on."""
        self._text = _Base64()
        self._found = False

    def feed(self, piece: bytes) -> tuple[bytes, bytes]:
        """Read the next bytes.

        Returns:
            What belongs to the document, and what belongs to the audio (decoded); either may be empty.

        Raises:
            ValueError: the audio is no base64, comes twice, or brackets are deeper than `MAX_DEPTH`.
        """
        document, audio = bytearray(), bytearray()
        at = 0
        while at < len(piece):
            if self._mode is _Mode.STRUCTURE:
                at = self._structure(piece, at, document)
            elif self._mode is _Mode.AUDIO:
                at = self._audio(piece, at, document, audio)
            else:
                at = self._string(piece, at, document)
        return bytes(document), bytes(audio)

    def finish(self) -> bytes:
        """The last bytes of the audio.

        Raises:
            ValueError: the body ended in the middle of a string or an object, or the audio in the middle of a byte.
        """
        if self._mode is not _Mode.STRUCTURE or self._places:
            raise ValueError("the body breaks off")
        return self._text.finish()

    def _structure(self, piece: bytes, at: int, document: bytearray) -> int:
        found = _STRUCTURE.search(piece, at)
        if found is None:
            document += piece[at:]
            return len(piece)
        document += piece[at : found.end()]
        match found.group():
            case b'"':
                self._open_string()
            case b"{":
                self._open(b"", key_is_next=True)
            case b"[":
                self._open(None, key_is_next=False)
            case b"}" | b"]":
                if not self._places:
                    raise ValueError("a bracket closes what was never open")
                self._places.pop()
                self._key_is_next = False
            case b",":
                self._key_is_next = bool(self._places) and self._places[-1] is not None
            case _:
                self._key_is_next = False
        return found.end()

    def _open(self, place: bytes | None, *, key_is_next: bool) -> None:
        if len(self._places) == MAX_DEPTH:
            raise ValueError(f"deeper than {MAX_DEPTH} brackets")
        self._places.append(place)
        self._key_is_next = key_is_next

    def _open_string(self) -> None:
        if self._key_is_next:
            self._key.clear()
            self._mode = _Mode.KEY
        elif len(self._places) == len(AUDIO_PLACE) and tuple(self._places) == AUDIO_PLACE:
            if self._found:
                raise ValueError("the audio comes twice")
            self._found = True
            self._mode = _Mode.AUDIO
        else:
            self._mode = _Mode.TEXT

    def _string(self, piece: bytes, at: int, document: bytearray) -> int:
        if self._escape:  # only the byte behind a backslash matters here: it does not end the string
            self._escape = b""
            self._keep_key(piece[at : at + 1])
            document += piece[at : at + 1]
            return at + 1
        found = _STRING_END.search(piece, at)
        end = found.end() if found else len(piece)
        document += piece[at:end]
        if found is None:
            self._keep_key(piece[at:end])
        elif found.group() == b"\\":
            self._keep_key(piece[at:end])
            self._escape = b"\\"
        else:
            self._keep_key(piece[at : end - 1])
            if self._mode is _Mode.KEY:
                self._places[-1] = bytes(self._key)
            self._mode = _Mode.STRUCTURE
        return end

    def _keep_key(self, piece: bytes) -> None:
        if self._mode is _Mode.KEY and len(self._key) <= MAX_KEY_BYTES:
            self._key += piece[: MAX_KEY_BYTES + 1]

    def _audio(self, piece: bytes, at: int, document: bytearray, audio: bytearray) -> int:
        if self._escape:
            return self._escaped(piece, at, audio)
        found = _STRING_END.search(piece, at)
        run = piece[at : found.start() if found else len(piece)]
        audio += self._text.decode(run)
        if found is None:
            return len(piece)
        if found.group() == b"\\":
            self._escape = b"\\"
        else:
            document += b'"'
            self._mode = _Mode.STRUCTURE
        return found.end()

    def _escaped(self, piece: bytes, at: int, audio: bytearray) -> int:
        r"""One more byte of an escape; some writers send `/` as `\/` and `+` as `\u002b`."""
        self._escape += piece[at : at + 1]
        if len(self._escape) == (6 if self._escape.startswith(b"\\u") else 2):
            audio += self._text.decode(orjson.loads(b'"' + self._escape + b'"').encode())
            self._escape = b""
        return at + 1


class _Base64:
    """Decodes a text that comes in pieces of any length."""

    __slots__ = ("_ended", "_left")

    def __init__(self) -> None:
        self._left = b""
        self._ended = False

    def decode(self, text: bytes) -> bytes:
        text = self._left + text
        whole = len(text) - len(text) % 4
        self._left = text[whole:]
        return self._decode(text[:whole])

    def finish(self) -> bytes:
        """What is left when the writer left out the `=` at the end."""
        text, self._left = self._left, b""
        return self._decode(text + b"=" * (-len(text) % 4))

    def _decode(self, text: bytes) -> bytes:
        if not text:
            return b""
        if self._ended:
            raise ValueError("base64 goes on after its end")
        self._ended = text.endswith(b"=")
        return binascii.a2b_base64(text, strict_mode=True)
