"""Just enough of RFC 6455 to load a bridge: whole messages in single frames, and whatever comes back.

The client side masks with a key of zeros, which the standard allows a load generator to foresee: the bytes stay as they
are and can be made beforehand.
"""

import base64
import hashlib
import struct

from websockets.frames import Opcode

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

TEXT, CLOSE, PING, PONG = int(Opcode.TEXT), int(Opcode.CLOSE), int(Opcode.PING), int(Opcode.PONG)

_ZERO_KEY = bytes(4)
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One masked frame."""
    return _head(opcode, len(payload), 0x80) + _ZERO_KEY + payload


def server_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One frame as a server sends it."""
    return _head(opcode, len(payload), 0) + payload


def _head(opcode: int, length: int, masked: int) -> bytes:
    if length < 126:
        return struct.pack("!BB", 0x80 | opcode, masked | length)
    if length < 65536:
        return struct.pack("!BBH", 0x80 | opcode, masked | 126, length)
    return struct.pack("!BBQ", 0x80 | opcode, masked | 127, length)


def accept_key(key: str) -> str:
    """`Sec-WebSocket-Accept` for a request's key."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()


class FrameReader:
    """Frames out of a stream of bytes; a message cut into several frames is put together."""

    __slots__ = ("_parts", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The messages that are complete now: opcode and payload, unmasked."""
        data = self._rest + data if self._rest else data
        messages: list[tuple[int, bytes]] = []
        at, end = 0, len(data)
        while end - at >= 2:
            first, second = data[at], data[at + 1]
            length, start = second & 0x7F, at + 2
            if length == 126:
                start += 2
                if start > end:
                    break
                length = int.from_bytes(data[at + 2 : start], "big")
            elif length == 127:
                start += 8
                if start > end:
                    break
                length = int.from_bytes(data[at + 2 : start], "big")
            body = start + 4 if second & 0x80 else start
            if body + length > end:
                break
            payload = data[body : body + length]
            if second & 0x80 and data[start:body] != _ZERO_KEY:
                payload = apply_mask(payload, data[start:body])
            at = body + length
            self._add(first, payload, messages)
        self._rest = data[at:]
        return messages

    def _add(self, first: int, payload: bytes, messages: list[tuple[int, bytes]]) -> None:
        opcode, final = first & 0x0F, first & 0x80
        if opcode >= 8 or (final and not self._parts):
            messages.append((opcode, payload))
        else:
            self._parts.append(payload)
            if final:
                messages.append((TEXT, b"".join(self._parts)))
                self._parts.clear()
