"""The REST API that joins Twilio and an agent: a registered call, and a call that the vendor places itself."""

import secrets
from typing import Any

from aiohttp import web

from ivr_bridge.simulator.service.account import Account, new_id
from ivr_bridge.simulator.service.agent_document import agent_of
from ivr_bridge.simulator.service.agents import Agent
from ivr_bridge.simulator.service.conversation_record import document_of
from ivr_bridge.simulator.service.faults import FaultPlan
from ivr_bridge.simulator.service.merge import merged
from ivr_bridge.simulator.service.refusals import Invalid, Refusal, field, found, input_invalid, read_object
from ivr_bridge.simulator.service.register_call import BadRegistration, answer_registration, check_registration


class TwilioRest:
    """The handlers; `routes` lists them."""

    def __init__(self, account: Account, plan: FaultPlan) -> None:
        self._account = account
        self._plan = plan

    def routes(self) -> list[web.RouteDef]:
        """Every route of Twilio."""
        return [
            web.post("/v1/convai/twilio/register-call", self._register_call),
            web.post("/v1/convai/twilio/outbound-call", self._outbound_call),
        ]

    def _agent(self, agent_id: str) -> Agent:
        """The agent, which must speak as a telephone does."""
        agent = found(None if self._plan.now() == "no_agent" else agent_of(self._account, agent_id), "agent")
        if {agent.output_format, agent.input_format} != {"ulaw_8000"}:
            raise input_invalid("Twilio needs an agent with ulaw_8000 both ways.")
        return agent

    async def _register_call(self, request: web.Request) -> web.Response:
        """TwiML that joins Twilio and an agent: text/html, as the vendor says."""
        try:
            body = check_registration(await request.json())
        except BadRegistration as bad:
            raise Invalid(f"body.{bad.field}".rstrip("."), str(bad), bad.kind) from bad
        except ValueError as error:
            raise Invalid("body", "JSON decode error", "json_invalid") from error
        agent = self._agent(body["agent_id"])
        try:
            return web.Response(text=answer_registration(agent, body), content_type="text/html")
        except BadRegistration as bad:
            raise Refusal(400, "validation_error", bad.kind, str(bad)) from bad

    async def _outbound_call(self, request: web.Request) -> web.Response:
        """A call that is counted and kept, and rings nowhere; each request is one more."""
        body = await read_object(request)
        agent_id, number_id, to_number = (
            field(body, name, str, required=True) for name in ("agent_id", "agent_phone_number_id", "to_number")
        )
        agent = self._agent(agent_id)
        number = found(self._account.phone_numbers.get(number_id), "phone_number")
        if not number["supports_outbound"]:
            raise input_invalid("The phone number does not support outbound calls.")
        conversation_id, call_sid = new_id("conv"), f"CA{secrets.token_hex(16)}"
        phone_call: dict[str, Any] = {
            "type": "twilio",
            "direction": "outbound",
            "phone_number_id": number_id,
            "agent_number": number["phone_number"],
            "external_number": to_number,
            "stream_sid": "",
            "call_sid": call_sid,
        }
        document = document_of(
            conversation_id,
            agent,
            status="initiated",
            authorization="authorization_header",
            client_data=field(body, "conversation_initiation_client_data", dict) or {},
        )
        self._account.conversations.put(conversation_id, merged(document, {"metadata": {"phone_call": phone_call}}))
        return web.json_response(
            {"success": True, "message": "Success", "conversation_id": conversation_id, "callSid": call_sid}
        )
