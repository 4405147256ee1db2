"""Phone numbers that the vendor knows.

Source: https://elevenlabs.io/docs/api-reference/phone-numbers
"""

from collections.abc import AsyncIterator
from typing import Literal, TypedDict, Unpack

from ivr_bridge.elevenlabs.rest.answer import Answer, read_answer
from ivr_bridge.elevenlabs.rest.asking import ask, given
from ivr_bridge.elevenlabs.rest.hidden import HiddenBody, hidden
from ivr_bridge.elevenlabs.rest.request import Repeat, Request, segment
from ivr_bridge.elevenlabs.rest.transport import Transport

_PATH = "/v1/convai/phone-numbers"


class AssignedAgent(Answer):
    """Who answers a number."""

    agent_id: str
    agent_name: str = ""


class PhoneNumber(Answer):
    """One number, of whatever provider."""

    phone_number_id: str
    phone_number: str
    label: str = ""
    provider: str = "twilio"
    assigned_agent: AssignedAgent | None = None
    supports_inbound: bool = True
    supports_outbound: bool = True


class _NewNumber(Answer):
    phone_number_id: str


class _Numbers(Answer):
    phone_numbers: tuple[PhoneNumber, ...]


class NumberChanges(TypedDict, total=False):
    """What may be changed of a number; what is not there stays. `agent_id: None`: nobody answers it."""

    agent_id: str | None
    label: str
    environment: str | None
    branch_id: str | None


class PhoneNumbers:
    """The account's phone numbers."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(
        self,
        *,
        provider: Literal["twilio", "exotel", "sip_trunk"] | None = None,
        agent_id: str | None = None,
    ) -> AsyncIterator[PhoneNumber]:
        """Every number, or those of a provider or an agent; they come in one answer."""
        request = Request("GET", _PATH, {"provider": provider, "agent_id": agent_id})
        answer = {"phone_numbers": await self._transport.json(request)}
        for number in read_answer(_Numbers, answer, request.what).phone_numbers:
            yield number

    async def get(self, phone_number_id: str) -> PhoneNumber:
        """One number."""
        return await ask(self._transport, Request("GET", _of(phone_number_id)), PhoneNumber)

    async def create_twilio(
        self,
        phone_number: str,
        *,
        label: str,
        sid: str,
        token: str,
        agent_id: str | None = None,
        supports_inbound: bool | None = None,
        supports_outbound: bool | None = None,
    ) -> str:
        """Let the vendor use a number of a Twilio account; it sets the number's webhooks to itself.

        Args:
            phone_number: E.164, such as +15551230000.
            label: for people.
            sid: of the Twilio account.
            token: its auth token; in no error and no `repr`.
            agent_id: who answers.
            supports_inbound: whether it may be called; the vendor's default is yes.
            supports_outbound: whether it may call; the vendor's default is yes.

        Returns:
            The `phone_number_id`.

        Raises:
            ValueError: the token is empty.
            VendorError: no answer or an error.
        """
        with hidden(token):
            body = HiddenBody(
                given(
                    provider="twilio",
                    phone_number=phone_number,
                    label=label,
                    sid=sid,
                    token=token,
                    agent_id=agent_id,
                    supports_inbound=supports_inbound,
                    supports_outbound=supports_outbound,
                )
            )
            request = Request("POST", _PATH, json=body, repeat=Repeat.UNSENT, timeout_s=60.0)
            return (await ask(self._transport, request, _NewNumber)).phone_number_id

    async def update(self, phone_number_id: str, **changes: Unpack[NumberChanges]) -> PhoneNumber:
        """Change who answers a number, or its label."""
        return await ask(self._transport, Request("PATCH", _of(phone_number_id), json=dict(changes)), PhoneNumber)

    async def delete(self, phone_number_id: str) -> None:
        """The vendor forgets the number; Twilio keeps it."""
        await self._transport.empty(Request("DELETE", _of(phone_number_id)))


def _of(phone_number_id: str) -> str:
    return f"{_PATH}/{segment(phone_number_id)}"
