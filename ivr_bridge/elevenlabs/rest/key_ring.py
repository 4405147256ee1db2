"""The account's keys: one is used until the vendor says that it is invalid, then the next."""

import hashlib
from collections.abc import Sequence
from urllib.parse import quote

from ivr_bridge.errors import BridgeError, VendorError
from ivr_bridge.telemetry.events import VENDOR_KEY_REFUSED
from ivr_bridge.telemetry.log import Log

INVALID = "invalid_api_key"
"""The only word of the vendor's that moves on to the next key: no other key mends a quota or a permission."""

_SHOWN_CHARS = 4
_SHOWN_OF_CHARS = 16
"""A shorter key is shown not at all: its end would be too much of it."""

_MASK = "<hidden>"
_STRUCK_CHARS = 8
"""A shorter key is no secret of the vendor's, but may be a part of any word."""


class KeyRing:
    """Keys in the order of their use; none of them stands in an error, a log line or a `repr`.

    A key that was refused is not used again by this ring. The last one left is used even then, so that a vendor who
    refuses a good key for a while does not end the server.

    Args:
        keys: the first one is used first; empty for a server that wants none.
        log: of the server.
    """

    __slots__ = ("_at", "_keys", "_log", "_refused")

    def __init__(self, keys: Sequence[str], log: Log) -> None:
        self._keys = tuple(dict.fromkeys(key for key in keys if key))
        self._at = 0
        self._refused: set[int] = set()
        self._log = log

    @property
    def header(self) -> dict[str, str]:
        """`xi-api-key` with the key in use; empty without keys. Never log it."""
        return self.header_of(self._at)

    def header_of(self, position: int) -> dict[str, str]:
        """`xi-api-key` with the key at this position."""
        return {"xi-api-key": self._keys[position]} if self._keys else {}

    @property
    def position(self) -> int:
        """Of the key in use, from 0; give it back to `refused`."""
        return self._at

    @property
    def account(self) -> str:
        """Another one for another set of keys, without telling any: for names of what is remembered."""
        return hashlib.sha256("\n".join(sorted(self._keys)).encode()).hexdigest()[:12]

    def strike(self, error: BridgeError) -> None:
        """Take every key out of the words of `error`: who was asked may have repeated what was sent, or its URL."""
        keys = [spelling for key in self._keys if len(key) >= _STRUCK_CHARS for spelling in (key, quote(key, safe=""))]
        words = str(error)
        for key in keys:
            words = words.replace(key, _MASK)
        if words != str(error):
            error.args = (words,)

    def refused(self, position: int, error: VendorError) -> bool:
        """Note that a request with this key failed.

        Args:
            position: of the key that it was sent with.
            error: the vendor's answer; anything but 401 `invalid_api_key` changes nothing.

        Returns:
            Whether to ask again at once, with another key. When the last one is refused, `error` says so.
        """
        if error.status != 401 or error.vendor_code != INVALID or not self._keys:
            return False
        if position not in self._refused:
            self._refused.add(position)
            self._log.emit(
                VENDOR_KEY_REFUSED,
                position=position + 1,
                of=len(self._keys),
                ends_with=self._end_of(position),
                left=len(self._keys) - len(self._refused),
            )
        if position != self._at:
            return True
        if position + 1 < len(self._keys):
            self._at = position + 1
            return True
        if len(self._keys) > 1:
            error.args = (f"{error} (every one of the {len(self._keys)} keys was refused)",)
        return False

    def _end_of(self, position: int) -> str:
        key = self._keys[position]
        return key[-_SHOWN_CHARS:] if len(key) >= _SHOWN_OF_CHARS else ""
