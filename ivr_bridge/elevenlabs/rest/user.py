"""Whose key it is, and what the account has left.

Source: https://elevenlabs.io/docs/api-reference/user/get
"""

from pydantic import Field

from ivr_bridge.elevenlabs.rest.answer import Answer
from ivr_bridge.elevenlabs.rest.asking import ask
from ivr_bridge.elevenlabs.rest.request import Request
from ivr_bridge.elevenlabs.rest.transport import Transport


class Subscription(Answer):
    """What is paid for, and what is used of it."""

    tier: str
    """`free`, `starter`, `creator`, `pro`, `scale`, `business` ..."""
    character_count: int
    """Used since the last reset."""
    character_limit: int
    status: str = ""
    """`active`, `trialing`, `past_due`, `free` ..."""
    next_character_count_reset_unix: int | None = None
    """In seconds."""

    @property
    def characters_left(self) -> int:
        """Until the next reset; never below 0."""
        return max(0, self.character_limit - self.character_count)


class Account(Answer):
    """The key's owner."""

    user_id: str
    subscription: Subscription
    first_name: str | None = None
    xi_api_key: str | None = Field(None, repr=False)
    """Older accounts are told their key again; do not print it."""
    xi_api_key_preview: str | None = Field(None, repr=False)


class User:
    """The key's owner."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self) -> Account:
        """Who it is; `VendorRejected` with `missing_permissions` when the key is right and may not know."""
        return await ask(self._transport, Request("GET", "/v1/user"), Account)

    async def subscription(self) -> Subscription:
        """What the account may use, and has used."""
        return await ask(self._transport, Request("GET", "/v1/user/subscription"), Subscription)
