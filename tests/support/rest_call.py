"""One call of our REST client and the same one made with the vendor's own library."""

from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from elevenlabs.client import AsyncElevenLabs

from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient

DATA = {"dynamic_variables": {"name": "Ana"}, "conversation_config_override": {"agent": {"first_message": "Hi"}}}
"""Of a conversation that is about to begin."""

Ours = Callable[[ElevenLabsAPIClient], Awaitable[Any] | AsyncIterable[Any]]
Theirs = Callable[[AsyncElevenLabs], Awaitable[Any] | AsyncIterable[Any]]


@dataclass(frozen=True)
class Call:
    """`name` is that of our method; `theirs` makes the same request with the vendor's library.

    `newer` are the problems that the request has by the OpenAPI file because the library is newer than the file.
    """

    name: str
    ours: Ours
    theirs: Theirs
    newer: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


async def made(call: Awaitable[Any] | AsyncIterable[Any]) -> Any:
    """Wait for a call, to the end of what it gives."""
    answer = await call if isinstance(call, Awaitable) else call
    return [item async for item in answer] if isinstance(answer, AsyncIterable) else answer
