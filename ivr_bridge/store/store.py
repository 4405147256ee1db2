"""What a store can do: bytes under a key, for a time. Everything in it may be lost at any moment."""

from typing import Literal, Protocol

StoreState = Literal["ok", "degraded", "memory"]
"""`ok`: Redis or Valkey answers; `degraded`: it is lost and memory stands in; `memory`: there is none."""


class Store(Protocol):
    """Bytes under short text keys, each for a time.

    What `open_store` returns never raises `StoreError` and never waits longer than some 50 ms; `RedisStore` alone does.
    Cancelling any call is safe: it has happened wholly or not at all, and a value being taken is then gone.
    """

    @property
    def kind(self) -> str:
        """`redis`, `valkey` or `memory`: for logs and `/readyz`."""
        ...

    def state(self) -> StoreState:
        """How it is now; costs nothing and asks nobody."""
        ...

    async def get(self, key: str) -> bytes | None:
        """The value, or None when there is none (never set, expired, taken, deleted or lost)."""
        ...

    async def set(self, key: str, value: bytes, *, ttl_s: float | None) -> None:
        """Keep `value` for `ttl_s` seconds (> 0, from 1 ms up), or with None for as long as there is room."""
        ...

    async def take(self, key: str) -> bytes | None:
        """Get and delete in one step: of any number who ask, also at once, at most one gets the value."""
        ...

    async def delete(self, key: str) -> None:
        """Forget the key; one that is not there is no error."""
        ...

    async def keys_like(self, prefix: str) -> list[str]:
        """The keys that begin with `prefix`, sorted; walks the whole store: for tests and operators, not for calls."""
        ...

    async def close(self) -> None:
        """Free what it holds: tasks, sockets, child processes. Call it once, last."""
        ...
