"""Secrets that the vendor keeps for tools and webhooks; their values go in and never come out.

Source: https://elevenlabs.io/docs/api-reference/workspace/secrets
"""

from collections.abc import AsyncIterator
from typing import Any

from ivr_bridge.elevenlabs.rest.answer import Answer
from ivr_bridge.elevenlabs.rest.asking import ask
from ivr_bridge.elevenlabs.rest.hidden import HiddenBody, hidden
from ivr_bridge.elevenlabs.rest.pages import pages
from ivr_bridge.elevenlabs.rest.request import Repeat, Request, segment
from ivr_bridge.elevenlabs.rest.transport import Transport

_PATH = "/v1/convai/secrets"
_PAGE_SIZE = 100


class StoredSecret(Answer):
    """A secret's name and id; nobody is told its value."""

    secret_id: str
    name: str
    used_by: dict[str, Any] = {}
    """Lists of the `tools`, `agents`, `phone_numbers` ... that use it; empty right after it was made."""


class SecretsPage(Answer):
    """One page of the list."""

    secrets: tuple[StoredSecret, ...]
    next_cursor: str | None = None


class Secrets:
    """The account's secrets. No error and no `repr` holds a value."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, search: str | None = None, page_size: int = _PAGE_SIZE) -> AsyncIterator[StoredSecret]:
        """Every secret whose name begins with `search`, page by page (1 to 100 in one answer)."""
        request = Request("GET", _PATH, {"page_size": page_size, "search": search})
        return pages(self._transport, request, SecretsPage, lambda page: page.secrets)

    async def get(self, secret_id: str) -> StoredSecret:
        """One secret's name and users."""
        return await ask(self._transport, Request("GET", _of(secret_id)), StoredSecret)

    async def create(self, name: str, value: str) -> StoredSecret:
        """Keep a new secret.

        Raises:
            ValueError: the value is empty.
            VendorError: no answer or an error; its words do not hold the value.
        """
        with hidden(value):
            body = HiddenBody({"type": "new", "name": name, "value": value})
            return await ask(self._transport, Request("POST", _PATH, json=body, repeat=Repeat.UNSENT), StoredSecret)

    async def update(self, secret_id: str, name: str, value: str) -> StoredSecret:
        """Give a secret another value, and its name.

        Raises:
            ValueError: the value is empty.
            VendorError: no answer or an error; its words do not hold the value.
        """
        with hidden(value):
            body = HiddenBody({"type": "update", "name": name, "value": value})
            return await ask(self._transport, Request("PATCH", _of(secret_id), json=body), StoredSecret)

    async def delete(self, secret_id: str) -> None:
        """Delete a secret that nothing uses."""
        await self._transport.empty(Request("DELETE", _of(secret_id)))


def _of(secret_id: str) -> str:
    return f"{_PATH}/{segment(secret_id)}"
