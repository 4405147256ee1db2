"""The conversation socket: a signed URL, a public agent, or a key in the header opens it."""

import asyncio
import secrets
import time

from aiohttp import web

from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.agent_document import agent_of
from ivr_bridge.simulator.service.agents import Agent
from ivr_bridge.simulator.service.connection import reset
from ivr_bridge.simulator.service.conversation import Conversation
from ivr_bridge.simulator.service.conversation_record import ConversationRecord
from ivr_bridge.simulator.service.dialect import Dialect
from ivr_bridge.simulator.service.keys import Keys
from ivr_bridge.simulator.service.legacy_dialect import LegacyDialect
from ivr_bridge.simulator.service.post_call import PostCall
from ivr_bridge.simulator.service.refusals import Refusal, bad_key, dark, found
from ivr_bridge.simulator.service.request_log import RequestLog
from ivr_bridge.simulator.service.signing import Signer
from ivr_bridge.simulator.service.stage import Stage

_LARGEST_MESSAGE_BYTES = 16 * 2**20


class ConversationDoor:
    """Opens conversations, and closes those that are left when the sandbox stops."""

    def __init__(
        self,
        account: Account,
        keys: Keys,
        stage: Stage,
        *,
        signer: Signer,
        log: RequestLog,
        post_call: PostCall,
    ) -> None:
        self._account = account
        self._keys = keys
        self._signer = signer
        self._stage = stage
        self._log = log
        self._post_call = post_call
        self._open: set[web.WebSocketResponse] = set()

    def routes(self) -> list[web.RouteDef]:
        """The sockets."""
        return [web.get("/v1/convai/conversation", self._converse), web.get("/v1/convai/stream", self._converse_of_old)]

    async def _converse(self, request: web.Request) -> web.StreamResponse:
        """Today's dialect."""
        fault = await self._fault_of(request)
        if fault == "outage":
            return dark()
        agent_id, conversation_id, authorization = self._asked_for(request)
        agent = self._agent(agent_id, fault)
        if agent.private and authorization == "public":
            raise Refusal(403, "authorization_error", "unauthorized", "This agent needs a signed URL.")
        return await self._hold(request, agent, conversation_id, authorization, fault=fault, dialect=Dialect())

    async def _converse_of_old(self, request: web.Request) -> web.StreamResponse:
        """The older dialect: the key in the header or in the query, and nothing without one."""
        fault = await self._fault_of(request)
        if fault == "outage":
            return dark()
        if not self._keys.accepts(request.headers.get("xi-api-key") or request.query.get("xi-api-key")):
            raise bad_key()
        agent = self._agent(request.query.get("agent_id", ""), fault)
        conversation_id, opened = f"conv_{secrets.token_hex(12)}", "authorization_header"
        return await self._hold(request, agent, conversation_id, opened, fault=fault, dialect=LegacyDialect())

    async def _fault_of(self, request: web.Request) -> str | None:
        """The fault of the conversation that `request` opens; `hang` never comes back, `outage` has happened."""
        plan = self._stage.plan
        fault = plan.of(plan.number_of(request.query.get("conversation_signature")))
        if fault == "hang":
            await asyncio.Event().wait()
        if fault == "outage":
            reset(request)
        return fault

    def _agent(self, agent_id: str, fault: str | None) -> Agent:
        """The account's agent."""
        return found(None if fault == "no_agent" else agent_of(self._account, agent_id), "agent")

    def _asked_for(self, request: web.Request) -> tuple[str, str, str]:
        """Agent id, conversation id, and in the vendor's word how the conversation is opened.

        Raises:
            Refusal: a signature or a key that is not good.
        """
        conversation_id = f"conv_{secrets.token_hex(12)}"
        agent_id = request.query.get("agent_id", "")
        signature = request.query.get("conversation_signature")
        header = request.headers.get("xi-api-key")
        if header is not None and not self._keys.accepts(header):
            raise bad_key()
        if signature is None:
            return agent_id, conversation_id, "public" if header is None else "authorization_header"
        signed = self._signer.check(signature, time.time())
        if signed is None or (agent_id and agent_id != signed[0]):
            raise Refusal(403, "authorization_error", "invalid_signature", "The signature is not valid.")
        return signed[0], signed[1] or conversation_id, "signed_url"

    async def _hold(
        self,
        request: web.Request,
        agent: Agent,
        conversation_id: str,
        authorization: str,
        *,
        fault: str | None,
        dialect: Dialect,
    ) -> web.StreamResponse:
        """Upgrade and converse."""
        polite = fault != "half_open"
        socket = web.WebSocketResponse(
            protocols=("convai",),
            max_msg_size=_LARGEST_MESSAGE_BYTES,
            timeout=2.0,
            autoping=polite,
            autoclose=polite,
        )
        await socket.prepare(request)
        self._open.add(socket)
        clock = asyncio.get_running_loop().time
        record = ConversationRecord(self._account, agent, conversation_id, authorization, clock)
        log = self._log.begin(conversation_id, agent.agent_id)
        try:
            conversation = Conversation(
                socket, request, agent, self._stage, fault=fault, log=log, record=record, dialect=dialect
            )
            await conversation.run()
        finally:
            self._open.discard(socket)
            self._post_call.follow(record)
        return socket

    async def close(self, _app: web.Application) -> None:
        """End the conversations that are left, when the sandbox stops."""
        for socket in list(self._open):
            await socket.close(code=1001, message=b"sandbox stops")
