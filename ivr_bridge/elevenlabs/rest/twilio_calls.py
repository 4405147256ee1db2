"""Calls that the vendor makes or takes over through Twilio by itself, without our bridge.

Source: https://elevenlabs.io/docs/api-reference/twilio/outbound-call
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from ivr_bridge.elevenlabs.rest.answer import Answer
from ivr_bridge.elevenlabs.rest.asking import ask, given
from ivr_bridge.elevenlabs.rest.register_call import register_call
from ivr_bridge.elevenlabs.rest.request import Repeat, Request
from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.errors import VendorRejected

_PATH = "/v1/convai/twilio"
_RINGING_S = range(1, 1000)


class OutboundCall(Answer):
    """A call that is on its way."""

    success: bool
    message: str = ""
    conversation_id: str | None = None
    call_sid: str | None = Field(None, alias="callSid")


class TwilioCalls:
    """Calls by the vendor's own way to Twilio."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def outbound_call(
        self,
        *,
        agent_id: str,
        agent_phone_number_id: str,
        to_number: str,
        conversation_initiation_client_data: Mapping[str, object] | None = None,
        call_recording_enabled: bool | None = None,
        ringing_timeout_secs: int | None = None,
        timeout_s: float = 30.0,
    ) -> OutboundCall:
        """Have somebody called, and talked to by the agent.

        It is tried again only when the vendor surely did nothing: after a lost answer the phone may be ringing, so
        look into the list of conversations before you ask again.

        Args:
            agent_id: who talks.
            agent_phone_number_id: which of the vendor's numbers calls.
            to_number: who is called, E.164.
            conversation_initiation_client_data: variables and overrides of this conversation.
            call_recording_enabled: whether Twilio records; None leaves it to the account.
            ringing_timeout_secs: how long it rings, 1 to 999; the vendor's default is 60.
            timeout_s: for the vendor's answer.

        Raises:
            ValueError: `ringing_timeout_secs` is out of range.
            VendorError: no answer or an error; `VendorRejected` too when the answer says that nobody is called.

        Source: https://elevenlabs.io/docs/api-reference/twilio/outbound-call
        """
        if ringing_timeout_secs is not None and ringing_timeout_secs not in _RINGING_S:
            raise ValueError(f"ringing_timeout_secs is {ringing_timeout_secs}, and may be 1 to 999")
        ringing = None if ringing_timeout_secs is None else {"ringing_timeout_secs": ringing_timeout_secs}
        body = given(
            agent_id=agent_id,
            agent_phone_number_id=agent_phone_number_id,
            to_number=to_number,
            conversation_initiation_client_data=conversation_initiation_client_data,
            call_recording_enabled=call_recording_enabled,
            telephony_call_config=ringing,
        )
        request = Request("POST", f"{_PATH}/outbound-call", json=body, repeat=Repeat.UNSENT, timeout_s=timeout_s)
        call = await ask(self._transport, request, OutboundCall)
        if not call.success:
            raise VendorRejected(f"{request.what}: nobody is called: {call.message[:300]}", status=200)
        return call

    async def register_call(
        self,
        *,
        agent_id: str,
        caller: str,
        called: str,
        direction: Literal["inbound", "outbound"] = "inbound",
        dynamic_variables: Mapping[str, object] | None = None,
        first_message: str | None = None,
        timeout_s: float = 3.0,
    ) -> str:
        """TwiML that hands a call of ours over; see `register_call` in register_call.py."""
        return await register_call(
            self._transport,
            agent_id=agent_id,
            caller=caller,
            called=called,
            direction=direction,
            dynamic_variables=dynamic_variables,
            first_message=first_message,
            timeout_s=timeout_s,
        )
