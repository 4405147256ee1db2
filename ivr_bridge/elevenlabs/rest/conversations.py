"""Conversations: what opens one, and what the vendor keeps of those that were held.

Source: https://elevenlabs.io/docs/api-reference/conversations/get-signed-url
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Literal, Unpack, cast

from pydantic import Field

from ivr_bridge.elevenlabs.rest.answer import Answer
from ivr_bridge.elevenlabs.rest.asking import ask
from ivr_bridge.elevenlabs.rest.conversation_filters import ConversationFilters
from ivr_bridge.elevenlabs.rest.conversation_record import Conversation, ConversationEntry, ConversationsPage
from ivr_bridge.elevenlabs.rest.pages import pages
from ivr_bridge.elevenlabs.rest.request import Query, Repeat, Request, segment
from ivr_bridge.elevenlabs.rest.transport import Transport

_PATH = "/v1/convai/conversations"
_PAGE_SIZE = 100


class SignedUrl(Answer):
    """A secret, and opaque."""

    signed_url: str = Field(min_length=1, repr=False)


class Conversations:
    """Conversations of the account."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get_signed_url(
        self, agent_id: str, *, include_conversation_id: bool = False, timeout_s: float = 5.0
    ) -> str:
        """A `wss://` URL that opens one conversation with the agent, within 15 minutes, for whoever holds it.

        It is a secret and opaque: never log it, open it byte for byte. Nothing is tried again: a caller is waiting,
        and the bridge has its own next step.

        Args:
            agent_id: whom to talk to.
            include_conversation_id: also fix the conversation's id; the URL then works once only.
            timeout_s: a caller is waiting.

        Raises:
            VendorError: no answer, an error, or no URL in it.
        """
        query = {"agent_id": agent_id, "include_conversation_id": True if include_conversation_id else None}
        path = "/v1/convai/conversation/get-signed-url"
        request = Request("GET", path, query, repeat=Repeat.NEVER, timeout_s=timeout_s)
        return (await ask(self._transport, request, SignedUrl)).signed_url

    def list(
        self, *, page_size: int = _PAGE_SIZE, **filters: Unpack[ConversationFilters]
    ) -> AsyncIterator[ConversationEntry]:
        """Every conversation that fits, page by page (1 to 100 in one answer), the newest first."""
        request = Request("GET", _PATH, {"page_size": page_size, **cast("Query", filters)})
        return pages(self._transport, request, ConversationsPage, lambda page: page.conversations)

    async def get(self, conversation_id: str) -> Conversation:
        """One conversation. Right after its end its `status` is `processing`; `analysis` comes later."""
        return await ask(self._transport, Request("GET", _of(conversation_id)), Conversation)

    async def delete(self, conversation_id: str) -> None:
        """Delete a conversation with its transcript and audio."""
        await self._transport.empty(Request("DELETE", _of(conversation_id)))

    async def audio(self, conversation_id: str, *, timeout_s: float = 60.0) -> AsyncGenerator[bytes, None]:
        """Both sides as one MP3, in pieces of any length as they come.

        Who stops early closes it (`contextlib.aclosing`): the rest is not fetched then.

        Args:
            conversation_id: one that `has_audio` and is `done`.
            timeout_s: for the first piece, and between two.

        Raises:
            VendorError: no answer, an error (404: there is none, or not yet), or no audio.
        """
        request = Request("GET", f"{_of(conversation_id)}/audio", timeout_s=timeout_s)
        async with self._transport.stream(request, audio=True) as download:
            async for piece in download:
                yield piece

    async def save_audio(self, conversation_id: str, path: Path, *, timeout_s: float = 60.0) -> int:
        """Both sides as one MP3 in a file, which is there whole or not at all; one that was there is replaced.

        Returns:
            Its length in bytes.

        Raises:
            VendorError: as `audio`.
            OSError: it cannot be written.
        """
        part = path.with_name(f".{path.name}.part")
        length_bytes = 0
        try:
            with part.open("wb") as file:  # opened in a thread, a cancelling would lose it
                async with aclosing(self.audio(conversation_id, timeout_s=timeout_s)) as pieces:
                    async for piece in pieces:
                        length_bytes += await asyncio.to_thread(file.write, piece)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return length_bytes

    async def give_feedback(self, conversation_id: str, feedback: Literal["like", "dislike"] | None) -> None:
        """Say how a conversation was; None takes back what was said."""
        request = Request("POST", f"{_of(conversation_id)}/feedback", json={"feedback": feedback})
        await self._transport.empty(request)


def _of(conversation_id: str) -> str:
    return f"{_PATH}/{segment(conversation_id)}"
