"""The vendor's REST API as one object: a client with a resource for each part.

    async with ElevenLabsAPIClient(api_keys=("...",)) as client:
        async for agent in client.agents.list():
            print(agent.name)

Source: https://elevenlabs.io/docs/api-reference/introduction
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from ivr_bridge.elevenlabs.rest.agents import Agents
from ivr_bridge.elevenlabs.rest.answer_cache import AnswerCache
from ivr_bridge.elevenlabs.rest.conversations import Conversations
from ivr_bridge.elevenlabs.rest.knowledge_base import KnowledgeBase
from ivr_bridge.elevenlabs.rest.limits import Limits
from ivr_bridge.elevenlabs.rest.models import Models
from ivr_bridge.elevenlabs.rest.phone_numbers import PhoneNumbers
from ivr_bridge.elevenlabs.rest.secrets import Secrets
from ivr_bridge.elevenlabs.rest.text_to_speech import TextToSpeech
from ivr_bridge.elevenlabs.rest.tools import Tools
from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.elevenlabs.rest.twilio_calls import TwilioCalls
from ivr_bridge.elevenlabs.rest.usage import Usage
from ivr_bridge.elevenlabs.rest.user import User
from ivr_bridge.elevenlabs.rest.voices import Voices
from ivr_bridge.settings import ELEVENLABS_URL
from ivr_bridge.telemetry.log import Log


class ElevenLabsAPIClient:
    """One account at one host; made once, shared by all tasks of an event loop, closed at the end.

    Its methods raise `VendorError`; cancelling one is safe, though what it asked for may have happened.

    Args:
        base_url: scheme and host; a `/v1` at its end is dropped.
        api_keys: the first one is used until the vendor says that it is invalid, then the next; a text is read as
            `ELEVENLABS_API_KEY` is, with commas between keys. Empty for none.
        log: of the server; without it one of its own.
        cache: where answers are remembered that may be given once more; without it the process's memory.
        limits: how many requests go out.
    """

    __slots__ = (
        "agents",
        "conversations",
        "knowledge_base",
        "models",
        "phone_numbers",
        "secrets",
        "text_to_speech",
        "tools",
        "transport",
        "twilio",
        "usage",
        "user",
        "voices",
    )

    def __init__(
        self,
        base_url: str = ELEVENLABS_URL,
        api_keys: str | Sequence[str] = (),
        *,
        log: Log | None = None,
        cache: AnswerCache | None = None,
        limits: Limits | None = None,
    ) -> None:
        keys = [key.strip() for key in api_keys.split(",")] if isinstance(api_keys, str) else api_keys
        self.transport = transport = Transport(base_url, keys, log=log, cache=cache, limits=limits)
        self.agents = Agents(transport)
        self.conversations = Conversations(transport)
        self.knowledge_base = KnowledgeBase(transport)
        self.models = Models(transport)
        self.phone_numbers = PhoneNumbers(transport)
        self.secrets = Secrets(transport)
        self.text_to_speech = TextToSpeech(transport)
        self.tools = Tools(transport)
        self.twilio = TwilioCalls(transport)
        self.usage = Usage(transport)
        self.user = User(transport)
        self.voices = Voices(transport)

    @property
    def base_url(self) -> str:
        """Scheme and host, without `/v1`."""
        return self.transport.base_url

    @property
    def websocket_url(self) -> str:
        """The same host for WebSockets: `wss://` beside `https://`, `ws://` beside `http://`."""
        return "ws" + self.base_url.removeprefix("http")

    @property
    def key_header(self) -> dict[str, str]:
        """`xi-api-key`, for a WebSocket that is opened with the key itself; empty without a key. Never log it."""
        return self.transport.keys.header

    async def close(self) -> None:
        """Close the session; a later request would make a new one."""
        await self.transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
