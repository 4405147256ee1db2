"""A store in Redis or Valkey, by URL: the only file that knows the client library."""

import asyncio
import re
from collections.abc import Awaitable
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from ivr_bridge.errors import ConfigError, StoreError
from ivr_bridge.store.store import StoreState

KEY_PREFIX = "ivr_bridge:"
"""Before every key, so that a Redis may be shared with other programs."""

LIMIT_S = 1.0
"""For one operation, the opening of a connection included."""

MAX_CONNECTIONS = 8

Answer = TypeVar("Answer")


class RedisStore:
    """Redis >= 6.2 or Valkey (`GETDEL` is what makes `take` atomic).

    Args:
        url: `redis://[user:password@]host:port/db`, `rediss://...` (TLS) or `unix:///path.sock`; options of the client
            library may follow as a query.
        kind: for logs, see `Store.kind`.
        limit_s: for one operation, see `LIMIT_S`.

    Raises:
        ConfigError: not such a URL. The message never shows it, as it may hold a password.

    Every operation raises `StoreError` when there is no connection, no answer in time, or a refusal.
    """

    def __init__(self, url: str, *, kind: str = "redis", limit_s: float = LIMIT_S) -> None:
        self.kind = kind
        self.address = address_of(url)
        self._limit_s = limit_s
        try:
            self._pool: redis.asyncio.BlockingConnectionPool = redis.asyncio.BlockingConnectionPool.from_url(
                url,
                max_connections=MAX_CONNECTIONS,
                timeout=limit_s,
                # The time limit is ours, in `_answer`: the library's is asyncio.wait_for, which can swallow a
                # cancellation in Python 3.11.
                socket_timeout=None,
                socket_connect_timeout=limit_s,
                protocol=2,
                # A connection that the server closed while idle is opened again at once; nothing else is tried twice.
                retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            )
            self._pool.connection_class(**self._pool.connection_kwargs)  # an unknown option shows here and not later
        except (ValueError, TypeError):
            raise ConfigError("REDIS_URL: an option after the ? is not known, or cannot have this value") from None
        self._redis = redis.asyncio.Redis(connection_pool=self._pool)

    def state(self) -> StoreState:
        """Always `ok`: it does not remember what failed (`ResilientStore` does)."""
        return "ok"

    async def get(self, key: str) -> bytes | None:
        """See `Store.get`."""
        return await self._value(self._redis.get(KEY_PREFIX + key))

    async def set(self, key: str, value: bytes, *, ttl_s: float | None) -> None:
        """See `Store.set`."""
        ttl_ms = None if ttl_s is None else max(1, round(ttl_s * 1000))
        await self._answer(self._redis.set(KEY_PREFIX + key, value, px=ttl_ms))

    async def take(self, key: str) -> bytes | None:
        """See `Store.take`; by GETDEL, so that it holds among any number of servers."""
        return await self._value(self._redis.getdel(KEY_PREFIX + key))

    async def delete(self, key: str) -> None:
        """See `Store.delete`."""
        await self._answer(self._redis.delete(KEY_PREFIX + key))

    async def keys_like(self, prefix: str) -> list[str]:
        """See `Store.keys_like`."""
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", KEY_PREFIX + prefix) + "*"

        async def scan() -> set[bytes]:
            return {key async for key in self._redis.scan_iter(match=pattern, count=1000)}

        return sorted(key.decode().removeprefix(KEY_PREFIX) for key in await self._answer(scan()))

    async def ping(self) -> None:
        """Whether it can do what it is for: write, and take. A read-only replica or a full server cannot.

        Raises:
            StoreError: it cannot.
        """
        key = KEY_PREFIX + "ping"
        await self._answer(self._redis.set(key, b"1", px=1000))
        await self._answer(self._redis.getdel(key))

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()
        await self._pool.disconnect()

    async def _value(self, command: Awaitable[bytes | str | None]) -> bytes | None:
        value = await self._answer(command)
        return value.encode() if isinstance(value, str) else value

    async def _answer(self, command: Awaitable[Answer]) -> Answer:
        try:
            async with asyncio.timeout(self._limit_s):
                return await command
        except TimeoutError as error:
            raise StoreError(f"no answer from {self.address} in time") from error
        except (RedisError, OSError) as error:
            raise StoreError(f"{self.address}: {error or type(error).__name__}") from error


def address_of(url: str) -> str:
    """Where a URL points, without user, password and options: fit for a log.

    Raises:
        ConfigError: not a redis, rediss or unix URL.
    """
    wrong = ConfigError(
        "REDIS_URL: must be redis://HOST:PORT/DB, rediss://... or unix:///PATH "
        "(in the password / is written %2F, # is %23, @ is %40)"
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong from None  # the library's words would quote the password
    if parts.scheme == "unix" and parts.path:
        return f"unix://{unquote(parts.path)}"
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise wrong
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port or 6379}{parts.path}"
