"""The one-time ticket of a stream: minted by the verified webhook, carried by Twilio, redeemed at `start`."""

import hashlib
import secrets
from typing import Protocol

TOKEN_BYTES = 24
"""192 bits; the text has 32 characters."""

TOKEN_TTL_S = 60.0
"""Twilio opens the stream within a second or two of our answer."""

TOKEN_MAX_CHARS = 100
"""A longer one was never ours: no need to hash it."""


class TokenStore(Protocol):
    """Where tokens are kept; it holds hashes only."""

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Keep a value for so long."""
        ...

    async def take(self, key: str) -> bytes | None:
        """Read and delete in one atomic step: of two at once, one gets it."""
        ...


class StreamTokens:
    """Mints and redeems tokens.

    The store's key is a hash over token, CallSid and account. So a token presented with another call's ids finds
    nothing, and uses nothing up; and who reads the store learns no token.

    What the store raises is passed on.
    """

    __slots__ = ("_store", "_ttl_s")

    def __init__(self, store: TokenStore, *, ttl_s: float = TOKEN_TTL_S) -> None:
        self._store = store
        self._ttl_s = ttl_s

    async def mint(self, call_sid: str, account_sid: str) -> str:
        """A new token for this call: URL-safe text, good once, for 60 s."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        await self._store.set(_key(token, call_sid, account_sid), b"1", ttl_s=self._ttl_s)
        return token

    async def redeem(self, token: str, call_sid: str, account_sid: str) -> bool:
        """Whether the token is this call's and was not used before; True uses it up."""
        if not token or len(token) > TOKEN_MAX_CHARS:
            return False
        return await self._store.take(_key(token, call_sid, account_sid)) is not None


def _key(*parts: str) -> str:
    digests = (hashlib.sha256(part.encode("utf-8", "surrogatepass")).digest() for part in parts)
    return "stream_token:" + hashlib.sha256(b"".join(digests)).hexdigest()
